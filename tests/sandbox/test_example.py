"""The example provider: the suite of its own tests here, and once as its authors would run it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.dists import EXAMPLE

sys.path.append(str(EXAMPLE))

from test_sandbox_by_command import TestByCommand

__all__ = ["TestByCommand"]


def test_its_tests_run_outside_of_this_project(tmp_path: Path) -> None:
    for path in EXAMPLE.glob("*.*"):
        shutil.copy(path, tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-k", "bash_starts or close_ends or astray"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stdout
    assert "3 passed" in ran.stdout

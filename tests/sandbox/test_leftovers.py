from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from jupyter_agents.sandbox.leftovers import make_directory, of_dead_servers


def test_what_dead_servers_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, own, other = "jupyter-agents-4194399-ab12", f"jupyter-agents-{os.getpid()}-ab12", "jupyter-agents-x"
    for name in (dead, own, other):
        (tmp_path / name).mkdir()
    (tmp_path / dead / "file").write_text("x")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "jupyter-agents-4194398-ab12").symlink_to(elsewhere)
    made = make_directory()
    assert made.stat().st_mode & 0o777 == 0o711
    assert made.name.startswith(f"jupyter-agents-{os.getpid()}-")
    assert not (tmp_path / dead).exists()
    assert (tmp_path / own).exists() and (tmp_path / other).exists() and elsewhere.exists()


def test_a_directory_that_cannot_be_read_holds_nothing(tmp_path: Path) -> None:
    assert list(of_dead_servers(tmp_path / "nosuch")) == []

"""Directories of dead servers go, whoever removes them first."""

from __future__ import annotations

import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_agents.sandbox.leftovers import PREFIX, make_directory


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def dead_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_what_a_dead_server_left_is_removed_and_the_rest_stays(place: Path) -> None:
    gone = place / f"{PREFIX}-{dead_process()}-abc"
    living = place / f"{PREFIX}-{os.getppid()}-abc"
    other = place / "notes"
    for folder in (gone, living, other):
        folder.mkdir()
    made = make_directory()
    assert {path.name for path in place.iterdir()} == {made.name, living.name, other.name}


def test_a_link_is_not_followed(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("target")
    (target / "file").touch()
    (place / f"{PREFIX}-{dead_process()}-abc").symlink_to(target)
    make_directory()
    assert (target / "file").exists()


def test_many_servers_tidy_up_at_once(place: Path) -> None:
    pid = dead_process()
    for number in range(200):
        (place / f"{PREFIX}-{pid}-{number}").mkdir()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: make_directory(), range(8)))
    assert sorted(place.iterdir()) == sorted(made)

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_agents.errors import SandboxError
from jupyter_agents.sandbox import arrivals
from jupyter_agents.sandbox.arrivals import Arrivals
from jupyter_agents.sandbox.inside import Seen
from jupyter_agents.sandbox.listing import Stamp, stamp
from jupyter_agents.sandbox.workspace import open_directory


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "outside").mkdir()
    return tmp_path / "work"


def state(root: Path, path: str) -> Stamp | None:
    descriptor = open_directory(root)
    try:
        return stamp(descriptor, path)
    finally:
        os.close(descriptor)


def test_a_file_arrives_with_its_last_piece(root: Path) -> None:
    taken, seen = Arrivals(root), Seen(4, 1_000_000_000, 0, 0, 0o755)
    assert taken.take("d/f", 0, b"ab", seen) is None
    assert not (root / "d/f").exists()
    made = taken.take("d/f", 2, b"cd", seen)
    found = (root / "d/f").stat()
    assert (root / "d/f").read_bytes() == b"abcd"
    assert (found.st_mode & 0o7777, found.st_mtime) == (0o755, 1)
    assert made == state(root, "d/f")
    assert os.listdir(root / "d") == ["f"]


def test_it_replaces_a_link_and_does_not_follow_it(root: Path) -> None:
    secret = root.parent / "outside/secret"
    secret.write_text("mine")
    (root / "f").symlink_to(secret)
    Arrivals(root).take("f", 0, b"theirs", Seen(6, 0, 0, 0, 0o644))
    assert secret.read_text() == "mine"
    assert (root / "f").read_text() == "theirs" and not (root / "f").is_symlink()


def test_through_a_linked_folder_nothing_is_written_and_nothing_removed(root: Path) -> None:
    (root / "d").symlink_to(root.parent / "outside")
    kept = root.parent / "outside/kept"
    kept.write_text("kept")
    with pytest.raises(SandboxError):
        Arrivals(root).take("d/x", 0, b"x", Seen(1, 0, 0, 0, 0o644))
    arrivals.make(root, "d/new")
    arrivals.remove(root, "d/kept", None)
    arrivals.remove_folder(root, "d")
    assert os.listdir(root.parent / "outside") == ["kept"]


def test_a_folder_in_the_way_is_said_and_leaves_nothing(root: Path) -> None:
    (root / "f").mkdir()
    with pytest.raises(SandboxError, match="'f' cannot be written"):
        Arrivals(root).take("f", 0, b"x", Seen(1, 0, 0, 0, 0o644))
    assert os.listdir(root) == ["f"]


def test_a_file_that_is_given_up_leaves_nothing(root: Path) -> None:
    taken = Arrivals(root)
    taken.take("f", 0, b"a", Seen(9, 0, 0, 0, 0o644))
    taken.take("g", 0, b"a", Seen(1, -5, 0, 0, 0o644))
    taken.take("h", 0, b"a", Seen(9, 0, 0, 0, 0o644))
    taken.drop()
    assert os.listdir(root) == ["g"]
    assert taken.take("never begun", 5, b"a", Seen(6, 0, 0, 0, 0o644)) is None


def test_only_what_is_known_is_removed(root: Path) -> None:
    (root / "f").write_text("f")
    known = state(root, "f")
    (root / "f").write_text("changed")
    assert not arrivals.remove(root, "f", known)
    assert arrivals.remove(root, "f", state(root, "f"))
    assert arrivals.remove(root, "f", known)
    assert os.listdir(root) == []


def test_a_folder_goes_when_it_is_empty(root: Path) -> None:
    arrivals.make(root, "a/b")
    (root / "a/kept").touch()
    for path in ("a/b", "a", "absent"):
        arrivals.remove_folder(root, path)
    assert os.listdir(root) == ["a"] and os.listdir(root / "a") == ["kept"]

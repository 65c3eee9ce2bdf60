from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.domain.history import History, Version
from jupyter_agents.runtime.snapshots import SessionSnapshots, SnapshotLimits
from jupyter_agents.sandbox.changes import Change
from jupyter_agents.sandbox.listing import list_files
from jupyter_agents.sandbox.workspace import open_directory
from jupyter_agents.store.snapshots import Kept

AT = "2026-11-21T12:00:00.000000Z"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Place:
    def __init__(self, folder: Path, **limits: int) -> None:
        self.root = folder / "workspace"
        self.root.mkdir()
        self.kept = Kept(folder / "kept")
        self.limits = SnapshotLimits(**limits)
        self.snapshots = SessionSnapshots(self.root, self.kept, self.limits)

    def write(self, path: str, text: str) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(0o644)

    def begin(self, history: History, complete: bool = True) -> tuple[list[Any], list[Any]]:
        root = open_directory(self.root)
        try:
            stamps = list_files(root).files
        finally:
            os.close(root)
        return self.snapshots.begin(stamps, history, complete=complete, at=AT)

    def take(self, path: str, kind: Any = "modified", *, foreign: bool = False) -> list[Any]:
        size = 0 if kind == "deleted" else (self.root / path).stat().st_size
        return self.snapshots.take([Change(path, kind, size)], AT, foreign=foreign)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_files_that_were_there_before_are_kept(place: Place) -> None:
    place.write("in/a", "one")
    found, changed = place.begin(History())
    assert found == [{"path": "in/a", "size": 3, "sha256": sha("one"), "mode": 0o644}] and changed == []
    assert place.kept.has(sha("one"))


def test_what_a_call_changed_is_hashed_and_kept(place: Place) -> None:
    place.begin(History())
    place.write("a", "two")
    (doc,) = place.take("a", "created")
    assert doc == {
        "path": "a", "kind": "created", "size": 3, "sha256": sha("two"), "mode": 0o644, "at": AT
    }  # fmt: skip
    (gone,) = place.take("a", "deleted")
    assert gone == {"path": "a", "kind": "deleted", "size": 0, "sha256": None, "at": AT}
    assert place.kept.has(sha("two")) and place.snapshots.notices == ()


def test_what_changed_while_nobody_looked(place: Place) -> None:
    history = History(begun=True)
    for path, text in (("same", "s"), ("edited", "before"), ("gone", "g")):
        history.versions[path] = Version(sha(text), len(text), 0o644)
    for path, text in (("same", "s"), ("edited", "after!"), ("new", "n")):
        place.write(path, text)
    found, changed = place.begin(history)
    assert found == []
    assert {(doc["path"], doc["kind"]) for doc in changed} == {
        ("edited", "modified"),
        ("gone", "deleted"),
        ("new", "created"),
    }


def test_what_may_only_be_unlisted_is_not_gone(place: Place) -> None:
    history = History(begun=True, versions={"unlisted": Version(sha("u"), 1, 0o644)})
    assert place.begin(history, complete=False) == ([], [])
    assert "more than 10,000 files" in place.snapshots.notices[0]


def test_files_of_a_history_without_hashes_are_looked_at_anew(place: Place) -> None:
    place.write("old", "xyz")
    history = History(begun=True, versions={"old": Version(None, 3, 0)})
    found, changed = place.begin(history)
    assert [doc["path"] for doc in found] == ["old"] and changed == []


def test_an_edit_that_changed_nothing_is_none(place: Place) -> None:
    place.write("a", "one")
    place.begin(History())
    assert place.take("a", foreign=True) == []
    assert len(place.take("a")) == 1
    assert place.take("never", "deleted", foreign=True) == []


def test_a_file_that_is_too_large_is_named(tmp_path: Path) -> None:
    place = Place(tmp_path, file_bytes=1024)
    for name in "abcd":
        place.write(name, "x" * 1025)
    found, _ = place.begin(History())
    assert {doc["sha256"] for doc in found} == {None} and {doc["size"] for doc in found} == {1025}
    (said,) = place.snapshots.notices
    assert "larger than 1KiB, such as '" in said
    assert place.begin(History(begun=True, versions=place.snapshots.known)) == ([], [])


def test_beyond_the_room_contents_are_hashed_and_not_kept(tmp_path: Path) -> None:
    place = Place(tmp_path, bytes=1024)
    place.write("a", "x" * 1000)
    place.write("b", "y" * 1000)
    found, _ = place.begin(History())
    assert {doc["sha256"] for doc in found} == {sha("x" * 1000), sha("y" * 1000)}
    assert place.kept.bytes == 1000
    (said,) = place.snapshots.notices
    assert "have reached 1KiB" in said


def test_a_full_disk_costs_the_copy_and_not_the_call(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Any, incoming: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Kept, "keep", full)
    place.write("a", "one")
    (doc,) = place.take("a", "created")
    assert doc["sha256"] == sha("one") and "the disk is full" in place.snapshots.notices[0]


def test_what_is_no_regular_file_has_no_hash(place: Place) -> None:
    (place.root / "link").symlink_to("/etc/passwd")
    (doc,) = place.snapshots.take([Change("link", "created", 11)], AT, foreign=False)
    assert doc["sha256"] is None and place.kept.bytes == 0
    (gone,) = place.snapshots.take([Change("gone", "created", 5)], AT, foreign=False)
    assert gone["sha256"] is None


def test_a_file_that_did_not_change_is_not_copied_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write("a", "one")
    place.begin(History())
    monkeypatch.setattr(Kept, "receive", None)
    assert place.begin(History(begun=True, versions=place.snapshots.known)) == ([], [])

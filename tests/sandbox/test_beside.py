"""The notebook's folder inside every sandbox: read, never written; hidden names stay hidden."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from conformance import Box, Kind, every_kind, open_box, open_path, said

from jupyter_agents.sandbox import beside
from jupyter_agents.sandbox.beside import NOTEBOOK, Beside, TooMuch, cover, folder_of

__all__ = ["open_path"]

SECRET = "s3cret-value"
FILES = {
    "data.csv": "a,b\n1,2\n",
    ".env": SECRET,
    ".git/config": SECRET,
    "sub/plain.txt": "plain\n",
    "sub/.env": SECRET,
    "sub/deep/.aws/credentials": SECRET,
    "agents/other-abc123/theirs.txt": SECRET,
}


def fill(folder: Path) -> Path:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    outside = folder.with_name(f"{folder.name}-outside")
    outside.write_text(SECRET)
    (folder / "way-out").symlink_to(outside)
    (folder / "to-env").symlink_to(".env")
    return outside


@contextlib.asynccontextmanager
async def shown(kind: Kind, folder: Path) -> AsyncIterator[tuple[Box, str]]:
    """A sandbox that shows `folder`, and where its bash finds it."""
    given = Beside(folder, (folder / "agents",))
    async with open_box(kind, beside=given) as box:
        yield box, NOTEBOOK if kind.own_paths else str(folder)


@pytest.fixture
async def world(kind: Kind, open_path: Path) -> AsyncIterator[tuple[Box, str]]:
    folder = open_path / "notes"
    folder.mkdir()
    fill(folder)
    async with shown(kind, folder) as opened:
        yield opened


World = tuple[Box, str]


@every_kind
async def test_files_are_read_by_bash_and_by_the_file_tools(world: World) -> None:
    box, place = world
    assert await box.good(f"cat {place}/data.csv {place}/sub/plain.txt") == "a,b\n1,2\nplain\n"
    assert said(await box.call("read", file_path=f"{NOTEBOOK}/data.csv")) == ("a,b\n1,2\n", False)
    found, is_error = said(await box.call("glob", pattern="sub/*.txt", path=NOTEBOOK))
    assert (found, is_error) == (f"{NOTEBOOK}/sub/plain.txt", False)
    found, is_error = said(await box.call("grep", pattern="plain", path=NOTEBOOK))
    assert f"{NOTEBOOK}/sub/plain.txt:1:plain" in found and not is_error


HIDDEN = (".env", ".git/config", "sub/.env", "sub/deep/.aws/credentials", "to-env", "way-out")
HIDDEN += ("agents/other-abc123/theirs.txt", "sub/../.env", "sub/deep/../../.git/config")


@every_kind
async def test_hidden_names_and_other_sessions_are_not_read(world: World) -> None:
    box, place = world
    for name in HIDDEN:
        text, _ = await box.bash(f"cat {place}/{name}; cat {NOTEBOOK}/{name}")
        assert SECRET not in text, name
        assert SECRET not in str((await box.call("read", file_path=f"{NOTEBOOK}/{name}")).content), name
    text, _ = await box.bash(
        f"grep -r . {place}; find {place} -type f -exec cat {{}} +; tar c {place} | cat -v"
    )
    assert SECRET not in text and "1,2" in text
    assert SECRET not in str((await box.call("grep", pattern="s3cret", path=NOTEBOOK)).content)


WRITES = (
    "echo x > {}/data.csv",
    "echo x > {}/new.txt",
    "rm -f {}/data.csv",
    "mv {}/data.csv {}/moved.csv",
    "chmod 777 {}/data.csv",
    "touch -d 2001-01-01 {}/data.csv",
    "ln -s /etc/passwd {}/link",
    "ln {}/data.csv stolen",
    "ln {}/.env stolen && cat stolen",
    "mkdir {}/made",
    "rmdir {}/.git || umount {}/.git",
    "truncate -s 0 {}/data.csv",
    "mount --bind /tmp {}/sub",
    "python3 -c \"open('{}/data.csv', 'a').write('x')\"",
)


@every_kind
async def test_nothing_is_written(world: World) -> None:
    box, place = world
    folder = box.spec.beside.folder if box.spec.beside else Path()
    before = {path: path.lstat().st_mode for path in sorted(folder.rglob("*"))}
    for command in WRITES:
        text, is_error = await box.bash(command.replace("{}", place))
        assert is_error and SECRET not in text, (command, text)
    for tool, more in (("write", {"content": "x"}), ("edit", {"old_string": "a", "new_string": "b"})):
        result = await box.call(tool, file_path=f"{NOTEBOOK}/data.csv", **more)
        assert "read-only" in said(result)[0] and result.is_error
    assert {path: path.lstat().st_mode for path in sorted(folder.rglob("*"))} == before
    assert (folder / "data.csv").read_text() == FILES["data.csv"]
    assert not (box.workspace / "stolen").exists()


@every_kind
async def test_a_file_that_is_written_to_is_seen_at_once(world: World) -> None:
    box, place = world
    assert box.spec.beside is not None
    with (box.spec.beside.folder / "data.csv").open("a") as file:
        file.write("3,4\n")
    assert await box.good(f"tail -n 1 {place}/data.csv") == "3,4\n"


@every_kind
async def test_a_huge_folder_slows_no_call(kind: Kind, open_path: Path) -> None:
    folder = open_path / "huge"
    folder.mkdir()
    (folder / ".env").write_text(SECRET)
    for number in range(9_999):
        (folder / f"{number}.txt").touch()
    start = time.monotonic()
    async with shown(kind, folder) as (box, place):
        started = time.monotonic() - start
        start = time.monotonic()
        assert await box.good(f"ls {place} | wc -l") == "9999\n"
        assert (time.monotonic() - start, started) < (1.0, 10.0)
        assert SECRET not in (await box.bash(f"cat {place}/.env"))[0]


@every_kind
async def test_without_a_folder_there_is_none(kind: Kind) -> None:
    async with open_box(kind) as box:
        assert (await box.bash(f"ls {NOTEBOOK}"))[1]
        assert (await box.call("read", file_path=f"{NOTEBOOK}/x")).is_error


def test_what_is_covered(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    fill(folder)
    found = cover(Beside(folder, (folder / "agents",)))
    assert sorted(found.directories) == [".git", "agents", "sub/deep/.aws"]
    assert sorted(found.files) == [".env", "sub/.env"]
    assert found.partly == () and found.notes == ()


def test_covers_no_longer_fit_when_a_hidden_file_appears_or_is_replaced(tmp_path: Path) -> None:
    fill(tmp_path)
    found = cover(Beside(tmp_path))
    (tmp_path / "new.txt").touch()
    assert not found.changed()
    (tmp_path / ".new").write_text("x")
    assert found.changed()
    (tmp_path / ".new").replace(tmp_path / ".env")
    assert found.changed() and not cover(Beside(tmp_path)).changed()
    below = cover(Beside(tmp_path))
    (tmp_path / "saved").write_text("x")
    (tmp_path / "saved").replace(tmp_path / "sub" / ".env")
    assert below.changed()


def test_what_is_too_much_is_covered_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "MOST_OF_ONE", 20)
    for number in range(30):
        (tmp_path / "many" / f"{number}").mkdir(parents=True)
    (tmp_path / "few" / ".hidden").mkdir(parents=True)
    found = cover(Beside(tmp_path))
    assert (sorted(found.directories), found.partly) == (["few/.hidden", "many"], ("many",))
    assert "does not show what is in many" in found.notes[0]
    monkeypatch.setattr(beside, "MOST_COVERS", 2)
    (tmp_path / "few" / ".more").mkdir()
    (tmp_path / "few" / ".most").mkdir()
    assert sorted(cover(Beside(tmp_path)).partly) == ["few", "many"]
    for name in (".a", ".b", ".c"):
        (tmp_path / name).touch()
    with pytest.raises(TooMuch):
        cover(Beside(tmp_path))


@pytest.mark.parametrize(
    ("notebook", "expected"),
    [
        ("work/a.ipynb", "work"),
        ("work", "work"),
        ("a.ipynb", "."),
        ("missing/a.ipynb", None),
        ("../a.ipynb", None),
        ("work/../../x.ipynb", None),
        ("/etc/a.ipynb", None),
        (".hidden/a.ipynb", None),
        ("out/a.ipynb", None),
        ("data/x/a.ipynb", None),
        ("a\0b", None),
        ("x" * 5000, None),
    ],
)
def test_which_folder_is_shown(tmp_path: Path, notebook: str, expected: str | None) -> None:
    root = tmp_path / "root"
    for name in ("work", ".hidden", "data/x"):
        (root / name).mkdir(parents=True)
    (root / "out").symlink_to(tmp_path)
    found = folder_of(root, notebook, root / "data")
    assert found == (None if expected is None else (root / expected).resolve())
    absolute = os.path.join(root, "work", "a.ipynb")
    assert folder_of(root, absolute, root / "data") == (root / "work").resolve()

from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.errors import LimitExceeded, SandboxError
from jupyter_agents.sandbox.workspace import (
    copy_out,
    make_workspace,
    open_directory,
    read_file,
    remove_copy,
    slug,
    workspace_path,
)

SESSION = "sesn_01ABCDEFGHJKLMNPQRSTUVx1"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Coder", "coder"),
        ("Analyse: Q3 (final)!", "analyse-q3-final"),
        ("Café über alles", "cafe-uber-alles"),
        ("../../etc/passwd", "etc-passwd"),
        ("数据", "agent"),
        ("", "agent"),
        ("-" * 50, "agent"),
        ("word " * 30, "word-word-word-word-word-word-word-word"),
        ("a\x00b\nc", "a-b-c"),
    ],
)
def test_slug(title: str, expected: str) -> None:
    assert slug(title) == expected


def test_the_workspace_lies_beside_the_notebook(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    notebooks = root / "work" / "notebooks"
    path = workspace_path(root, notebooks, "My Coder", SESSION)
    assert path == notebooks / "agents" / "my-coder-STUVx1"


@pytest.mark.parametrize("beside", [None, Path("/somewhere/else"), Path("../.."), Path("a/../../b")])
def test_or_below_the_root_where_the_notebook_is_elsewhere(tmp_path: Path, beside: Path | None) -> None:
    root = tmp_path.resolve()
    path = workspace_path(root, beside, "coder", SESSION)
    assert path == root / "agents" / f"coder-{SESSION[-6:]}"


@pytest.mark.parametrize("session", ["", "abc", "../../etc", "sesn_01/../x", "sesn_01\n123456"])
def test_a_session_id_that_could_leave_is_no_id(tmp_path: Path, session: str) -> None:
    with pytest.raises(ValueError, match="session id"):
        workspace_path(tmp_path, None, "coder", session)


def test_make_workspace_makes_outputs_and_keeps_what_is_there(tmp_path: Path) -> None:
    path = workspace_path(tmp_path, Path("sub"), "coder", SESSION)
    (tmp_path / "sub").mkdir()
    assert make_workspace(tmp_path, path, uid=65532) == path
    (path / "kept.txt").write_text("kept")
    make_workspace(tmp_path, path, uid=65532)
    assert (path / "kept.txt").read_text() == "kept" and (path / "outputs").is_dir()
    owner = 65532 if os.geteuid() == 0 else os.geteuid()
    assert path.stat().st_uid == owner and (path / "outputs").stat().st_uid == owner
    assert path.parent.stat().st_uid == os.geteuid()


@pytest.mark.parametrize("where", ["agents", "agents/coder-x", "agents/coder-x/outputs"])
@pytest.mark.parametrize("way", ["link", "file"])
def test_a_link_or_a_file_in_the_way_is_refused(tmp_path: Path, where: str, way: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    inside = root / where
    inside.parent.mkdir(parents=True)
    if way == "link":
        inside.symlink_to(outside)
    else:
        inside.write_text("")
    with pytest.raises(SandboxError):
        make_workspace(root, root / "agents" / "coder-x")
    assert list(outside.iterdir()) == []


def test_a_workspace_outside_of_the_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    for path in (tmp_path / "other", tmp_path / "root", tmp_path / "root" / ".." / "up"):
        with pytest.raises(SandboxError):
            make_workspace(tmp_path / "root", path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["root"]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_text("key")
    work = tmp_path / "work"
    (work / "sub").mkdir(parents=True)
    (work / "sub" / "plain.txt").write_text("plain")
    return work


def test_a_plain_file_is_read(work: Path) -> None:
    assert read_file(work, "sub/plain.txt") == b"plain"
    root = open_directory(work)
    try:
        assert read_file(root, "sub/plain.txt") == b"plain"
    finally:
        os.close(root)


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "../secret",
        "sub/../../secret",
        "/etc/passwd",
        "sub//plain.txt",
        "sub/",
        "a\0b",
        "./sub/plain.txt",
    ],
)
def test_paths_that_are_not_plain_are_refused(work: Path, path: str) -> None:
    with pytest.raises(SandboxError):
        read_file(work, path)


def test_what_is_not_there(work: Path) -> None:
    for path in ("absent", "absent/file", "sub/absent"):
        with pytest.raises(FileNotFoundError):
            read_file(work, path)


def test_links_are_never_followed(work: Path) -> None:
    (work / "file").symlink_to("../secret")
    (work / "folder").symlink_to("../private")
    (work / "inner").symlink_to("sub/plain.txt")
    (work / "loop").symlink_to("loop")
    (work / "proc").symlink_to("/proc/self")
    for path in ("file", "folder/key", "inner", "loop", "proc/environ"):
        with pytest.raises(SandboxError, match="symlink"):
            read_file(work, path)


def test_what_is_no_regular_file_is_refused_at_once(work: Path) -> None:
    os.mkfifo(work / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(work / "socket"))
        with pytest.raises(SandboxError, match="socket"):
            read_file(work, "socket")
    with pytest.raises(SandboxError, match="FIFO"):
        read_file(work, "fifo")
    with pytest.raises(SandboxError, match="directory"):
        read_file(work, "sub")
    with pytest.raises(SandboxError):
        read_file(work, "sub/plain.txt/more")


def test_a_name_that_turns_into_a_link_or_fifo_never_leaks_or_hangs(work: Path) -> None:
    going = True

    def flip() -> None:
        name = work / "flip"
        while going:
            name.write_text("mine")
            name.unlink()
            name.symlink_to("../secret")
            name.unlink()
            os.mkfifo(name)
            name.unlink()

    flipping = threading.Thread(target=flip)
    flipping.start()
    read, refused = set(), 0
    try:
        for _ in range(3000):
            try:
                read.add(read_file(work, "flip"))
            except (SandboxError, FileNotFoundError):
                refused += 1
    finally:
        going = False
        flipping.join()
    assert read <= {b"", b"mine"} and refused > 0


def test_sizes_are_capped(work: Path) -> None:
    with (work / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(LimitExceeded, match="500 MiB"):
        read_file(work, "sparse")
    (work / "ten").write_bytes(b"x" * 10)
    assert read_file(work, "ten", limit=10) == b"x" * 10
    with pytest.raises(LimitExceeded):
        read_file(work, "ten", limit=9)


def test_more_bytes_than_the_size_said_are_capped() -> None:
    said = Path("/proc/self/maps").stat().st_size
    assert said == 0
    with pytest.raises(LimitExceeded):
        read_file(Path("/proc/self/task"), f"{threading.get_native_id()}/maps", limit=10)


@pytest.mark.parametrize("name", [b"-rf", b"a\nb", b"\xff\xfe", b" ", b"x" * 255, b"a\x1b[31m"])
def test_odd_names_are_only_names(work: Path, name: bytes) -> None:
    with open(os.fsencode(work) + b"/" + name, "wb") as file:
        file.write(b"odd")
    assert read_file(work, os.fsdecode(name)) == b"odd"


def test_a_name_that_is_too_long_is_refused(work: Path) -> None:
    with pytest.raises(SandboxError):
        read_file(work, "x" * 256)


def test_a_file_of_mode_000_is_read_or_refused_in_words(work: Path) -> None:
    (work / "closed").write_text("closed")
    (work / "closed").chmod(0)
    if os.geteuid() == 0:
        assert read_file(work, "closed") == b"closed"
    else:
        with pytest.raises(SandboxError, match="Permission denied"):
            read_file(work, "closed")


def test_copy_out_gives_a_private_plain_copy(work: Path, tmp_path: Path) -> None:
    (work / "run.sh").write_text("#!/bin/sh\n")
    (work / "run.sh").chmod(0o6777)
    target = tmp_path / "copies" / "run.sh"
    target.parent.mkdir()
    assert copy_out(work, "run.sh", target) == 10
    assert target.read_text() == "#!/bin/sh\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.stat().st_uid == os.geteuid()


def test_copy_out_leaves_nothing_behind_when_it_fails(work: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    (work / "link").symlink_to("../secret")
    (work / "big").write_bytes(b"x" * 3_000_000)
    (copies / "big").write_text("before")
    with pytest.raises(SandboxError):
        copy_out(work, "link", copies / "link")
    with pytest.raises(LimitExceeded):
        copy_out(work, "big", copies / "big", limit=2_000_000)
    assert [p.name for p in copies.iterdir()] == ["big"]
    assert (copies / "big").read_text() == "before"


def test_descriptors_are_given_back(work: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    (work / "link").symlink_to("../secret")
    for path in ("sub/plain.txt", "link", "absent", "sub/absent", "sub", "sub/plain.txt/x"):
        try:
            read_file(work, path)
        except (SandboxError, FileNotFoundError):
            continue
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("make", "gone"),
    [
        (lambda path: path.write_bytes(b"data"), True),
        (lambda path: path.write_bytes(b"mine"), False),
        (lambda path: path.write_bytes(b"longer data"), False),
        (lambda path: path.symlink_to("/etc/hostname"), False),
        (lambda path: path.mkdir(), False),
        (lambda path: os.mkfifo(path), False),
        (lambda path: None, False),
    ],
)
def test_only_the_copy_itself_is_removed(tmp_path: Path, make: Any, gone: bool) -> None:
    source, root = tmp_path / "source", tmp_path / "work"
    source.write_bytes(b"data")
    (root / "in").mkdir(parents=True)
    make(root / "in/x")
    before = sorted(os.listdir(root / "in"))
    assert remove_copy(root, "in/x", source) is gone
    assert sorted(os.listdir(root / "in")) == ([] if gone else before)


def test_a_copy_is_not_looked_for_through_a_link(tmp_path: Path) -> None:
    source, root, elsewhere = tmp_path / "source", tmp_path / "work", tmp_path / "elsewhere"
    source.write_bytes(b"data")
    root.mkdir()
    elsewhere.mkdir()
    (elsewhere / "x").write_bytes(b"data")
    (root / "in").symlink_to(elsewhere)
    assert not remove_copy(root, "in/x", source)
    assert (elsewhere / "x").exists() and not remove_copy(root, "no/x", source)

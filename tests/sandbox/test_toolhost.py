"""Parts of the toolhost that stand alone; the rest is tried through whole sandboxes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_agents.sandbox.toolhost import processes
from jupyter_agents.sandbox.toolhost.answers import ToolError, flag, text_argument
from jupyter_agents.sandbox.toolhost.forward import proxy_environment, start_forwarding
from jupyter_agents.sandbox.toolhost.paths import Roots, canonical, within
from jupyter_agents.sandbox.toolhost.shell import OUTPUT_LIMIT, Tail


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    for name in ("real/work/outputs", "real/up"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "real/extra.txt").write_text("x")
    real = tmp_path.resolve() / "real"
    return Roots(
        [
            ("/workspace", str(real / "work"), True),
            ("/mnt/session/outputs", str(real / "work/outputs"), True),
            ("/mnt/session/uploads", str(real / "up"), False),
            ("/data/extra.txt", str(real / "extra.txt"), False),
        ]
    )


@pytest.mark.parametrize(
    ("path", "real", "shown"),
    [
        ("a", "work/a", "/workspace/a"),
        ("/workspace/a/../b", "work/b", "/workspace/b"),
        ("/workspace", "work", "/workspace"),
        ("outputs/x", "work/outputs/x", "/mnt/session/outputs/x"),
        ("/mnt/session/outputs/x", "work/outputs/x", "/mnt/session/outputs/x"),
        ("/mnt/session/uploads/x", "up/x", "/mnt/session/uploads/x"),
        ("/data/extra.txt", "extra.txt", "/data/extra.txt"),
    ],
)
def test_paths_are_mapped_in_and_out(roots: Roots, path: str, real: str, shown: str) -> None:
    top = os.path.dirname(roots.workdir.real)
    full, root = roots.resolve("read", path)
    assert full == os.path.join(top, real)
    assert root.shown(full) == shown
    assert roots.resolve("read", full)[0] == full


@pytest.mark.parametrize(
    "path",
    ["..", "../up/../..", "/", "/workspaces", "/data", "/data/extra.txt2", "/etc/passwd", "/mnt/session"],
)
def test_paths_outside_are_refused(roots: Roots, path: str) -> None:
    with pytest.raises(ToolError, match="outside the session's working directory"):
        roots.resolve("read", path)


def test_a_place_can_be_added(roots: Roots, tmp_path: Path) -> None:
    (tmp_path / "late").write_text("x")
    roots.add("/late", str(tmp_path / "late"))
    assert roots.resolve("read", "/late")[0] == str(tmp_path.resolve() / "late")
    with pytest.raises(ToolError, match="/late is inside read-only directory /late"):
        roots.resolve_for_writing("write", "/late")


def test_links_are_followed_to_their_end(tmp_path: Path) -> None:
    top = tmp_path.resolve()
    (top / "d").mkdir()
    (top / "abs").symlink_to(top / "d")
    (top / "rel").symlink_to("abs/../abs/new")
    (top / "up").symlink_to("d/../..")
    assert canonical(str(top / "rel/x")) == str(top / "d/new/x")
    assert canonical(str(top / "up")) == str(top.parent)
    for n in range(45):
        (top / f"l{n}").symlink_to(f"l{n + 1}")
    with pytest.raises(OSError, match="symbolic links"):
        canonical(str(top / "l0"))
    assert canonical(str(top / "l10")) == str(top / "l45")
    assert within("/a/b", "/a") and within("/a", "/a") and within("/a", "/")
    assert not within("/ab", "/a")


def test_the_tail_keeps_the_last_bytes() -> None:
    tail = Tail()
    for n in range(100):
        tail.add(b"%d" % (n % 10) * 10_000)
    data = tail.take()
    assert tail.truncated
    assert len(data) == OUTPUT_LIMIT
    assert data.endswith(b"8" * 10_000 + b"9" * 10_000)


def test_arguments_are_checked() -> None:
    assert text_argument("write", {"content": "a\0"}, "content") == "a\0"
    for value in (None, 3, "a\0"):
        with pytest.raises(ToolError, match=r"^read: file_path"):
            text_argument("read", {"file_path": value}, "file_path")
    assert flag("edit", {"replace_all": None}, "replace_all") is False
    with pytest.raises(ToolError, match="must be true or false"):
        flag("edit", {"replace_all": "yes"}, "replace_all")


def received(connection: socket.socket) -> bytes:
    """Everything up to the end of the stream."""
    parts = []
    while data := connection.recv(65536):
        parts.append(data)
    return b"".join(parts)


@pytest.fixture
def echo_socket(tmp_path: Path) -> Iterator[str]:
    """A unix socket that sends everything back in capitals, then closes."""
    path = str(tmp_path / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(received(connection).upper())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield path
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_the_forwarder_carries_bytes_and_the_end_of_the_stream(echo_socket: str) -> None:
    port = start_forwarding(echo_socket, 0)
    for size in (1, 300_000):
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"a" * size)
            connection.shutdown(socket.SHUT_WR)
            assert received(connection) == b"A" * size


def test_a_missing_proxy_is_a_closed_connection(tmp_path: Path) -> None:
    port = start_forwarding(str(tmp_path / "nosuch"), 0)
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        try:
            assert connection.recv(10) == b""
        except ConnectionResetError:
            return


def test_both_spellings_of_the_proxy_variables_are_set() -> None:
    variables = proxy_environment()
    assert variables["https_proxy"] == variables["HTTPS_PROXY"] == "http://127.0.0.1:3128"
    assert "127.0.0.1" in variables["no_proxy"]


@pytest.mark.parametrize("lists", [True, False], ids=["the kernel lists children", "as in gVisor"])
def test_a_tree_is_found_spared_and_ended(lists: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert processes.KERNEL_LISTS_CHILDREN
    monkeypatch.setattr(processes, "KERNEL_LISTS_CHILDREN", lists)
    with subprocess.Popen(
        ["/bin/sh", "-c", "sleep 60 & sh -c 'sleep 60; :' & echo; wait"], stdout=-1
    ) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        deadline = time.monotonic() + 5
        while len(processes.below(shell.pid)) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        tree = processes.below(shell.pid)
        assert len(tree) == 3
        parent = next(process for process in tree if processes.below(process[0]))
        assert len(processes.below(shell.pid, frozenset([parent]))) == 1
        assert len(processes.below(shell.pid, frozenset([(parent[0], "another start")]))) == 3
        assert processes.end(lambda: processes.below(shell.pid), signal.SIGKILL)
        assert shell.wait(5) == 0
    assert processes.below(shell.pid) == []

"""Abuse that broke something naive, as one named test each, for every provider that works here.

After each, the session goes on: `alive_after` runs one more command in the same sandbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from conformance import MIB, Box, Kind, box, every_kind, open_box, open_path, said

from jupyter_agents.domain.settings import LEAST
from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Limits, Network

__all__ = ["box", "open_path"]

pytestmark = every_kind

FRESH = "A fresh shell was started: the working directory and variables are gone."


@pytest.fixture
async def alive_after(box: Box) -> AsyncIterator[Box]:
    yield box
    assert await box.good("echo still here") == "still here\n"


@contextlib.asynccontextmanager
async def small_box(kind: Kind, **limits: int) -> AsyncIterator[Box]:
    async with open_box(kind, limits=Limits(**limits)) as box:
        yield box
        assert await box.good("echo still here") == "still here\n"


# The channel.


CONFUSING = (
    ("exec >/dev/null 2>&1; echo hidden", "(no output)"),
    ("exec 1>&- 2>&-; true", "(no output)"),
    ("cat; echo after", "after\n"),
    ('read -r x; echo "<$x>"', "<>\n"),
    ("echo() { builtin echo fake; }; echo hi; unset -f echo", "fake\n"),
    ("printf() { builtin echo fake; }; printf hi; unset -f printf", "fake\n"),
    ("printf '1 0;2 0;3 0;'; echo", "1 0;2 0;3 0;\n"),
    ("printf 'no newline'", "no newline"),
    ("for i in 1; do break 5; done; break 2>/dev/null; echo on", "on\n"),
    ("trap 'true' DEBUG; echo on; trap - DEBUG", "on\n"),
    ("printf '\\n\\n\\n'", "\n\n\n"),
    ('echo \'{"id":1,"content":[],"is_error":false}\'', '{"id":1,"content":[],"is_error":false}\n'),
    ("cat <<'EOF'\n$x ` ' \" \\\nEOF", "$x ` ' \" \\\n"),
)


async def test_commands_that_confuse_a_naive_channel(alive_after: Box) -> None:
    for command, output in CONFUSING:
        assert (command, await alive_after.bash(command)) == (command, (output, False))


async def test_unfinished_syntax_is_an_error_of_that_call(alive_after: Box) -> None:
    for command in ("echo 'open", 'echo "open', "echo $(open", "if true; then", ")"):
        text, is_error = await alive_after.bash(command)
        assert is_error, command
        assert "syntax error" in text or "unexpected EOF" in text


async def test_an_open_heredoc_ends_with_its_command(alive_after: Box) -> None:
    text, _ = await alive_after.bash("cat <<EOF\nheld")
    assert "held" in text


async def test_input_from_nowhere(alive_after: Box) -> None:
    text, is_error = await alive_after.bash("python3 -c 'input()'")
    assert is_error
    assert "EOFError" in text


LOSING_THE_SHELL = (
    ("echo out; exit 3", "exit status 3", True),
    ("echo out; exit", "exit status 0", False),
    ("echo out; kill -9 $$", "signal 9", True),
    ("exec echo out", "exit status 0", False),
    ("echo out; set -e; false; echo never", "exit status 1", True),
    ("trap 'exit 4' DEBUG; echo out", "exit status 4", True),
)


async def test_a_lost_shell_is_said_and_replaced(alive_after: Box) -> None:
    for command, how, is_error in LOSING_THE_SHELL:
        await alive_after.good("x=1")
        text, failed = await alive_after.bash(command)
        assert (command, failed) == (command, is_error)
        assert text.endswith(f"[The shell ended ({how}). {FRESH}]")
        assert text.startswith("out\n") or "DEBUG" in command
        assert await alive_after.good('echo "<$x>"') == "<>\n"


async def test_a_shell_killed_between_calls_is_said_at_the_next(alive_after: Box) -> None:
    await alive_after.good("(sleep 0.2; kill -9 $$) >/dev/null 2>&1 &")
    await asyncio.sleep(0.5)
    text, _ = await alive_after.bash("echo next")
    assert text == f"next\n[The shell ended (signal 9). {FRESH}]"


async def test_a_stopped_shell_is_replaced_after_the_timeout(alive_after: Box) -> None:
    text, is_error = await alive_after.bash("kill -STOP $$", timeout_ms=300)
    assert is_error
    assert FRESH in text


async def test_noexec_mode_ends_with_the_timeout(alive_after: Box) -> None:
    assert FRESH in (await alive_after.bash("set -n", timeout_ms=300))[0]


async def test_binary_output_becomes_valid_text(alive_after: Box) -> None:
    text = await alive_after.good("printf 'a\\xff\\x00\\xc3b'; head -c 5000 /dev/urandom")
    assert text.startswith("a\ufffd\0\ufffdb")
    text.encode("utf-8")


async def test_two_hundred_megabytes_of_output_keep_their_tail(alive_after: Box) -> None:
    start = time.monotonic()
    text = await alive_after.good("yes 0123456789abcde | head -c 200000000; echo the end")
    assert text.startswith("[output truncated]\n")
    assert text.endswith("abcde\nthe end\n")
    assert len(text) == 100 * 1024 + len("[output truncated]\n")
    assert time.monotonic() - start < 20


async def test_a_background_job_that_holds_stdout_delays_nothing(alive_after: Box) -> None:
    start = time.monotonic()
    assert await alive_after.good("sleep 60 & echo on") == "on\n"
    assert time.monotonic() - start < 2


async def test_a_background_job_that_never_stops_writing(alive_after: Box) -> None:
    await alive_after.good("yes & echo on")
    await asyncio.sleep(0.3)
    text = await alive_after.good("kill %1; wait; echo done")
    assert text.endswith("done\n")
    assert len(text) < 110 * 1024


async def test_a_very_long_command(alive_after: Box) -> None:
    assert await alive_after.good("x='" + "y" * MIB + "'; echo ${#x}") == f"{MIB}\n"


# Processes.


async def test_an_endless_loop_in_the_shell_itself(alive_after: Box) -> None:
    start = time.monotonic()
    assert (await alive_after.bash("while :; do :; done", timeout_ms=300))[1]
    assert time.monotonic() - start < 3


async def test_a_command_that_ignores_term(alive_after: Box) -> None:
    start = time.monotonic()
    assert (await alive_after.bash("trap '' TERM INT HUP; sleep 60 & sleep 60", timeout_ms=300))[1]
    assert time.monotonic() - start < 3


async def test_a_daemon_of_a_call_dies_with_its_timeout(alive_after: Box) -> None:
    daemon = "setsid sh -c '(while sleep 0.05; do date +%N >beat; done) &' >/dev/null 2>&1 & sleep 60"
    assert (await alive_after.bash(daemon, timeout_ms=500))[1]
    before = (alive_after.workspace / "beat").read_text()
    await asyncio.sleep(0.3)
    assert (alive_after.workspace / "beat").read_text() == before


async def test_a_fork_bomb_that_outlives_its_command(kind: Kind) -> None:
    async with open_box(kind, limits=Limits(pids=64)) as box:
        await box.bash("b() { b | b & }; b 2>/dev/null", timeout_ms=3000)
        calm = 0
        for _ in range(40):
            text, _ = await box.bash("ls >/dev/null; echo called", timeout_ms=5000)
            calm = calm + 1 if text == "called\n" else 0
            if calm == 3:
                break
            await asyncio.sleep(0.1)
        assert calm == 3


async def test_too_many_processes_are_an_error_that_names_the_limit(kind: Kind) -> None:
    async with small_box(kind, pids=64) as box:
        text, is_error = await box.bash("for i in $(seq 200); do sleep 30 & done; wait", timeout_ms=20_000)
        assert is_error
        assert "too many processes (64)" in text


async def test_zombies_are_taken_in(box: Box) -> None:
    await box.good("for i in $(seq 30); do (sleep 0.01 & ) ; done; sleep 0.3")
    if box.kind.proc:
        assert await box.good("grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l") == "0\n"


async def test_killing_everything_ends_at_most_this_sandbox(kind: Kind) -> None:
    async with open_box(kind) as box:
        with contextlib.suppress(SandboxUnavailable):
            await box.bash("kill -9 -1; sleep 1; echo survived", timeout_ms=3000)
        with contextlib.suppress(SandboxUnavailable):
            assert await box.good("echo on") == "on\n"
    async with open_box(kind) as box:
        assert await box.good("echo new") == "new\n"


async def test_signals_do_not_reach_processes_outside(alive_after: Box) -> None:
    text, is_error = await alive_after.bash(f"kill -0 {os.getpid()}")
    assert is_error, text


# The host reads what the agent made; the file tools too.


ASTRAY = (
    ("ln -s /etc/shadow link", "link", "read: path 'link' is outside the session's working directory"),
    ("ln -s /etc dir", "dir/x", "read: path 'dir/x' is outside the session's working directory"),
    ("ln -s loop loop", "loop", "read: path 'loop': too many levels of symbolic links"),
    ("mkfifo fifo", "fifo", "read: fifo: not a regular file"),
    ("mkdir d", "d", "read: d: not a regular file"),
    ("truncate -s 1T sparse || truncate -s 900M sparse", "sparse", "-byte limit. Use the view_range"),
    ("echo x >f; chmod 000 f", "f", "read: f: permission denied"),
    ("true", "../../etc/passwd", "is outside the session's working directory"),
    ("true", "/etc/passwd", "is outside the session's working directory"),
    ("true", "nosuch", "read: nosuch: no such file or directory"),
)


async def test_read_is_not_led_astray(alive_after: Box) -> None:
    for make, path, error in ASTRAY:
        await alive_after.good(make)
        text, is_error = said(await alive_after.call("read", file_path=path))
        assert is_error, path
        assert error in text


async def test_write_and_edit_follow_no_link_out(alive_after: Box) -> None:
    await alive_after.good("ln -s /tmp/outside link; ln -s / root; mkfifo fifo")
    for path in ("link", "root/tmp/x", "fifo", "/mnt/session/uploads/x"):
        assert said(await alive_after.call("write", file_path=path, content="x"))[1], path
        edit = await alive_after.call("edit", file_path=path, old_string="a", new_string="b")
        assert said(edit)[1], path


async def test_glob_and_grep_stay_inside(alive_after: Box) -> None:
    await alive_after.good("ln -s / root; ln -s /etc/passwd p; echo root: >mine; mkfifo fifo")
    assert said(await alive_after.call("grep", pattern="root:")) == ("/workspace/mine:1:root:\n", False)
    found, _ = said(await alive_after.call("glob", pattern="root/etc/*"))
    assert found == "no matches"
    for pattern in ("/etc/*", "../*"):
        assert said(await alive_after.call("glob", pattern=pattern))[1]


async def test_strange_names(alive_after: Box) -> None:
    await alive_after.good("touch -- -rf $'new\\nline' $'bad\\xff' 'ünï'; mkdir 'a b'; echo hit >'a b/-n'")
    text, is_error = said(await alive_after.call("glob", pattern="*"))
    assert not is_error
    assert "/workspace/-rf" in text
    assert "ünï" in text
    text.encode("utf-8")
    assert said(await alive_after.call("grep", pattern="hit", path="a b"))[0] == "/workspace/a b/-n:1:hit\n"


async def test_setuid_bits_give_nothing(alive_after: Box) -> None:
    text, _ = await alive_after.bash("cp /usr/bin/id . && chmod u+s id; ./id -u; true")
    assert "0" not in text.split()


async def test_a_search_that_backtracks_for_ever_can_be_cancelled(alive_after: Box) -> None:
    (alive_after.workspace / "a").write_text("a" * 1500 + "b\n" * 3)
    call = asyncio.create_task(alive_after.call("grep", pattern="(a+)+$"))
    await asyncio.sleep(0.3)
    start = time.monotonic()
    await alive_after.sandbox.cancel()
    await call
    assert time.monotonic() - start < 0.5


# Secrets and reach.


async def test_no_secret_of_the_host_is_inside(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-0123456789")
    async with open_box(kind) as box:
        text = await box.good(
            "env; cat /proc/*/environ /proc/*/task/*/environ 2>/dev/null | tr '\\0' '\\n'; "
            "grep -rsl sk-test-0123456789 /proc/[0-9]*/cmdline /etc /run 2>/dev/null; true"
        )
    assert "sk-test" not in text
    assert "ANTHROPIC" not in text


def host_secret(directory: Path) -> Path:
    secret = directory / "secret"
    secret.write_text("host secret")
    secret.chmod(0o666)
    return secret


async def test_the_host_is_out_of_reach(alive_after: Box, open_path: Path) -> None:
    secret = host_secret(open_path)
    for command in (f"cat {secret}", f"echo x >{secret}", f"rm {secret}", f"chmod 777 {open_path}"):
        text, is_error = await alive_after.bash(command)
        assert is_error, command
        assert "host secret" not in text
    assert secret.read_text() == "host secret"
    assert os.stat(open_path).st_mode & 0o777 == 0o755


async def test_no_door_of_the_kernel_is_open(alive_after: Box) -> None:
    """The first is io_uring, which older engines leave open: in a network of its own, no way out."""
    script = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
numbers = {"x86_64": (425, 321, 250, 272, 308), "aarch64": (425, 280, 219, 97, 268)}[os.uname().machine]
for number in numbers:
    result = libc.syscall(number, 0x10000000, 0, 0, 0, 0)
    print(result, ctypes.get_errno() in (errno.EPERM, errno.ENOSYS))
"""
    (alive_after.workspace / "doors.py").write_text(script)
    lines = (await alive_after.good("/usr/bin/python3 doors.py")).splitlines()
    assert lines[1:] == ["-1 True"] * 4
    assert lines[0] == "-1 True" or alive_after.kind.name == "docker"


@pytest.fixture
def loopback_server() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    reached = threading.Event()

    def accept() -> None:
        with contextlib.suppress(OSError):
            listener.accept()[0].close()
            reached.set()

    thread = threading.Thread(target=accept)
    thread.start()
    yield listener.getsockname()[1]
    assert not reached.is_set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize("network", [None, Network(), Network(("example.com",))], ids=["none", "all", "list"])
async def test_services_of_the_host_cannot_be_reached(
    kind: Kind, network: Network | None, loopback_server: int
) -> None:
    async with open_box(kind, network=network) as box:
        address = f"127.0.0.1/{loopback_server}"
        assert (await box.bash(f"(: >/dev/tcp/{address})"))[1]
        if network is not None and kind.network:
            through = f"curl -sf -m 5 -x http://127.0.0.1:3128 http://127.0.0.1:{loopback_server}/"
            assert (await box.bash(through))[1]


# Resources.


async def test_a_memory_hog_is_an_error_that_names_the_limit(kind: Kind) -> None:
    async with small_box(kind, memory=128 * MIB) as box:
        hog = "python3 -c 'x = [bytearray(1 << 20) for _ in range(4000)]; print(len(x) + 1)'"
        text, is_error = await box.bash(hog, timeout_ms=60_000)
        assert is_error
        assert "out of memory (128 MiB)" in text
        assert "4001" not in text


async def test_a_file_cannot_grow_beyond_its_limit(kind: Kind) -> None:
    async with small_box(kind, file_size=4 * MIB) as box:
        text, is_error = await box.bash("head -c 9000000 /dev/zero >big")
        assert is_error
        assert "File size limit exceeded" in text
        assert text.endswith("[limit: 4 MiB in one file]")
        assert (box.workspace / "big").stat().st_size == 4 * MIB
        big = await box.call("write", file_path="w", content="x" * 5 * MIB)
        assert said(big) == ("write: w: file too large\n[limit: 4 MiB in one file]", True)


async def test_the_least_that_may_be_asked_for_is_enough_to_work(kind: Kind) -> None:
    least = {key.replace("-", "_"): value for key, value in LEAST.items()}
    async with small_box(kind, **least) as box:
        assert await box.good("echo one | cat | tee f") == "one\n"
        assert said(await box.call("read", file_path="f")) == ("one\n", False)


async def test_too_many_open_files_are_an_error_that_names_the_limit(kind: Kind) -> None:
    async with small_box(kind, open_files=256) as box:
        text, is_error = await box.bash("/usr/bin/python3 -c 'x = [open(\"/dev/null\") for _ in range(300)]'")
        assert is_error
        assert "Too many open files" in text
        assert text.endswith("[limit: 256 open files in a process]")


async def test_what_others_put_in_the_workspace_counts_against_its_limit(kind: Kind) -> None:
    async with small_box(kind, disk=64 * MIB) as box:
        for name in ("old", "older"):
            (box.workspace / name).write_bytes(os.urandom(48 * MIB))
        command = "for i in $(seq 20); do head -c 20000000 /dev/zero >f$i; sync f$i; sleep 0.1; done"
        text, is_error = await box.bash(command, timeout_ms=60_000)
        assert is_error
        assert "out of disk space (64 MiB)" in text
        await box.good("rm -f f*")


async def test_a_filled_disk_is_an_error_that_names_the_limit(kind: Kind) -> None:
    async with small_box(kind, disk=64 * MIB) as box:
        command = "for i in $(seq 100); do head -c 20000000 /dev/zero >f$i; sync f$i; sleep 0.05; done"
        text, is_error = await box.bash(command, timeout_ms=60_000)
        assert is_error
        assert "out of disk space (64 MiB)" in text
        await box.good("rm f*")


async def test_temporary_directories_are_bounded(kind: Kind) -> None:
    if not kind.own_paths:
        return
    async with small_box(kind, memory=256 * MIB) as box:
        text, is_error = await box.bash("head -c 600000000 /dev/zero >/tmp/big; rm -f /tmp/big")
        assert "No space left" in text or is_error


async def test_many_files(alive_after: Box) -> None:
    await alive_after.good("mkdir many; cd many; seq 2000 | xargs touch")
    text, _ = said(await alive_after.call("glob", pattern="**/*"))
    assert len(text.splitlines()) == 200

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from conformance import HERE, MIB, Kind, open_box

from jupyter_agents.sandbox.base import Limits
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.sandbox.landlock import LandlockProvider
from jupyter_agents.sandbox.watchdog import Watchdog, process_tree, resident_bytes, started_at, used_bytes

PROVIDERS = {"bubblewrap": BubblewrapProvider, "landlock": LandlockProvider}
embedded = pytest.mark.parametrize(
    "kind", [kind for kind in HERE if kind.name in PROVIDERS], ids=lambda kind: kind.name
)


@embedded
async def test_memory_without_a_control_group(kind: Kind) -> None:
    provider = PROVIDERS[kind.name](cgroups=False)
    async with open_box(kind, provider=provider, limits=Limits(memory=128 * MIB)) as box:
        hog = "x = []\nfor _ in range(60):\n    x.append(b'1' * (8 << 20)); __import__('time').sleep(0.02)"
        await box.call("write", file_path="hog.py", content=hog)
        text, is_error = await box.bash("python3 hog.py; echo $?")
        assert is_error
        assert "out of memory (128 MiB): a process was killed" in text
        assert "137" in text
        assert await box.good("echo on") == "on\n"
        assert any("limited by watching" in note for note in box.sandbox.notes)


@embedded
async def test_processes_without_a_control_group(kind: Kind) -> None:
    provider = PROVIDERS[kind.name](cgroups=False)
    async with open_box(kind, provider=provider, limits=Limits(pids=40)) as box:
        text, is_error = await box.bash("for i in $(seq 120); do sleep 30 & done; wait", timeout_ms=20_000)
        assert is_error
        assert "too many processes (40)" in text
        assert await box.good("echo on") == "on\n"


async def nothing() -> None:
    return None


def watchdog(pid: int, workspace: Path, limits: Limits, **more: object) -> Watchdog:
    stop: Callable[[], Awaitable[None]] = more.pop("stop", nothing)  # type: ignore[assignment]
    return Watchdog(pid, limits, workspace, keepers=0, processes=bool(more), busy=lambda: True, stop=stop)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    hold = "x = b'1' * (40 << 20); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def grow(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        file.write(os.urandom(size))
        os.fsync(file.fileno())


async def test_the_largest_process_is_killed_and_it_is_said_once(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    watching = watchdog(sleeper.pid, tmp_path, Limits(memory=20 * MIB), processes=True)
    assert await asyncio.to_thread(sleeper.wait, 5) == -9
    assert watching.limit_hit() == "out of memory (20 MiB): a process was killed"
    assert watching.limit_hit() is None
    await watching.close()


async def test_a_process_id_that_was_given_again_is_left_alone(
    sleeper: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = watchdog(sleeper.pid, tmp_path, Limits(memory=20 * MIB), processes=True)
    monkeypatch.setattr(watching, "_started", "1")
    await asyncio.sleep(0.4)
    assert sleeper.poll() is None
    assert watching.limit_hit() is None
    await watching.close()


@pytest.mark.parametrize(("before", "more"), [(4, 2), (9, 1), (0, 3)])
async def test_growth_of_the_workspace_beyond_its_size_stops_the_calls(
    tmp_path: Path, before: int, more: int
) -> None:
    """What was there counts, and what is too large from the start may not grow."""
    (tmp_path / "before").write_bytes(os.urandom(before * MIB))
    stopped = asyncio.Event()

    async def stop() -> None:
        stopped.set()

    watching = watchdog(os.getpid(), tmp_path, Limits(disk=8 * MIB), stop=stop)
    await asyncio.sleep(0.3)
    assert not stopped.is_set()
    for n in range(more):
        grow(tmp_path / str(n), 4 * MIB)
    await asyncio.wait_for(stopped.wait(), 15)
    assert watching.limit_hit() == "out of disk space (8 MiB)"
    await watching.close()


def test_the_tree_and_its_sizes() -> None:
    assert process_tree(os.getpid())[0] == os.getpid()
    assert resident_bytes(os.getpid()) > MIB
    assert started_at(os.getpid()).isdigit()
    assert (resident_bytes(2**22 + 1), started_at(2**22 + 1)) == (0, "")


def test_used_bytes_follow_no_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/usr")
    (tmp_path / "file").write_bytes(b"x" * 8192)
    assert 8192 <= used_bytes(tmp_path) < MIB

"""Pausing on every provider, with what the shell had before, and a server that is killed meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conformance import BEAT, UID, Box, Kind, beats, box, every_kind, make_provider, open_path

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.pausing import Pausing
from jupyter_agents.sandbox.reaper import process_owner

__all__ = ["box", "open_path"]


@every_kind
async def test_a_paused_sandbox_stands_still_and_goes_on_with_all_that_it_had(box: Box) -> None:
    await box.good(f"cd /tmp; x=kept; f() {{ echo $x; }}; cd {box.home}; {BEAT}")
    await box.good("cd /tmp")
    assert await box.beats()
    assert await box.sandbox.pause()
    assert await box.sandbox.pause()
    assert not await beats(box.workspace / "beat")
    await box.sandbox.resume()
    assert await box.beats()
    assert await box.good("f; pwd") == "kept\n/tmp\n"


@every_kind
async def test_a_call_wakes_a_paused_sandbox(box: Box) -> None:
    await box.good("x=1")
    assert await box.sandbox.pause()
    assert await box.good("echo $x") == "1\n"
    assert await box.sandbox.pause()
    assert (await box.call("write", file_path="a", content="b")).is_error is False


@every_kind
async def test_a_paused_sandbox_can_be_closed(box: Box) -> None:
    await box.good(BEAT)
    assert await box.sandbox.pause()
    await box.sandbox.close()
    assert not box.sandbox.alive
    assert not await beats(box.workspace / "beat")
    with pytest.raises(SandboxUnavailable):
        await box.call("bash", command="true")


@every_kind
async def test_a_busy_sandbox_is_not_paused(box: Box) -> None:
    slow = asyncio.create_task(box.good("sleep 0.3; echo slow"))
    await asyncio.sleep(0.1)
    assert not await box.sandbox.pause()
    assert await slow == "slow\n"


PROGRAM = """
import asyncio, json, sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {root!r}]
from conformance import BEAT, KINDS, make_provider
from jupyter_agents.sandbox.base import SandboxSpec

async def main():
    top = Path({top!r})
    kind = next(kind for kind in KINDS if kind.name == {kind!r})
    provider = make_provider(kind, top / "run")
    sandbox = await provider.start(SandboxSpec("sesn_killed", top / "workspace", top / "uploads"))
    result = await sandbox.call("bash", {{"command": BEAT}})
    assert not result.is_error and await sandbox.pause()
    print("paused", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@every_kind
async def test_what_was_paused_when_its_server_was_killed_is_found_and_ended(
    kind: Kind, open_path: Path
) -> None:
    for name in ("run", "workspace", "uploads"):
        (open_path / name).mkdir(mode=0o755)

    if os.geteuid() == 0:
        os.chown(open_path / "workspace", UID, UID)
    tests = str(Path(__file__).parent)
    program = PROGRAM.format(
        tests=tests, root=str(Path(tests).parents[1]), top=str(open_path), kind=kind.name
    )
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert server.stdout is not None and await server.stdout.readline() == b"paused\n"
    owner = process_owner(server.pid)
    server.send_signal(signal.SIGKILL)
    await server.wait()
    if kind.name == "docker":
        provider = make_provider(kind, open_path / "run")
        assert (await provider.probe()).ok
        await provider.close()
        assert containers_of(owner) == []
    async with asyncio.timeout(10):
        while inhabitants(open_path / "workspace"):
            await asyncio.sleep(0.05)


def containers_of(owner: str) -> list[str]:
    import docker

    from jupyter_agents.sandbox.container import LABEL_OWNER

    client = docker.from_env()
    try:
        found = client.api.containers(all=True, filters={"label": f"{LABEL_OWNER}={owner}"})
        return [container["Id"] for container in found]
    finally:
        client.close()


def inhabitants(folder: Path) -> list[int]:
    """Processes of this machine that stand in `folder` or a bind of it."""
    wanted, found = folder.stat(), []
    for entry in Path("/proc").iterdir():
        try:
            there = (entry / "cwd").stat() if entry.name.isdigit() else None
        except OSError:
            continue
        if there is not None and (there.st_dev, there.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(int(entry.name))
    return found


async def test_a_pause_and_a_resume_wait_for_each_other() -> None:
    said: list[bool] = []

    async def freeze(stop: bool) -> None:
        await asyncio.sleep(0.01)
        said.append(stop)

    pausing = Pausing(freeze, lambda: False)
    assert await asyncio.gather(pausing.pause(), pausing.resume(), pausing.pause()) == [True, None, True]
    assert said == [True, False, True]

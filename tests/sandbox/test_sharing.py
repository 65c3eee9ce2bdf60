"""Several sessions in one sandbox, on every provider."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest
from conformance import BEAT, Box, beats, box, every_kind, said

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.sharing import Member

__all__ = ["box"]

pytestmark = every_kind


async def hold(box: Box, member: Member, seconds: float) -> None:
    """Make a session's part of the sandbox stand still for a while, so that a call of it lasts.

    Landlock keeps signals of bash from it; there the test sends them, by a pid that is the host's too.
    """
    if box.capabilities.proc:
        await bash(
            member, f"(sleep 0.2; kill -STOP $PPID; sleep {seconds}; kill -CONT $PPID) >/dev/null 2>&1 &"
        )
        await asyncio.sleep(0.3)
        return
    pid = int((await bash(member, "echo $PPID"))[0])
    os.kill(pid, signal.SIGSTOP)
    asyncio.get_running_loop().call_later(seconds, os.kill, pid, signal.SIGCONT)


class Together:
    """Members of one box's sandbox, and who of them left."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.gone: list[Member] = []

    def member(self, name: str) -> Member:
        return Member(self.box.sandbox, name, self.pause, self.left)

    async def pause(self, member: Member) -> bool:
        return await self.box.sandbox.pause()

    async def left(self, member: Member) -> None:
        self.gone.append(member)


async def bash(member: Member, command: str, **more: Any) -> tuple[str, bool]:
    return said(await member.call("bash", {"command": command, **more}))


@pytest.fixture
def pair(box: Box) -> tuple[Member, Member]:
    together = Together(box)
    return together.member("sesn_one"), together.member("sesn_two")


async def test_each_has_its_own_shell_and_both_have_the_same_files(pair: tuple[Member, Member]) -> None:
    one, two = pair
    await asyncio.gather(bash(one, "x=1; cd /tmp; echo a >/tmp/one"), bash(two, "x=2; echo b >two"))
    assert await bash(one, 'echo "$x"; pwd') == ("1\n/tmp\n", False)
    assert await bash(two, 'echo "$x"; cat two') == ("2\nb\n", False)
    assert said(await one.call("read", {"file_path": "two"})) == ("b\n", False)


async def test_a_timeout_and_a_cancel_spare_the_others(box: Box, pair: tuple[Member, Member]) -> None:
    one, two = pair
    await bash(one, BEAT)
    slow = asyncio.create_task(bash(one, "sleep 1.2; echo slow"))
    text, is_error = await bash(two, "sleep 60", timeout_ms=300)
    assert is_error and "timed out" in text
    waiting = asyncio.create_task(bash(two, "sleep 60"))
    await asyncio.sleep(0.2)
    await two.cancel()
    assert await waiting == ("bash: interrupted", True)
    assert await slow == ("slow\n", False)
    assert await box.beats()


@pytest.mark.parametrize("name", ["write", "edit"])
async def test_an_overlapping_write_names_the_other_session(
    box: Box, pair: tuple[Member, Member], name: str
) -> None:
    one, two = pair
    await one.call("write", {"file_path": "a", "content": "old"})
    await hold(box, one, 1.0)
    first = asyncio.create_task(one.call("write", {"file_path": "/workspace/a", "content": "old, one"}))
    await asyncio.sleep(0.1)
    change = {"content": "two"} if name == "write" else {"old_string": "old", "new_string": "two"}
    text, is_error = said(await two.call(name, {"file_path": "a", **change}))
    assert is_error and text.startswith(f"{name}: a is being written by session sesn_one, which shares")
    assert said(await two.call("write", {"file_path": "b", "content": "mine"}))[1] is False
    assert (await first).is_error is False
    assert (box.workspace / "a").read_text() == "old, one"
    assert said(await two.call(name, {"file_path": "a", **change}))[1] is False


async def test_who_leaves_takes_its_processes_along(box: Box, pair: tuple[Member, Member]) -> None:
    one, two = pair
    await bash(one, BEAT)
    await bash(two, "x=2")
    await one.close()
    await asyncio.sleep(0.3)
    assert not await beats(box.workspace / "beat")
    assert await bash(two, "echo $x") == ("2\n", False)
    assert not one.alive and two.alive
    with pytest.raises(SandboxUnavailable):
        await bash(one, "true")


async def test_a_part_that_is_killed_is_replaced_alone(box: Box, pair: tuple[Member, Member]) -> None:
    one, two = pair
    await bash(two, "x=2")
    if not box.capabilities.proc:
        pid = int((await bash(one, "echo $PPID"))[0])
        asyncio.get_running_loop().call_later(0.2, os.kill, pid, signal.SIGKILL)
    text, is_error = await bash(one, "kill -KILL $PPID; sleep 60")
    assert is_error and "ended" in text
    assert await bash(one, "echo again") == ("again\n", False)
    assert await bash(two, "echo $x") == ("2\n", False)


async def test_a_shared_sandbox_pauses_and_wakes(box: Box, pair: tuple[Member, Member]) -> None:
    one, two = pair
    await bash(one, f"x=1; {BEAT}")
    assert await one.pause()
    assert not await beats(box.workspace / "beat")
    assert await bash(two, "echo hi") == ("hi\n", False)
    assert await bash(one, "echo $x") == ("1\n", False)

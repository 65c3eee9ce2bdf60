from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.channel import ProcessChannel


async def start(script: str, grace: float = 0.0) -> ProcessChannel:
    return await ProcessChannel.start(["/bin/sh", "-c", script], what="The program", grace=grace)


async def test_bytes_go_both_ways_with_an_empty_environment() -> None:
    channel = await start("env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= ; cat")
    await channel.send(b"hello\n")
    assert await channel.receive() == b"hello\n"
    await channel.close()
    await channel.close()
    assert await channel.receive() == b""


async def test_the_end_says_what_the_program_said() -> None:
    channel = await start("echo first >&2; echo No permission >&2; exit 1")
    with pytest.raises(SandboxUnavailable, match="The program ended: No permission"):
        await channel.receive()
    await channel.close()


async def test_a_program_that_says_nothing_just_ends() -> None:
    channel = await start("exit 0")
    assert await channel.receive() == b""
    await channel.close()


async def test_a_program_that_cannot_be_started_is_said() -> None:
    with pytest.raises(SandboxUnavailable, match="could not be started: No such file"):
        await ProcessChannel.start(["/nosuch/program"], what="The program")


async def test_grace_lets_a_program_end_by_itself(tmp_path: Path) -> None:
    for grace, ended in ((0.0, False), (5.0, True)):
        mark = tmp_path / str(grace)
        wait = "echo up; while :; do sleep 0.01; done"
        channel = await start(f"trap 'echo x >{mark}; exit' TERM; {wait}", grace)
        assert await channel.receive() == b"up\n"
        await channel.close()
        assert (mark.name in os.listdir(tmp_path)) is ended

"""A far end that is a real process and hostile: it is ended, in words, and takes little of the server."""

from __future__ import annotations

import asyncio
import sys
import time
import tracemalloc

import pytest

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Limits, Mount
from jupyter_agents.sandbox.channel import CHUNK, ProcessChannel
from jupyter_agents.sandbox.frames import MAX_FRAME
from jupyter_agents.sandbox.tools import ToolhostSandbox

GREETING = """
import os, sys, time
def say(data):
    while data:
        data = data[os.write(1, data):]
say(b'{"hello":"toolhost","protocol":2}\\n')
os.read(0, 65536)
"""

HOSTILE = {
    "garbage": ("say(os.urandom(100_000)); time.sleep(60)", "not"),
    "a forged id": ('say(b\'{"id":7,"content":[],"is_error":false}\\n\'); time.sleep(60)', "never made"),
    "another hello": ('say(b\'{"hello":"toolhost","protocol":2}\\n\'); time.sleep(60)', "never made"),
    "a flood of answers": (
        'say(b\'{"id":1,"content":[],"is_error":false}\\n\' * 1000); time.sleep(60)',
        "more answers than calls",
    ),
    "a flood without end": ("\nwhile True: say(b'{\"id\":1}\\n' * 1000)", "no content"),
    "a frame of 100 MB": ("say(b'x' * 100_000_000); time.sleep(60)", "too large"),
    "a frame that grows when it is read": (
        "say(b'{\"id\":1,\"content\":[' + b'[],' * 5_000_000 + b'[]]}\\n'); time.sleep(60)",
        "too many parts",
    ),
    "deep nesting": ("say(b'[' * 200_000 + b'\\n'); time.sleep(60)", "not JSON"),
    "wide characters": ("say('{\"\\U0001f600\":1}\\n'.encode()); time.sleep(60)", "not ASCII"),
    "the end in mid-frame": ("say(b'{\"id\":1,')", "has ended"),
}


async def started(program: str, limits: Limits | None = None) -> ToolhostSandbox:
    channel = await ProcessChannel.start([sys.executable, "-c", GREETING + program], what="It")
    sandbox = ToolhostSandbox(channel, kind="hostile", limits=limits)
    await sandbox.start()
    return sandbox


@pytest.mark.parametrize("how", HOSTILE)
async def test_a_hostile_process_is_ended_in_words(how: str) -> None:
    program, words = HOSTILE[how]
    sandbox = await started(program)
    tracemalloc.start()
    try:
        try:
            await sandbox.call("bash", {"command": "ls"})
            while sandbox.alive:
                await asyncio.sleep(0.01)
            await sandbox.call("bash", {"command": "ls"})
        except SandboxUnavailable as error:
            said = str(error)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        await sandbox.close()
    assert words in said
    assert peak < 3 * MAX_FRAME + 16 * CHUNK
    with pytest.raises(SandboxUnavailable):
        await sandbox.add_file(Mount(__file__, "/data/x"))  # type: ignore[arg-type]


async def test_a_process_that_reads_nothing_keeps_nobody_waiting() -> None:
    sandbox = await started("time.sleep(600)", Limits(call_seconds=0.5))
    large = {"file_path": "x", "content": "x" * 5_000_000}
    begun = time.monotonic()
    results = await asyncio.gather(*(sandbox.call("write", large) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(one, SandboxUnavailable) or one.is_error for one in results)  # type: ignore[union-attr]
    assert not sandbox.alive
    await sandbox.close()
    assert time.monotonic() - begun < 30


async def test_cancelling_at_a_process_that_reads_nothing_ends_it() -> None:
    sandbox = await started("time.sleep(600)")
    call = asyncio.create_task(sandbox.call("write", {"file_path": "x", "content": "x" * 5_000_000}))
    await asyncio.sleep(0.2)
    await sandbox.cancel()
    assert not sandbox.alive
    await asyncio.gather(call, return_exceptions=True)
    await sandbox.close()

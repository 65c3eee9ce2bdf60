"""One connection: how it ends, and what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.runtime.mcp_config import McpConfig, Program
from jupyter_agents.runtime.mcp_connection import Connection, McpFailure
from tests.mcp_servers import raw, shop, tool

Doc = dict[str, Any]


async def opened(url: str, **config: Any) -> Connection:
    connection = Connection("shop", url, McpConfig(**config))
    await connection.open()
    return connection


async def test_pages_are_followed_to_the_end() -> None:
    def page(handler: Any, body: Doc) -> Doc:
        number = int((body.get("params") or {}).get("cursor", "0"))
        return {"tools": [tool(f"t{number}")], **({"nextCursor": str(number + 1)} if number < 4 else {})}

    with raw(tools_list=page) as server:
        connection = await opened(server.url)
        listing = await connection.listing(lambda name: name != "t2")
        await connection.close()
    assert [found["name"] for found in listing.done()] == ["t0", "t1", "t3", "t4"]


async def test_a_call_that_is_given_up_makes_the_connection_suspect_until_it_answers() -> None:
    with shop() as (server, url):
        connection = await opened(url, call_seconds=0.3)
        with pytest.raises(McpFailure, match="may still be running"):
            await connection.call("slow", {})
        assert connection.suspect and connection.alive
        await connection.check()
        assert not connection.suspect
        assert (await connection.call("price", {"item": "tea"})).content[0]["text"] == "tea costs 3"
        server.gate.set()
        await connection.close()
    assert not connection.alive
    with pytest.raises(McpFailure, match="has ended"):
        await connection.call("price", {"item": "tea"})


async def test_closing_does_not_wait_for_a_server_that_hangs() -> None:
    with raw(tools_call=lambda *_: time.sleep(20)) as server:
        connection = await opened(server.url)
        asked = asyncio.create_task(connection.call("look", {}))
        await asyncio.sleep(0.2)
        begun = time.monotonic()
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
        assert time.monotonic() - begun < 0.5
        await connection.close()
        assert time.monotonic() - begun < 5


async def test_several_calls_at_once() -> None:
    with shop() as (server, url):
        connection = await opened(url)
        slow = asyncio.create_task(connection.call("slow", {}))
        assert await asyncio.to_thread(server.started.wait, 10)
        assert (await connection.call("price", {"item": "tea"})).content[0]["text"] == "tea costs 3"
        server.gate.set()
        assert (await slow).content[0]["text"] == "late"
        await connection.close()


def running(pid: int) -> bool:
    """Whether a process runs; one that ended may wait for its parent to take note."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout.strip()[:1] not in ("", "Z")


STUBBORN = (
    "import os, signal, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "open(sys.argv[1], 'w').write(str(os.getpid()))\n"
    "while True: time.sleep(1)\n"
)


async def test_a_program_that_says_nothing_and_will_not_end_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    program = Program((sys.executable, "-c", STUBBORN, str(pid_file)))
    connection = Connection("s", "stdio:s", McpConfig(connect_seconds=1.5, programs={"s": program}))
    with pytest.raises(McpFailure, match="did not answer within"):
        await connection.open()
    pid = int(pid_file.read_text())
    await connection.close()
    assert not running(pid)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/nowhere/at-all",), "failed"),
        ((sys.executable, "-c", "input(); print('x' * 100_000_000)"), "failed"),
        ((sys.executable, "-c", "print('hello')"), "failed"),
        ((sys.executable, "-c", "import sys; sys.exit(3)"), "failed"),
    ],
)
async def test_a_program_that_is_no_server(command: tuple[str, ...], words: str) -> None:
    connection = Connection("s", "stdio:s", McpConfig(programs={"s": Program(command)}))
    with pytest.raises(McpFailure, match=words):
        await connection.open()
    await connection.close()


def test_the_server_starts_without_the_package() -> None:
    """It takes half a second to import."""
    look = "import sys, jupyter_agents.server.app; print('mcp' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"

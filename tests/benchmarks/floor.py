"""The floor: the SDK's streaming loop, a bare shell, a bare container."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import anthropic

ECHO_END = "__end__"
BASH: Any = {
    "name": "bash",
    "description": "Run a command.",
    "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}},
}


async def per_call(url: str, calls: int) -> float:
    """Seconds per tool call of the SDK's streaming loop with a bash process on a pipe."""
    shell = await asyncio.create_subprocess_exec(
        "bash", "--norc", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert shell.stdin and shell.stdout
    messages: list[Any] = [{"role": "user", "content": [{"type": "text", "text": f"calls {calls}"}]}]
    async with anthropic.AsyncAnthropic(base_url=url, api_key="none") as client:
        await _ask(client, [{"role": "user", "content": "warm up"}])
        start = time.perf_counter()
        while True:
            answer = await _ask(client, messages)
            messages.append({"role": "assistant", "content": answer.content})
            uses = [block for block in answer.content if block.type == "tool_use"]
            if not uses:
                break
            results = [await _run(shell, use) for use in uses]
            messages.append({"role": "user", "content": results})
        elapsed = time.perf_counter() - start
    shell.stdin.close()
    await shell.wait()
    return elapsed / calls


async def _ask(client: anthropic.AsyncAnthropic, messages: list[Any]) -> Any:
    async with client.messages.stream(
        model="claude-opus-4-7", max_tokens=1000, messages=messages, tools=[BASH]
    ) as stream:
        async for _ in stream:
            pass
        return await stream.get_final_message()


async def _run(shell: asyncio.subprocess.Process, use: Any) -> Any:
    content = await _echo(shell, use.input["command"])
    return {"type": "tool_result", "tool_use_id": use.id, "content": content}


async def _echo(shell: asyncio.subprocess.Process, command: str) -> str:
    assert shell.stdin and shell.stdout
    shell.stdin.write(f"{command}; echo {ECHO_END}\n".encode())
    lines = []
    while (line := (await shell.stdout.readline()).decode()) != f"{ECHO_END}\n":
        lines.append(line)
    return "".join(lines)


def docker_run(image: str, options: list[str], times: int = 5) -> float:
    """Median seconds of ``docker run --rm IMAGE true``."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        command = ["docker", "run", "--rm", "--network", "none", *options, image, "true"]
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return median(seconds)


async def shell_call(calls: int) -> float:
    """Median seconds of ``echo hi`` in a bare bash on a pipe, without a sandbox or a frame around it."""
    shell = await asyncio.create_subprocess_exec(
        "bash", "--norc", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert shell.stdin
    seconds = []
    for _ in range(calls):
        start = time.perf_counter()
        await _echo(shell, "echo hi")
        seconds.append(time.perf_counter() - start)
    shell.stdin.close()
    await shell.wait()
    return median(seconds)


def bare_bwrap(times: int) -> float:
    """Median seconds until Python has started and ended in a bubblewrap sandbox of few arguments."""
    command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--", sys.executable, "-I", "-S", "-c", ""]
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return median(seconds)


@contextmanager
def container(image: str, options: list[str]) -> Iterator[str]:
    """A container that waits; its name."""
    name = f"jupyter-agents-bench-{os.getpid()}"
    command = ["docker", "run", "--rm", "--detach", "--network", "none", "--name", name, *options]
    subprocess.run([*command, image, "sleep", "600"], check=True, capture_output=True)
    try:
        yield name
    finally:
        subprocess.run(["docker", "kill", name], check=True, capture_output=True)


def docker_exec(name: str, times: int) -> float:
    """Median seconds of ``docker exec CONTAINER bash -c "echo hi"``."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run(["docker", "exec", name, "bash", "-c", "echo hi"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return median(seconds)

"""The scripted endpoint as a process of its own, so that it takes no time from what is measured.

It reads what to answer from the newest user text: ``calls N`` asks for N bash calls one after the
other and then says so; ``deltas N`` streams N deltas, each with the time at which it was sent, ``paced
N`` the same at 20 a second; ``sleep N`` asks for a call that takes N seconds.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_agents.testing import Reply, ScriptedModel, call, say

PAUSE = 0.004
PACE = 0.05
ORDERS = ("calls", "deltas", "paced", "sleep")


def answer(request: dict[str, Any]) -> Any:
    order, number, done = read(request)
    if order == "calls" and done < number:
        tool = next((t["name"] for t in request.get("tools", ()) if t["name"].lower() == "bash"), "bash")
        return [call(tool, command="echo hi")]
    if order == "deltas":
        return [{"type": "text", "text": times(number)}]
    if order == "paced":
        return [{"type": "text", "text": times(number, PACE)}]
    if order == "sleep" and not done:
        return [call("bash", command=f"sleep {number}")]
    return [say("Done.")]


def read(request: dict[str, Any]) -> tuple[str, int, int]:
    """The newest order of the user, its number, and how many calls were answered since."""
    done = 0
    for message in reversed(request["messages"]):
        blocks = message["content"]
        if isinstance(blocks, str):
            blocks = [{"type": "text", "text": blocks}]
        for block in reversed(blocks):
            if block["type"] == "tool_result":
                done += 1
            elif block["type"] == "text" and message["role"] == "user":
                words = block["text"].split()
                if len(words) == 2 and words[0] in ORDERS:
                    return words[0], int(words[1]), done
    return "", 0, done


def times(number: int, pause: float = PAUSE) -> Iterator[str]:
    """`number` deltas, each the time at which it is sent, in nanoseconds."""
    for _ in range(number):
        time.sleep(pause)
        yield f"{time.time_ns()} "


@contextmanager
def scripted() -> Iterator[str]:
    """This endpoint in a process of its own; its address."""
    command = [sys.executable, "-m", "tests.benchmarks.model"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdin
        yield process.stdout.readline().strip()
        process.stdin.close()


def main() -> None:
    """Serve until standard input ends; the first line of output is the address."""
    model = ScriptedModel()
    model.next = answered  # type: ignore[method-assign]
    with model:
        print(model.url, flush=True)
        sys.stdin.read()


def answered(request: dict[str, Any]) -> Reply:
    found = answer(request)
    return found if isinstance(found, Reply) else Reply(found)


if __name__ == "__main__":
    main()

"""The scripted endpoint as a process of its own, so that it takes no time from what is measured.

It reads what to answer from the newest user text: ``calls N`` asks for N bash calls one after the
other and then says so; ``deltas N`` streams N deltas, each with the time at which it was sent.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from jupyter_agents.testing import Reply, ScriptedModel, call, say

PAUSE = 0.004


def answer(request: dict[str, Any]) -> Any:
    order, number, done = read(request)
    if order == "calls" and done < number:
        tool = next((t["name"] for t in request.get("tools", ()) if t["name"].lower() == "bash"), "bash")
        return [call(tool, command="echo hi")]
    if order == "deltas":
        return [{"type": "text", "text": times(number)}]
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
                if len(words) == 2 and words[0] in ("calls", "deltas"):
                    return words[0], int(words[1]), done
    return "", 0, done


def times(number: int) -> Iterator[str]:
    """`number` deltas, each the time at which it is sent, in nanoseconds."""
    for _ in range(number):
        time.sleep(PAUSE)
        yield f"{time.time_ns()} "


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

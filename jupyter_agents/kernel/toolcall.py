"""One call of a kernel tool: arguments in, an answer out. Whatever the function does is an answer.

Only the user's interrupt is not: it stops the turn.
"""

from __future__ import annotations

import asyncio
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from jupyter_agents.cell.snapshot import cut_text
from jupyter_agents.kernel import results
from jupyter_agents.kernel.capture import captured
from jupyter_agents.kernel.deadline import OutOfTime, within
from jupyter_agents.kernel.images import BadImage
from jupyter_agents.kernel.schema import BadArguments
from jupyter_agents.kernel.tool import KernelTool

LONGEST_ERROR = 10_000
FRAMES = 10
OURS = Path(__file__).parent.parent
CELL = re.compile(r"ipykernel_\d+[/\\]|^<ipython-input")
LIBRARIES = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Answer:
    """content: blocks for the agent. shown: blocks for the cell alone, what was printed and displayed."""

    content: list[dict[str, Any]]
    is_error: bool = False
    shown: tuple[dict[str, Any], ...] = ()


def run(tool: KernelTool, given: Mapping[str, Any]) -> Answer:
    """Call a sync function in this thread; raises KeyboardInterrupt alone."""
    try:
        values = tool.parameters.check(given)
    except BadArguments as error:
        return _unfit(tool, error)
    with captured() as taken:
        try:
            made = Answer(within(tool.timeout, lambda: results.blocks(tool.function(**values))))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            made = _failed(tool, error)
    return Answer(made.content, made.is_error, tuple(taken.blocks()))


async def arun(tool: KernelTool, given: Mapping[str, Any]) -> Answer:
    """Await an async function in this loop; one that cannot be cancelled is left behind."""
    try:
        values = tool.parameters.check(given)
    except BadArguments as error:
        return _unfit(tool, error)
    with captured() as taken:
        work = asyncio.ensure_future(_blocks(tool, values))
        try:
            done, _ = await asyncio.wait({work}, timeout=tool.timeout)
            made = Answer(work.result()) if done else _failed(tool, OutOfTime())
        except asyncio.CancelledError as error:
            if not work.done():
                raise
            made = _failed(tool, error)
        except BaseException as error:
            made = _failed(tool, error)
        finally:
            work.cancel()
    return Answer(made.content, made.is_error, tuple(taken.blocks()))


async def _blocks(tool: KernelTool, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        return results.blocks(await tool.function(**values))
    except (SystemExit, KeyboardInterrupt) as error:
        raise _Left(error) from error


class _Left(Exception):
    """A task that raises SystemExit ends its whole loop, so it is carried out in this."""


def out_of_time(tool: KernelTool) -> Answer:
    """The answer of a call that took too long."""
    return _error(
        f"{tool.name} did not end within {tool.timeout:g} seconds and was stopped. "
        "It may have done part of its work."
    )


def refused(reason: str) -> Answer:
    """The answer of a call that was not made."""
    return _error(reason)


def _unfit(tool: KernelTool, error: BadArguments) -> Answer:
    return _error(f"The arguments do not fit {tool.name}. {error}.")


def _failed(tool: KernelTool, error: BaseException) -> Answer:
    if isinstance(error, _Left):
        error = error.__cause__ or error
    if isinstance(error, OutOfTime):
        return out_of_time(tool)
    if isinstance(error, results.BadResult | BadImage):
        return _error(f"{tool.name} ran, but its result cannot be given on. {error}")
    said = traceback.format_exception_only(error) if _says(error) else [f"{type(error).__name__}\n"]
    frames = traceback.StackSummary.from_list(_own(error.__traceback__))
    return _error("".join([*said, *frames.format()]).rstrip())


def _says(error: BaseException) -> bool:
    try:
        return isinstance(str(error), str)
    except Exception:
        return False


def _own(tb: TracebackType | None) -> list[traceback.FrameSummary]:
    """The user's frames: neither this package's, nor below the first one of a library."""
    frames = traceback.extract_tb(tb)
    mine = [frame for frame in frames if OURS not in Path(frame.filename).parents]
    own = [frame for frame in mine if not any(name in Path(frame.filename).parts for name in LIBRARIES)]
    return [
        traceback.FrameSummary(_place(frame.filename), frame.lineno, frame.name, line=frame.line)
        for frame in own[-FRAMES:]
    ]


def _place(filename: str) -> str:
    """A file as the agent sees it: no folders, and a cell as a cell."""
    return "cell" if CELL.search(filename) else Path(filename).name


def _error(words: str) -> Answer:
    return Answer([results.text(cut_text(words, LONGEST_ERROR))], is_error=True)

"""The SDK's toolset beside a sandbox, over twin workspaces: the oracle of what the tools answer."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anthropic.lib.tools import ToolError
from anthropic.lib.tools.agent_toolset import AgentToolContext, beta_agent_toolset_20260401
from conformance import HERE, UID, Box, Kind, open_box

ONE_KIND = [kind for kind in HERE if kind.name == "bubblewrap"] or HERE[:1]

Answer = tuple[list[dict[str, Any]], bool]


class Pair:
    """One workspace given to the sandbox, its twin to the oracle."""

    def __init__(self, box: Box, oracle: Path, uploads: Path) -> None:
        self.box = box
        self.oracle = oracle
        env = {"PATH": os.environ["PATH"], "HOME": "/tmp", "LANG": "C.UTF-8"}
        context = AgentToolContext(
            workdir=oracle, env=env, allowed_roots=[uploads], read_only_roots=[uploads]
        )
        self._context = context
        self._tools = {tool.name: tool for tool in beta_agent_toolset_20260401(context)}

    def place(self, name: str, content: str | bytes) -> None:
        """Put a file into both."""
        for top in (self.box.workspace, self.oracle):
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        if os.geteuid() == 0:
            for path in (self.box.workspace, *self.box.workspace.rglob("*")):
                os.lchown(path, UID, UID)

    async def both(self, name: str, input: dict[str, Any]) -> tuple[Answer, Answer]:
        ours = await self.box.sandbox.call(name, input)
        return (ours.content, ours.is_error), await self._ask(name, input)

    async def same(self, name: str, **input: Any) -> Answer:
        """Asserts that both answer the same; returns it."""
        ours, theirs = await self.both(name, input)
        assert normal(ours, name) == normal(theirs, name)
        return ours

    async def close(self) -> None:
        for tool in self._tools.values():
            close = getattr(tool, "close", None)
            if close is not None:
                await close()
        await self._context.close()

    async def _ask(self, name: str, input: dict[str, Any]) -> Answer:
        try:
            content: Any = await self._tools[name].call(input)
            is_error = False
        except ToolError as e:
            content, is_error = e.content, True
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        for block in blocks:
            if block["type"] == "text":
                block["text"] = block["text"].replace(str(self.oracle), "/workspace")
        return blocks, is_error


def normal(answer: Answer, name: str) -> Answer:
    blocks, is_error = answer
    made = []
    for block in blocks:
        if block["type"] == "text":
            text = block["text"] or "(no output)"
            if name == "bash":
                text = re.sub(r"(bash: )(eval: )?line \d+: ", r"\1", text).rstrip("\n") or "(no output)"
            block = {"type": "text", "text": text}
        made.append(block)
    return made, is_error


@contextlib.asynccontextmanager
async def open_pair(kind: Kind, oracle: Path, **more: Any) -> AsyncIterator[Pair]:
    async with open_box(kind, **more) as box:
        pair = Pair(box, oracle, box.spec.uploads)
        yield pair
        await pair.close()


@pytest.fixture
def oracle(tmp_path: Path) -> Path:
    workspace = tmp_path.resolve() / "oracle"
    (workspace / "outputs").mkdir(parents=True)
    return workspace


@pytest.fixture(params=ONE_KIND, ids=lambda kind: kind.name)
async def pair(request: pytest.FixtureRequest, oracle: Path) -> AsyncIterator[Pair]:
    async with open_pair(request.param, oracle) as pair:
        yield pair


def lines(answer: Answer) -> tuple[list[str], bool]:
    """The lines in order of their text: a walk's order is the file system's."""
    [block], is_error = answer
    return sorted(block["text"].splitlines()), is_error

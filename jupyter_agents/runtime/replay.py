"""Answers from recordings, in place of a model. Source: docs/decisions.md "Replay".

A recorded exchange matches by its key (model, tool definitions, user text, earlier assistant blocks,
and so its place in the thread). Tools run for real where there is a sandbox; a result that differs
from the recorded one is noted as drift and the run goes on.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

from jupyter_agents.domain.prompt import exchange_key, tool_results
from jupyter_agents.errors import InvalidRequest, ModelError
from jupyter_agents.runtime.model import Answer, Preview
from jupyter_agents.runtime.overflow import unnamed
from jupyter_agents.runtime.runfile import SUFFIX, Exchange, Recording, parse
from jupyter_agents.sandbox.base import ToolResult

Doc = dict[str, Any]

CHUNK = 24
LARGEST_RUN_FILE = 256 * 1024 * 1024


class Recordings:
    """All the exchanges and tool results that may answer for one session."""

    def __init__(self) -> None:
        self._exchanges: dict[str, list[Exchange]] = defaultdict(list)
        self._used: dict[str, int] = defaultdict(int)
        self.results: dict[str, Doc] = {}
        self.prompts: list[str] = []
        self.listings: list[Doc] = []

    def __len__(self) -> int:
        return sum(len(found) for found in self._exchanges.values())

    def add(self, recording: Recording) -> None:
        """Add what one run file holds."""
        for exchange in recording.exchanges:
            self._exchanges[exchange.key].append(exchange)
        self.results |= recording.results
        self.listings += [listing for listing in recording.listings if listing not in self.listings]
        self.prompts += [
            block["text"]
            for event in recording.events
            if event["type"] == "user.message"
            for block in event["content"]
            if block["type"] == "text"
        ]

    def add_folder(self, folder: Path) -> None:
        """Add every run file of a folder; raises `InvalidRequest` where it has none."""
        files = sorted(folder.glob(f"*{SUFFIX}"))
        if not files:
            raise InvalidRequest(f"The folder {folder} has no {SUFFIX} files to replay.")
        for file in files:
            self.add(parse(file.read_text("utf-8")))

    def fits(self, request: Doc) -> bool:
        """Whether there is a recorded answer to `request`."""
        return exchange_key(request) in self._exchanges

    def find(self, request: Doc) -> Exchange | None:
        """The recorded answer to `request`; where several were recorded, one after the other."""
        key = exchange_key(request)
        found = self._exchanges.get(key)
        if not found:
            return None
        used = self._used[key]
        self._used[key] += 1
        return found[used % len(found)]

    def result(self, tool_use_id: str) -> ToolResult | None:
        """The recorded result of a call, by the model's id of it."""
        event = self.results.get(tool_use_id)
        if event is None:
            return None
        return ToolResult(list(event.get("content") or []), bool(event.get("is_error")))

    def drift(self, request: Doc) -> list[str]:
        """Ids of the calls in `request` whose result differs from the recorded one."""
        given = tool_results(request)
        return [
            call
            for call, block in given.items()
            if call in self.results and _plain(block) != _plain(self.results[call])
        ]


def _plain(result: Doc) -> Any:
    return [_plain_block(block) for block in result.get("content") or []]


def _plain_block(block: Doc) -> Doc:
    bare = {k: v for k, v in block.items() if k != "cache_control"}
    return bare | {"text": unnamed(bare["text"])} if bare["type"] == "text" else bare


class ReplayModel:
    """A `Model` that answers from `recordings`."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    async def answer(self, request: Doc, preview: Preview) -> Answer:
        """See `Model`. Raises `ModelError` where nothing recorded fits."""
        exchange = self._recordings.find(request)
        if exchange is None:
            raise ModelError(self._nothing_fits(), type="model_request_failed_error", transient=False)
        response = exchange.response
        for index, block in enumerate(response["content"]):
            kind = block["type"]
            if kind == "text":
                preview("text", index, "")
                for start in range(0, len(block["text"]), CHUNK):
                    preview("text", index, block["text"][start : start + CHUNK])
                    await asyncio.sleep(0)
            elif "thinking" in kind:
                preview("thinking", index, "")
        return Answer(
            content=response["content"],
            stop_reason=response["stop_reason"],
            stop_details=response.get("stop_details"),
            usage=exchange.usage,
            model=response.get("model", ""),
            id=response.get("id", ""),
            replayed=True,
        )

    def _nothing_fits(self) -> str:
        prompts = [p if len(p) <= 80 else f"{p[:80]}..." for p in self._recordings.prompts]
        known = "; ".join(f"{prompt!r}" for prompt in dict.fromkeys(prompts))
        return (
            "The recording has no answer to this request: the agent, its tools or the messages differ "
            f"from what was recorded. It knows: {known or 'nothing'}. To ask a model instead, run "
            "`%agent off`, or unset JUPYTER_AGENTS_REPLAY, with an API key or a local endpoint set up."
        )

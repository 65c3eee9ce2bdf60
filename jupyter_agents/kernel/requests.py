"""What the model was asked in a turn: each request with its response, fetched when it is looked at.

Source: docs/runs.md, docs/local-api.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from html import escape
from typing import Any, overload

Doc = dict[str, Any]
Get = Callable[[str], Any]


class Request:
    """One model request. `body` and `response` come from the server at first use.

    id: of its ``span.model_request_start``. started_at, ended_at: times of the wire; `ended_at` is
    None while it runs. is_error: whether it failed. replayed: whether a recording answered. usage:
    tokens by their names on the wire. cost: US dollars by list prices, None without a price.
    """

    def __init__(self, short: Mapping[str, Any], get: Callable[[], Doc]) -> None:
        self.id = str(short["id"])
        self.started_at: str = short["started_at"]
        self.ended_at: str | None = short["ended_at"]
        self.is_error = bool(short["is_error"])
        self.replayed = bool(short["replayed"])
        self.usage: dict[str, int] = dict(short["usage"] or {})
        self.cost: float | None = short["cost_usd"]
        self._get = get

    @cached_property
    def _whole(self) -> Doc:
        return self._get()

    @property
    def body(self) -> Doc:
        """What was sent: ``client.messages.create(**request.body)`` asks it again."""
        body: Doc = self._whole["request"]
        return body

    @property
    def messages(self) -> list[Doc]:
        """The messages of `body`."""
        messages: list[Doc] = self.body["messages"]
        return messages

    @property
    def response(self) -> Doc | None:
        """``content``, ``stop_reason``, ``model``, ``usage``; None where the model did not answer."""
        response: Doc | None = self._whole["response"]
        return response

    def __repr__(self) -> str:
        return f"<Request {self.id}: {_tokens(self.usage)}{', failed' if self.is_error else ''}>"

    def _repr_html_(self) -> str:
        parts = ((self.body, "Request"), (self.response, "Response"))
        return "".join(
            f"<details><summary>{title}</summary><pre>{escape(json.dumps(part, indent=2)[:100_000])}</pre>"
            "</details>"
            for part, title in parts
        )


class Requests(Sequence[Request]):
    """The requests of a turn, oldest first."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = tuple(requests)

    @overload
    def __getitem__(self, index: int) -> Request: ...
    @overload
    def __getitem__(self, index: slice) -> Requests: ...
    def __getitem__(self, index: int | slice) -> Request | Requests:
        found = self._requests[index]
        return found if isinstance(found, Request) else Requests(found)

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._requests)

    def __repr__(self) -> str:
        lines = [f"{number:>3}  {_line(request)}" for number, request in enumerate(self)]
        return "\n".join(lines) or "no model requests"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{number}</td><td>{escape(_line(request))}</td></tr>"
            for number, request in enumerate(self)
        )
        return f"<table><caption>Model requests</caption><tbody>{rows}</tbody></table>"


def _tokens(usage: Mapping[str, int]) -> str:
    read = sum(usage.get(name) or 0 for name in INPUT)
    return f"{read} in, {usage.get('output_tokens', 0)} out tokens"


INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def _line(request: Request) -> str:
    cost = "no price" if request.cost is None else f"${request.cost:.6f}"
    state = "failed" if request.is_error else "runs" if request.ended_at is None else "ok"
    return f"{request.id}  {_tokens(request.usage)}  {cost}  {state}"

"""The model: a Messages request in, previews on the way, one whole answer out.

`AnthropicModel` speaks to any Messages API endpoint through the ``anthropic`` package. Its faults
become `ModelError` in plain words, transient or not. Source: docs/decisions.md "Model endpoint".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from jupyter_agents.domain import compaction
from jupyter_agents.domain.arriving import Arriving
from jupyter_agents.errors import ModelError

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic, AsyncStream

Doc = dict[str, Any]
Preview = Callable[[Literal["text", "thinking", "other"], int, str], None]
"""Called with a block's kind, its index in the answer, and what text was added ("" at its start)."""

FEATURE_FIELDS = {
    "cache_control": "cache_control",
    "thinking": "thinking_adaptive",
    "effort": "effort",
    "output_config": "effort",
    "compaction": "compaction",
    "compact": "compaction",
}
COMPACTION_BETA = "compact-2026-09-04"
TOO_LONG = re.compile(
    r"prompt is too long|context (length|window|limit|size)|maximum context|context_length_exceeded"
    r"|too many (input )?tokens|exceeds? the (available|maximum) (context|number of tokens)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """One whole answer. content: raw blocks, to be sent back as they are; usage: token counts."""

    content: list[Doc]
    stop_reason: str | None
    usage: Doc
    stop_details: Doc | None = None
    model: str = ""
    id: str = ""
    replayed: bool = False


class Model(Protocol):
    """Answers a Messages request. Raises `ModelError`."""

    async def answer(self, request: Doc, preview: Preview) -> Answer:
        """Stream the answer to `request`, calling `preview` as text arrives."""


class AnthropicModel:
    """A Messages API endpoint.

    Whatever is raised while its answer is read is its fault, and becomes a `ModelError`.

    Parameters
    ----------
    client:
        Asynchronous SDK client; its own retries are off, so that ours are seen.
    dropped:
        Per model, the features that the endpoint turned down; grows as it does.
    """

    def __init__(self, client: AsyncAnthropic, dropped: dict[str, set[str]]) -> None:
        self._client = client
        self._dropped = dropped

    async def answer(self, request: Doc, preview: Preview) -> Answer:
        """See `Model`."""
        import anthropic

        try:
            return await self._stream(request, preview)
        except ModelError:
            raise
        except anthropic.BadRequestError as error:
            feature = refused_feature(error.message)
            if feature is not None and feature in request_features(request):
                self._dropped.setdefault(request["model"], set()).add(feature)
                return await self.answer(without_feature(request, feature), preview)
            raise await self._explain(error, request) from error
        except Exception as error:
            raise await self._explain(error, request) from error

    async def _stream(self, request: Doc, preview: Preview) -> Answer:
        kinds: dict[int, Literal["text", "thinking", "other"]] = {}
        arriving = Arriving()
        async with await self._opened(request) as stream:
            async for event in stream:
                news = arriving.take(event)
                if news is None:
                    continue
                index, kind, text = news
                if index not in kinds:
                    kinds[index] = "text" if kind == "text" else "thinking" if "thinking" in kind else "other"
                preview(kinds[index], index, text)
        if arriving.stop_reason is None:
            raise ModelError(
                "The model's answer broke off.", type="model_request_failed_error", transient=True
            )
        return Answer(
            content=arriving.content,
            stop_reason=arriving.stop_reason,
            stop_details=arriving.message.get("stop_details"),
            usage=arriving.counts,
            model=str(arriving.message.get("model", "")),
            id=str(arriving.message.get("id", "")),
        )

    async def _opened(self, request: Doc) -> AsyncStream[object]:
        """The events of an answer as they are on the wire: the SDK's own models of them, and its copy of the
        whole thread, cost more than all the rest of a call. What only a beta takes goes to that."""
        from anthropic import AsyncStream

        beta = _compacts(request)
        return await self._client.post(
            "/v1/messages?beta=true" if beta else "/v1/messages",
            content=_encoded(request | {"stream": True}),
            options={"headers": {"anthropic-beta": COMPACTION_BETA}} if beta else {},
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
        )

    async def _explain(self, error: Exception, request: Doc) -> ModelError:
        import anthropic

        where = self._client.base_url.netloc.decode()
        match error:
            case anthropic.APITimeoutError():
                return ModelError(
                    f"The model endpoint at {where} did not answer in time.",
                    type="model_request_failed_error",
                    transient=True,
                )
            case anthropic.APIConnectionError():
                return ModelError(
                    f"The model endpoint at {where} cannot be reached. Check the network, or the address in "
                    "JUPYTER_AGENTS_MODEL_URL.",
                    type="model_request_failed_error",
                    transient=True,
                )
            case anthropic.AuthenticationError() | anthropic.PermissionDeniedError():
                return ModelError(
                    f"The model endpoint at {where} does not accept the API key. Give another one with "
                    "`%agent login`, or set ANTHROPIC_API_KEY and restart the server.",
                    type="model_request_failed_error",
                    transient=False,
                )
            case anthropic.NotFoundError():
                offered = await self._offered()
                return ModelError(
                    f"The model endpoint at {where} has no model {request['model']!r}.{offered}",
                    type="model_request_failed_error",
                    transient=False,
                )
            case anthropic.APIStatusError():
                return _status_error(where, error)
            case _:
                return ModelError(
                    f"The model's answer broke off: {str(error)[:300]}",
                    type="model_request_failed_error",
                    transient=True,
                )

    async def _offered(self) -> str:
        import anthropic

        try:
            page = await self._client.models.list(limit=20)
        except anthropic.AnthropicError:
            return ""
        names = ", ".join(model.id for model in page.data)
        return f" It offers: {names}." if names else ""


def _status_error(where: str, error: Any) -> ModelError:
    status, message = error.status_code, _said(error)
    kinds = {429: "model_rate_limited_error", 529: "model_overloaded_error", 402: "billing_error"}
    if getattr(error, "type", None) == "overloaded_error":
        status = 529
    transient = status in (408, 409, 429) or status >= 500 or status == 200
    too_long = status == 413 or (status == 400 and TOO_LONG.search(message) is not None)
    return ModelError(
        f"The model endpoint at {where} answered {status}: {message}",
        type=kinds.get(status, "model_request_failed_error"),
        transient=transient,
        too_long=too_long,
    )


def _said(error: Any) -> str:
    """The endpoint's own sentence, without the wrapping of its body."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error")
    said = inner.get("message") if isinstance(inner, dict) else None
    return str(said or error.message)[:500]


def refused_feature(message: str) -> str | None:
    """The feature that a 400's `message` names, if any."""
    for field, feature in FEATURE_FIELDS.items():
        if re.search(rf"\b{field}\b", message):
            return feature
    return None


def request_features(request: Doc) -> set[str]:
    """The optional features that `request` uses."""
    found = {"thinking_adaptive"} if "thinking" in request else set()
    if "output_config" in request:
        found.add("effort")
    blocks = request.get("system", []) + [b for m in request["messages"] for b in m["content"]]
    if any("cache_control" in block for block in blocks):
        found.add("cache_control")
    return found | ({"compaction"} if _compacts(request) else set())


def _compacts(request: Doc) -> bool:
    return "compaction" in request or compaction.has_block(request["messages"])


def without_feature(request: Doc, feature: str) -> Doc:
    """`request` without one optional feature."""
    match feature:
        case "thinking_adaptive":
            return {k: v for k, v in request.items() if k != "thinking"}
        case "effort":
            return {k: v for k, v in request.items() if k != "output_config"}
        case "compaction":
            return compaction.spelled_out(request)
        case _:
            bare = dict(request)
            if "system" in request:
                bare["system"] = [_unmarked(b) for b in request["system"]]
            bare["messages"] = [
                m | {"content": [_unmarked(b) for b in m["content"]]} for m in request["messages"]
            ]
            return bare


def _unmarked(block: Doc) -> Doc:
    return {k: v for k, v in block.items() if k != "cache_control"}


def _encoded(request: Doc) -> bytes:
    return json.dumps(request, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()

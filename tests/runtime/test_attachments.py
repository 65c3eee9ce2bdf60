from __future__ import annotations

import base64
from typing import Any

import pytest

from jupyter_agents.errors import InvalidRequest
from jupyter_agents.testing import call, say
from tests.runtime.conftest import CUSTOM, Runtime, only

Doc = dict[str, Any]

PNG = b"\x89PNG\r\n\x1a\n"
DATA = base64.b64encode(PNG).decode()


async def upload(runtime: Runtime, data: bytes, mime_type: str) -> str:
    context = runtime.context
    doc = await context.files.add(context.blobs.put([data]), "f", mime_type)
    return str(doc["id"])


def block(kind: str, **source: Any) -> Doc:
    return {"type": kind, "source": source}


async def asked(runtime: Runtime, *content: Doc) -> list[Doc]:
    """What the model is given for a message."""
    session = await runtime.session(script=[[say("I see.")]])
    events = await runtime.turn(session, {"type": "user.message", "content": list(content)})
    assert only(events, "user.message")["content"] == list(content)
    found = runtime.model.requests[-1]["messages"][-1]["content"]
    return [{k: v for k, v in b.items() if k != "cache_control"} for b in found]


async def test_inline_bytes_and_addresses_are_passed_on(runtime: Runtime) -> None:
    given = [
        block("image", type="base64", media_type="image/png", data=DATA),
        block("image", type="url", url="https://a.example/x.png"),
        block("document", type="text", media_type="text/plain", data="words") | {"title": "T"},
    ]
    assert await asked(runtime, *given) == given


async def test_files_are_put_in(runtime: Runtime) -> None:
    image = await upload(runtime, PNG, "image/png")
    table = await upload(runtime, b"a,b\n", "text/csv")
    found = await asked(
        runtime,
        block("image", type="file", file_id=image),
        block("document", type="file", file_id=table) | {"title": "Table"},
    )
    assert found == [
        block("image", type="base64", media_type="image/png", data=DATA),
        block("document", type="text", media_type="text/plain", data="a,b\n") | {"title": "Table"},
    ]


async def test_files_in_a_custom_result_are_put_in(runtime: Runtime) -> None:
    image = await upload(runtime, PNG, "image/png")
    session = await runtime.session(CUSTOM, script=[[call("weather")], [say("I see.")]])
    use = only(await runtime.turn(session, "go"), "agent.custom_tool_use")
    content = [block("image", type="file", file_id=image)]
    answer = {"type": "user.custom_tool_result", "custom_tool_use_id": use["id"], "content": content}
    await runtime.turn(session, answer)
    (result,) = runtime.model.requests[-1]["messages"][-1]["content"]
    assert result["content"] == [block("image", type="base64", media_type="image/png", data=DATA)]


async def test_a_file_that_was_deleted_meanwhile_is_named_and_the_session_goes_on(runtime: Runtime) -> None:
    image = await upload(runtime, PNG, "image/png")
    session = await runtime.session(script=[[say("I see.")], [say("Gone.")]])
    message = {"type": "user.message", "content": [block("image", type="file", file_id=image)]}
    await runtime.turn(session, message)
    await runtime.context.files.remove([image])
    events = await runtime.turn(session, "And now?")
    assert events[-1]["stop_reason"] == {"type": "end_turn"}
    assert image in runtime.model.requests[-1]["messages"][0]["content"][0]["text"]


@pytest.mark.parametrize(
    ("kind", "mime_type"),
    [("image", "text/plain"), ("document", "image/png"), ("document", "application/zip")],
)
async def test_a_file_that_no_block_carries_is_refused_when_it_is_sent(
    runtime: Runtime, kind: str, mime_type: str
) -> None:
    session = await runtime.session()
    file_id = await upload(runtime, b"x", mime_type)
    message = {"type": "user.message", "content": [block(kind, type="file", file_id=file_id)]}
    with pytest.raises(InvalidRequest, match=r"^events\.0\.content\.0\.source\.file_id"):
        await runtime.send(session, message)


async def test_a_file_that_is_not_there_is_refused_when_it_is_sent(runtime: Runtime) -> None:
    session = await runtime.session()
    message = {"type": "user.message", "content": [block("image", type="file", file_id="file_none")]}
    with pytest.raises(InvalidRequest, match="not found"):
        await runtime.send(session, message)
    with pytest.raises(InvalidRequest, match=r"^initial_events\.0\.content\.0"):
        await runtime.session(initial_events=[message])

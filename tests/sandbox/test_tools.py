"""`ToolhostSandbox` against a scripted far end: every frame may be hostile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Limits, Mount, ToolResult
from jupyter_agents.sandbox.tools import ToolhostSandbox

HELLO = b'{"hello":"toolhost","protocol":2}\n'

Answer = Callable[[dict[str, Any]], bytes]


class FakeChannel:
    """Says hello, then `answer(frame)` to each frame; b"" is silence."""

    def __init__(self, answer: Answer, hello: bytes = HELLO) -> None:
        self.sent: list[dict[str, Any]] = []
        self.closed = 0
        self.error: Exception | None = None
        self._answer = answer
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        if hello:
            self._incoming.put_nowait(hello)

    def say(self, data: bytes) -> None:
        self._incoming.put_nowait(data)

    async def send(self, data: bytes) -> None:
        if self.error is not None:
            raise self.error
        frame = json.loads(data)
        self.sent.append(frame)
        reply = self._answer(frame)
        if reply:
            self.say(reply)

    async def receive(self) -> bytes:
        return await self._incoming.get()

    async def close(self) -> None:
        self.closed += 1
        self.say(b"")


def frame(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def text_answer(request: dict[str, Any]) -> bytes:
    if request["op"] == "cancel":
        return b""
    return frame(id=request["id"], content=[{"type": "text", "text": "ok"}], is_error=False)


def silent(request: dict[str, Any]) -> bytes:
    return b""


class Opened:
    """Starts sandboxes over fake channels and closes them all."""

    def __init__(self) -> None:
        self._open: list[ToolhostSandbox] = []

    async def __call__(
        self, answer: Answer = text_answer, hello: bytes = HELLO, **more: Any
    ) -> tuple[ToolhostSandbox, FakeChannel]:
        channel = FakeChannel(answer, hello)
        sandbox = ToolhostSandbox(channel, kind="fake", **more)
        self._open.append(sandbox)
        await sandbox.start(0.2)
        return sandbox, channel

    async def close(self) -> None:
        for sandbox in self._open:
            await sandbox.close()


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    opened = Opened()
    yield opened
    await opened.close()


async def test_a_call_is_one_frame_and_its_answer(opened: Opened) -> None:
    sandbox, channel = await opened()
    assert await sandbox.call("bash", {"command": "ls"}) == ToolResult.text("ok")
    assert channel.sent == [{"id": 1, "op": "call", "name": "bash", "input": {"command": "ls"}}]
    await sandbox.ping()
    assert channel.sent[-1] == {"id": 2, "op": "ping"}


async def test_answers_may_come_in_any_order_and_in_pieces(opened: Opened) -> None:
    sandbox, channel = await opened(silent)
    calls = [asyncio.create_task(sandbox.call("read", {"file_path": str(n)})) for n in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    data = b"".join(
        frame(id=n, content=[{"type": "text", "text": str(n)}], is_error=False) for n in (3, 1, 2)
    )
    for at in range(len(data)):
        channel.say(data[at : at + 1])
    assert [(await call).content[0]["text"] for call in calls] == ["1", "2", "3"]


async def test_an_unknown_tool_never_leaves_the_host(opened: Opened) -> None:
    sandbox, channel = await opened()
    result = await sandbox.call("web_search", {})
    assert result.is_error
    assert channel.sent == []


HOSTILE = {
    "not JSON": b"nonsense\n",
    "not an object": b"[1]\n",
    "deep nesting": b"[" * 100_000 + b"\n",
    "a huge number": b'{"id":' + b"9" * 10_000 + b"}\n",
    "invalid UTF-8": b'{"id":1,"content":[{"type":"text","text":"\xff"}],"is_error":false}\n',
    "an id never given": frame(id=99, content=[], is_error=False),
    "an id of zero": frame(id=0, content=[], is_error=False),
    "a boolean id": frame(id=True, content=[], is_error=False),
    "a fractional id": frame(id=1.0, content=[], is_error=False),
    "a text id": frame(id="1", content=[], is_error=False),
    "no content": frame(id=1, is_error=False),
    "content that is no list": frame(id=1, content={"type": "text"}, is_error=False),
    "no verdict": frame(id=1, content=[]),
    "a verdict that is no boolean": frame(id=1, content=[], is_error=1),
    "a block that is no object": frame(id=1, content=["x"], is_error=False),
    "an unknown block": frame(id=1, content=[{"type": "tool_use"}], is_error=False),
    "text that is no text": frame(id=1, content=[{"type": "text", "text": 5}], is_error=False),
    "too many blocks": frame(id=1, content=[{"type": "text", "text": ""}] * 17, is_error=False),
    "too much text": frame(
        id=1, content=[{"type": "text", "text": "x" * (2 * 1024 * 1024 + 1)}], is_error=False
    ),
    "an image by address": frame(
        id=1, content=[{"type": "image", "source": {"type": "url", "url": "http://x"}}], is_error=False
    ),
    "an image of another type": frame(
        id=1,
        content=[{"type": "image", "source": {"type": "base64", "media_type": "image/svg+xml", "data": ""}}],
        is_error=False,
    ),
    "bad base64": frame(
        id=1,
        content=[{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "%%%"}}],
        is_error=False,
    ),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_frame_ends_the_sandbox(opened: Opened, data: bytes) -> None:
    sandbox, channel = await opened(lambda request: data)
    with pytest.raises(SandboxUnavailable, match="was ended"):
        await sandbox.call("bash", {"command": "ls"})
    assert not sandbox.alive
    assert channel.closed
    with pytest.raises(SandboxUnavailable):
        await sandbox.call("bash", {"command": "ls"})


async def test_a_frame_without_end_ends_the_sandbox(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_agents.sandbox.frames.MAX_FRAME", 1000)
    sandbox, _ = await opened(lambda request: b"x" * 1001)
    with pytest.raises(SandboxUnavailable, match="too large"):
        await sandbox.call("bash", {"command": "ls"})


async def test_blocks_are_rebuilt_and_text_is_made_valid(opened: Opened) -> None:
    data = (
        b'{"id":1,"content":[{"type":"text","text":"\\ud83d\\ude00 \\ud800 \\udc80","cache_control":{}},'
        b'{"type":"text","text":""}],"is_error":true,"extra":1}\n'
    )
    sandbox, _ = await opened(lambda request: data)
    result = await sandbox.call("bash", {"command": "ls"})
    assert result.is_error
    assert result.content == [
        {"type": "text", "text": "\U0001f600 \ufffd \ufffd"},
        {"type": "text", "text": "(no output)"},
    ]


async def test_a_second_answer_and_a_late_one_are_passed_over(opened: Opened) -> None:
    sandbox, _ = await opened(lambda request: text_answer(request) * 2)
    assert (await sandbox.call("bash", {})).content[0]["text"] == "ok"
    assert (await sandbox.call("bash", {})).content[0]["text"] == "ok"


@pytest.mark.parametrize("hello", [b"", b"x\n", frame(hello="toolhost", protocol=1), frame(id=1)], ids=str)
async def test_without_a_good_hello_there_is_no_sandbox(hello: bytes) -> None:
    channel = FakeChannel(silent, hello)
    sandbox = ToolhostSandbox(channel, kind="fake")
    with pytest.raises(SandboxUnavailable):
        await sandbox.start(0.1)
    assert channel.closed
    assert not sandbox.alive


async def test_the_end_of_the_stream_fails_open_calls_and_cleans_up(opened: Opened) -> None:
    cleaned = asyncio.Event()

    async def on_close() -> None:
        cleaned.set()

    sandbox, _ = await opened(lambda request: b"", on_close=on_close)
    call = asyncio.create_task(sandbox.call("bash", {}))
    await asyncio.sleep(0)
    channel = sandbox._channel
    assert isinstance(channel, FakeChannel)
    channel.say(b"")
    with pytest.raises(SandboxUnavailable, match=r"The sandbox has ended\."):
        await call
    await asyncio.wait_for(cleaned.wait(), 1)


async def test_a_send_that_fails_is_the_sandbox_gone(opened: Opened) -> None:
    sandbox, channel = await opened()
    channel.error = BrokenPipeError()
    with pytest.raises(SandboxUnavailable):
        await sandbox.call("bash", {})


async def test_a_call_that_takes_too_long_is_stopped(opened: Opened) -> None:
    def answer(request: dict[str, Any]) -> bytes:
        if request["op"] == "call":
            return b""
        return frame(id=1, content=[{"type": "text", "text": "stopped"}], is_error=True)

    sandbox, channel = await opened(answer, limits=Limits(call_seconds=0.05))
    result = await sandbox.call("bash", {})
    assert result == ToolResult.text(
        "bash: stopped after 0.05 s, the longest that one call may take", is_error=True
    )
    assert channel.sent[-1] == {"op": "cancel", "ids": [1]}
    assert sandbox.alive


async def test_a_toolhost_that_does_not_stop_is_ended(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_agents.sandbox.tools.ANSWER_SECONDS", 0.05)
    sandbox, channel = await opened(silent, limits=Limits(call_seconds=0.05))
    assert (await sandbox.call("bash", {})).is_error
    assert not sandbox.alive
    assert channel.closed


async def test_cancel_answers_for_a_toolhost_that_does_not(opened: Opened) -> None:
    sandbox, _ = await opened(silent)
    call = asyncio.create_task(sandbox.call("bash", {}))
    await asyncio.sleep(0)
    start = asyncio.get_running_loop().time()
    await sandbox.cancel()
    assert await call == ToolResult.text("interrupted", is_error=True)
    assert asyncio.get_running_loop().time() - start < 0.5
    assert not sandbox.alive


async def test_cancel_without_a_call_sends_nothing(opened: Opened) -> None:
    sandbox, channel = await opened()
    await sandbox.cancel()
    assert channel.sent == []


async def test_a_cancelled_task_cancels_its_call(opened: Opened) -> None:
    sandbox, channel = await opened(silent)
    call = asyncio.create_task(sandbox.call("bash", {}))
    await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert channel.sent[-1] == {"op": "cancel", "ids": [1]}
    assert not sandbox.busy


async def test_a_limit_that_was_hit_is_in_the_text_of_an_error(opened: Opened) -> None:
    hits = ["out of memory (1 GiB)", None]
    sandbox, _ = await opened(limit_hit=lambda: hits.pop(0) if hits else None)
    result = await sandbox.call("bash", {})
    assert result == ToolResult.text("ok\n[out of memory (1 GiB)]", is_error=True)
    assert await sandbox.call("bash", {}) == ToolResult.text("ok")


async def test_a_limit_is_the_reason_when_the_sandbox_dies_of_it(opened: Opened) -> None:
    sandbox, channel = await opened(silent, limit_hit=lambda: "out of memory (1 GiB)")
    call = asyncio.create_task(sandbox.call("bash", {}))
    await asyncio.sleep(0)
    channel.say(b"")
    with pytest.raises(SandboxUnavailable, match="out of memory"):
        await call


async def test_close_is_idempotent_and_cleans_up_once(opened: Opened) -> None:
    closed: list[int] = []

    async def on_close() -> None:
        closed.append(1)

    sandbox, _ = await opened(on_close=on_close)
    await asyncio.gather(sandbox.close(), sandbox.close())
    await sandbox.close()
    assert closed == [1]


async def test_files_are_added_by_the_provider_and_made_known(opened: Opened) -> None:
    added: list[Mount] = []

    async def add(mount: Mount) -> None:
        added.append(mount)

    sandbox, channel = await opened(silent, add_file=add)
    upload = Mount(Path("/h/a"), "/mnt/session/uploads/a")
    elsewhere = Mount(Path("/h/b"), "/data/b")
    await sandbox.add_file(upload)
    await sandbox.add_file(elsewhere)
    assert added == [upload, elsewhere]
    assert channel.sent == [{"op": "root", "virtual": "/data/b", "real": "/data/b"}]
    await sandbox.close()
    with pytest.raises(SandboxUnavailable):
        await sandbox.add_file(upload)


async def test_without_a_hook_no_file_can_be_added(opened: Opened) -> None:
    sandbox, _ = await opened()
    with pytest.raises(SandboxUnavailable, match="takes no files"):
        await sandbox.add_file(Mount(Path("/h/a"), "/data/a"))


async def test_a_channel_that_fails_in_its_own_way_ends_the_sandbox_and_no_call_waits(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox, channel = await opened(silent)
    reading = sandbox._channel.receive

    async def receive() -> bytes:
        await reading()
        raise KeyError("secret")

    channel.receive = receive  # type: ignore[method-assign]
    channel.say(frame(id=0, content=[], is_error=False)[:5])
    call = asyncio.create_task(sandbox.call("bash", {"command": "true"}))
    await asyncio.sleep(0.01)
    channel.say(b" ")
    with pytest.raises(SandboxUnavailable, match=r"^The channel to the sandbox failed with KeyError\.$"):
        await asyncio.wait_for(call, 2)
    assert not sandbox.alive and "secret" in caplog.text
    other, sending = await opened()
    sending.error = KeyError("secret")
    with pytest.raises(SandboxUnavailable, match=r"^The sandbox has ended\.$"):
        await other.call("bash", {"command": "true"})

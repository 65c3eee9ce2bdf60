from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_agents.sandbox.frames import (
    BadFrame,
    FrameBuffer,
    call_id,
    decode_frame,
    encode_frame,
    tool_result,
    valid_text,
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
blocks = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image", "document", "x"])},
    optional={"text": anything, "source": anything},
)


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line)), st.integers(1, 7))
def test_lines_come_out_as_they_went_in(lines: list[bytes], step: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    buffer = FrameBuffer()
    out = [line for at in range(0, len(data), step) for line in buffer.feed(data[at : at + step])]
    assert out == lines


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(data: bytes) -> None:
    try:
        frame = decode_frame(data)
    except BadFrame:
        return
    assert isinstance(frame, dict)


@given(st.dictionaries(st.sampled_from(["id", "content", "is_error"]), anything | st.lists(blocks)))
def test_any_object_is_a_result_that_can_be_sent_on_or_refused(frame: dict[str, object]) -> None:
    try:
        call_id(frame, 5)
        result = tool_result(frame)
    except BadFrame:
        return
    assert result.content
    for block in result.content:
        assert set(block) in ({"type", "text"}, {"type", "source"})
    json.dumps(result.content).encode("utf-8")


@given(st.text(st.characters(codec=None)))
def test_text_is_made_valid_and_left_alone_where_it_is(text: str) -> None:
    made = valid_text(text)
    made.encode("utf-8")
    assert valid_text(made) == made


def test_a_frame_is_one_line() -> None:
    assert encode_frame({"a": "\n\u2028\ud800"}) == b'{"a":"\\n\\u2028\\ud800"}\n'


def test_a_line_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_agents.sandbox.frames.MAX_FRAME", 10)
    buffer = FrameBuffer()
    buffer.feed(b"123456789\n12345")
    with pytest.raises(BadFrame):
        buffer.feed(b"678901")

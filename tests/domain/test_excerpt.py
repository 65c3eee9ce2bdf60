from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_agents.domain.excerpt import CHARACTERS_A_TOKEN, fit, shortened
from tests.domain.talk import text

Doc = dict[str, Any]

IMAGE: Doc = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aQ==" * 9999}}


def exchange(number: int, size: int) -> list[Doc]:
    use = {"type": "tool_use", "id": f"t{number}", "name": "bash", "input": {"command": "x" * size}}
    result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": [text("y" * size), IMAGE]}
    thinking = {"type": "thinking", "thinking": "z" * size, "signature": "s"}
    return [{"role": "assistant", "content": [thinking, use]}, {"role": "user", "content": [result]}]


def thread(exchanges: int, size: int) -> list[Doc]:
    first: list[Doc] = [{"role": "user", "content": [text("the first wish")]}]
    return first + [message for n in range(exchanges) for message in exchange(n, size)]


@pytest.mark.parametrize(
    ("exchanges", "size", "room", "whole"),
    [
        (2, 100, 10_000, True),
        (2, 50_000, 10_000, True),
        (40, 5_000, 50_000, True),
        (300, 5_000, 10_000, False),
        (300, 5_000, 200, False),
    ],
)
def test_it_fits_and_keeps_the_first_and_the_newest(
    exchanges: int, size: int, room: int, whole: bool
) -> None:
    found = fit(thread(exchanges, size), room)
    assert len(json.dumps(found)) <= room * CHARACTERS_A_TOKEN + 3 * len(found)
    assert found[0] == {"role": "user", "content": [text("the first wish")]}
    assert (len(found) == 1 + 2 * exchanges) == whole
    uses = [b["id"] for m in found for b in m["content"] if b["type"] == "tool_use"]
    results = [b["tool_use_id"] for m in found for b in m["content"] if b["type"] == "tool_result"]
    assert uses == results and (not uses or uses[-1] == f"t{exchanges - 1}")
    assert {b["type"] for m in found for b in m["content"]} <= {"text", "tool_use", "tool_result"}


def test_short_texts_stay_as_they_are() -> None:
    (_, use, result) = fit(thread(1, 10), 10_000)
    assert use["content"][0]["input"] == {"command": "x" * 10}
    assert result["content"][0]["content"] == [text("y" * 10), text("[an image]")]


def test_a_long_text_keeps_its_head_and_its_tail() -> None:
    found = shortened("a" * 500 + "b" * 500, 100)
    assert found == f"{'a' * 50}\n[... 900 characters left out ...]\n{'b' * 50}"

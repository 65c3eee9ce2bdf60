from __future__ import annotations

import copy
from typing import Any

import pytest

from jupyter_agents.domain import compaction
from jupyter_agents.domain.prompt import build_request, exchange_key
from tests.domain.talk import Talk, text

Doc = dict[str, Any]

BLOCK: Doc = {"type": "compaction", "content": "All of it.", "signature": "s"}
SPOKEN = compaction.summary_of([text("All of it.")])
DROPPED = {"compaction"}


def thread(shape: str) -> list[Doc]:
    """A thread by its letters: ``u`` a text, ``a`` an answer, ``c`` one with a call, ``r`` its result."""
    made = {
        "u": ("user", lambda n: text(f"u{n}")),
        "a": ("assistant", lambda n: text(f"a{n}")),
        "c": ("assistant", lambda n: {"type": "tool_use", "id": f"t{n}", "name": "bash", "input": {}}),
        "r": (
            "user",
            lambda n: {"type": "tool_result", "tool_use_id": f"t{n - 1}", "content": [text("out")]},
        ),
    }
    return [{"role": made[x][0], "content": [made[x][1](n)]} for n, x in enumerate(shape)]


@pytest.mark.parametrize(
    ("shape", "attempt", "kept"),
    [
        ("u", 0, ""),
        ("ua", 0, "a"),
        ("uau", 0, "u"),
        ("ucr", 0, ""),
        ("ucrcr", 0, "cr"),
        ("ucrcrcr", 0, "cr"),
        ("ucrcrcrcr", 0, "crcr"),
        ("uauauau", 0, "uau"),
        ("uauauauau", 0, "auau"),
        ("ucrcrcrcr", 1, "cr"),
        ("ucrcrcrau", 1, "au"),
        ("ucrcrcrcr", 2, ""),
        ("ucrcrcrcr", 9, ""),
    ],
)
def test_the_newest_messages_stay_and_no_call_loses_its_result(shape: str, attempt: int, kept: str) -> None:
    assert shape[compaction.cut(thread(shape), attempt) :] == kept


@pytest.mark.parametrize(
    ("summary", "kept", "shape"),
    [
        (SPOKEN, "", "u"),
        (SPOKEN, "cr", "uar"),
        (SPOKEN, "ua", "ua"),
        (BLOCK, "", "a"),
        (BLOCK, "cr", "auar"),
        (BLOCK, "ua", "aua"),
    ],
)
def test_the_summary_stands_first_and_roles_take_turns(summary: Doc, kept: str, shape: str) -> None:
    before = thread("uau" + kept)
    after = compaction.compacted(before, summary, 3)
    assert [m["role"][0] for m in after] == [{"r": "u"}.get(x, x) for x in shape]
    assert after[0]["content"][0] == summary
    assert [b for m in after for b in m["content"]][-len(kept) or 99 :] == [
        b for m in before[3:] for b in m["content"]
    ]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([BLOCK], BLOCK),
        ([text("All "), text("of it.\n")], SPOKEN),
        ([{"type": "thinking", "thinking": "Hm.", "signature": "s"}, text("All of it.")], SPOKEN),
        ([BLOCK | {"content": None}], None),
        ([{"type": "tool_use", "id": "t", "name": "bash", "input": {}}], None),
        ([text(" ")], None),
        ([], None),
    ],
)
def test_what_counts_as_a_summary(content: list[Doc], found: Doc | None) -> None:
    assert compaction.summary_of(content) == found


@pytest.mark.parametrize(
    ("model", "tokens"), [("claude-opus-4-6", 108_800), ("claude-opus-5", 748_800), ("local", 44_646)]
)
def test_when_a_thread_is_full(model: str, tokens: int) -> None:
    assert compaction.threshold(model) == tokens


def long(model: str = "claude-opus-4-7", turns: int = 4) -> Talk:
    talk = Talk(agent={"model": model})
    for number in range(turns):
        talk.turn(f"wish {number}")
        (call,) = talk.calls("allow")
        talk.result(call)
        talk.ask()
        talk.answer(text(f"answer {number}"))
        talk.idle()
    return talk


def test_an_endpoint_that_can_is_asked_to_summarise_by_itself() -> None:
    talk = long()
    ordinary = build_request(talk.state, {"cache_control"})
    talk.ask_summary()
    request = build_request(talk.state, {"cache_control"})
    assert request["compaction"] == {"type": "summarize"}
    assert request["messages"] == ordinary["messages"][:-4]
    assert {k: v for k, v in request.items() if k not in ("compaction", "messages")} == {
        k: v for k, v in ordinary.items() if k != "messages"
    }


@pytest.mark.parametrize(("model", "dropped"), [("local", set[str]()), ("claude-opus-4-7", DROPPED)])
def test_any_other_is_told_to_and_sees_the_same_beginning(model: str, dropped: set[str]) -> None:
    talk = long(model)
    before = build_request(talk.state, dropped | {"cache_control"})
    talk.ask_summary()
    request = build_request(talk.state, dropped | {"cache_control"})
    assert "compaction" not in request and request["max_tokens"] <= compaction.SUMMARY_TOKENS
    assert [request[k] for k in ("system", "tools")] == [before[k] for k in ("system", "tools")]
    *same, last = request["messages"]
    assert same == before["messages"][: len(same)]
    assert last["content"][-1]["text"] == compaction.INSTRUCTION


def test_a_thread_that_is_too_long_is_summarised_from_an_excerpt() -> None:
    talk = long("local")
    talk.turn("big")
    (call,) = talk.calls("allow")
    talk.result(call, "x" * 500_000)
    talk.ask()
    talk.too_long()
    talk.ask_summary()
    request = build_request(talk.state)
    assert len(str(request["messages"])) < 3 * 32_000 and "wish 0" in str(request["messages"])


def test_the_cached_beginning_changes_at_a_compaction_only() -> None:
    talk = long()
    talk.ask_summary()
    talk.summarise(BLOCK)
    talk.turn("next")
    first = build_request(talk.state, {"cache_control"})["messages"]
    assert first[0] == {"role": "assistant", "content": [BLOCK]}
    (call,) = talk.calls("allow")
    talk.result(call)
    second = build_request(talk.state, {"cache_control"})["messages"]
    assert second[: len(first)] == first


def test_a_compaction_block_is_plain_text_for_an_endpoint_that_does_not_know_it() -> None:
    talk = long()
    talk.ask_summary()
    talk.summarise(BLOCK)
    talk.turn("next")
    request = build_request(talk.state, DROPPED)
    assert request["messages"][0]["role"] == "user"
    assert request["messages"][0]["content"][0] == SPOKEN
    assert "compaction" not in str(request)


def test_a_summary_is_found_in_a_recording_however_it_was_made() -> None:
    talk = long()
    ordinary = exchange_key(build_request(talk.state))
    talk.ask_summary()
    by_endpoint, by_model = build_request(talk.state), build_request(talk.state, DROPPED)
    assert by_endpoint != by_model
    assert exchange_key(by_endpoint) == exchange_key(by_model) != ordinary
    talk.summarise(BLOCK)
    talk.turn("next")
    assert exchange_key(build_request(talk.state)) == exchange_key(build_request(talk.state, DROPPED))


def test_what_was_asked_for_while_the_thread_was_full_is_gone_on_with() -> None:
    talk = Talk()
    talk.turn("go")
    talk.answer(text("I"), stop_reason="model_context_window_exceeded")
    talk.ask_summary()
    talk.summarise(text("All of it."))
    assert [m["role"] for m in talk.state.messages] == ["user", "assistant", "user"]
    assert talk.state.messages[-1]["content"] == [compaction.GO_ON]


def test_nothing_that_is_recorded_is_changed() -> None:
    talk = long()
    talk.ask_summary()
    before = copy.deepcopy(talk.state.messages)
    build_request(talk.state, DROPPED)
    assert talk.state.messages == before

from __future__ import annotations

from typing import Any

from jupyter_agents.domain.events import Stamp
from jupyter_agents.domain.state import State
from jupyter_agents.runtime.answers import CUT, Previews, answered, verdicts
from jupyter_agents.runtime.model import Answer
from tests.domain.talk import CUSTOM, TOOLSET, Clock, Ids, session_doc

Doc = dict[str, Any]
USAGE = {
    "input_tokens": 1,
    "output_tokens": 1,
    "cache_read_input_tokens": 0,
    "cache_creation_input_tokens": 0,
}


def text(words: str) -> Doc:
    return {"type": "text", "text": words}


def use(name: str, given: Any = None) -> Doc:
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": {} if given is None else given}


def drafts(*content: Doc, stop: str = "end_turn", ids: dict[int, str] | None = None) -> list[Any]:
    state = State(session=session_doc(agent={"tools": [TOOLSET, CUSTOM]}))
    answer = Answer(list(content), stop, USAGE)
    request = {"model": "m", "messages": ["left out"]}
    judged = verdicts(state.session["agent"], {}, answer, ())
    return answered(Stamp(Clock(), Ids()), state, "sevt_start", request, answer, ids or {}, judged)


def types(found: list[Any]) -> list[str]:
    return [draft.event["type"] for draft in found]


def test_neighbouring_text_is_one_message_and_empty_text_none() -> None:
    found = drafts(text("a"), text(""), text("b"), {"type": "thinking"}, text("c"))
    assert types(found) == ["agent.message", "agent.thinking", "agent.message", "span.model_request_end"]
    assert found[0].event["content"] == [text("a"), text("b")]


def test_the_end_keeps_the_raw_answer_in_its_private_part() -> None:
    end = drafts(text("a"), text(""))[-1]
    assert end.private["response"]["content"] == [text("a"), text("")]
    assert end.private["request"] == {"model": "m"}
    assert end.event["model_request_start_id"] == "sevt_start"


def test_calls_of_every_kind() -> None:
    found = drafts(use("bash"), use("weather"), use("nonsense"), use("bash", "no object"))
    assert types(found)[:4] == ["agent.tool_use", "agent.custom_tool_use", "agent.tool_use", "agent.tool_use"]
    assert found[2].event["evaluated_permission"] == "deny"
    assert found[3].event["input"] == {}


def test_only_the_last_call_is_cut() -> None:
    found = drafts(use("bash"), use("weather"), stop="max_tokens")
    assert types(found)[:2] == ["agent.tool_use", "agent.tool_use"]
    assert found[0].event["evaluated_permission"] == "allow"
    assert found[1].private["reason"] == CUT
    assert found[-1].private["cut"]
    assert not drafts(use("bash"), text("and so"), stop="max_tokens")[-1].private["cut"]


def test_previews_give_ids_in_advance() -> None:
    sent: list[tuple[str, str, int, str]] = []
    previews = Previews(lambda: f"sevt_{len(sent)}", lambda *args: sent.append(args))
    previews.release()
    for kind, index, words in (
        ("text", 0, ""),
        ("text", 1, ""),
        ("text", 1, "a"),
        ("text", 1, "b"),
        ("text", 2, "c"),
        ("thinking", 3, ""),
        ("thinking", 3, ""),
        ("text", 4, "d"),
        ("other", 5, ""),
    ):
        previews(kind, index, words)  # type: ignore[arg-type]
    assert sent == [
        ("agent.message", "sevt_0", 0, ""),
        ("agent.message", "sevt_0", 0, "a"),
        ("agent.message", "sevt_0", 0, "b"),
        ("agent.message", "sevt_0", 1, "c"),
        ("agent.thinking", "sevt_4", 0, ""),
        ("agent.message", "sevt_5", 0, ""),
        ("agent.message", "sevt_5", 0, "d"),
    ]
    found = drafts(text(""), text("ab"), text("c"), {"type": "thinking"}, text("d"), ids=previews.ids)
    assert [draft.event["id"] for draft in found[:3]] == ["sevt_0", "sevt_4", "sevt_5"]


def test_a_request_that_does_not_change_is_recorded_once() -> None:
    state = State(session=session_doc(), params={"model": "m"})
    request: dict[str, Any] = {"model": "m", "messages": []}
    answer = Answer([{"type": "text", "text": "Hi."}], "end_turn", USAGE)
    end = answered(Stamp(Clock(), Ids()), state, "sevt_start", request, answer, {}, {})[-1]
    assert end.private is not None
    assert "request" not in end.private


def test_previews_are_held_back_until_they_are_released() -> None:
    sent: list[tuple[str, str, int, str]] = []
    previews = Previews(lambda: "sevt_1", lambda *args: sent.append(args))
    previews("text", 0, "a")
    assert sent == []
    previews.release()
    previews("text", 0, "b")
    assert [text for _, _, _, text in sent] == ["", "a", "b"]

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from jupyter_agents.errors import InvalidRequest
from jupyter_agents.runtime.runfile import export, parse
from tests.domain.talk import Talk, text

Doc = dict[str, Any]

HEADER = '{"type":"header","schema":1,"session":{}}'


def lines(talk: Talk) -> list[Doc]:
    return [json.loads(line) for line in export(talk.records)]


def conversation() -> Talk:
    talk = Talk(metadata={"secret": "s"}, agent={"system": "Be kind."})
    talk.turn("do it")
    (call,) = talk.calls("allow")
    talk.result(call, "out")
    talk.ask()
    talk.answer(text("Done."))
    talk.idle()
    return talk


def test_the_lines_of_a_run() -> None:
    found = lines(conversation())
    header, *rest = found
    assert (header["type"], header["schema"]) == ("header", 1)
    assert header["session"]["agent"]["system"] == "Be kind."
    assert "metadata" not in header["session"]
    kinds = [line["type"] for line in rest]
    assert kinds.count("exchange") == 2 and "blob" not in kinds
    exchanges = [line for line in rest if line["type"] == "exchange"]
    assert [e["position"] for e in exchanges] == [0, 1]
    assert all(
        "tool_use_id" in line for line in rest if line.get("event", {}).get("type") == "agent.tool_use"
    )


def test_compactions_and_requests_that_were_too_long_are_exchanges_too() -> None:
    talk = conversation()
    talk.turn("more")
    talk.too_long()
    talk.ask_summary()
    talk.summarise(text("All of it."))
    talk.ask()
    talk.answer(text("More."))
    recording = parse("".join(export(talk.records)))
    found = [(e.response["stop_reason"], e.response["content"]) for e in recording.exchanges[2:]]
    assert found == [
        ("model_context_window_exceeded", []),
        ("end_turn", [text("All of it.")]),
        ("end_turn", [text("More.")]),
    ]
    assert len({e.key for e in recording.exchanges}) == 5


def test_private_records_and_the_queue_are_not_in_it() -> None:
    types = [line["event"]["type"] for line in lines(conversation()) if line["type"] == "event"]
    assert types.count("user.message") == 1 and not any(t.startswith("private.") for t in types)


def test_what_was_exported_is_read_back() -> None:
    recording = parse("".join(export(conversation().records)))
    assert [e.position for e in recording.exchanges] == [0, 1]
    assert recording.exchanges[1].response["content"] == [text("Done.")]
    ((use, result),) = recording.results.items()
    assert use.startswith("toolu_") and result["content"] == [text("out")]
    assert [e["type"] for e in recording.events][-1] == "session.status_idle"


def test_a_run_that_is_not_over_can_be_exported() -> None:
    talk = Talk()
    talk.turn()
    assert len(parse("".join(export(talk.records))).exchanges) == 0
    assert list(export([])) == []


def test_large_bytes_are_written_once() -> None:
    data = base64.b64encode(b"x" * 5000).decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    talk = Talk()
    for _ in range(2):
        message = talk.queue({"type": "user.message", "content": [image]})
        talk.running()
        talk.process(message)
        talk.ask()
        talk.answer(text("I see."))
        talk.idle()
    raw = "".join(export(talk.records))
    assert raw.count(data) == 1
    messages = [e for e in parse(raw).events if e["type"] == "user.message"]
    assert [m["content"] for m in messages] == [[image], [image]]


def blob(data: str, sha256: str = "") -> str:
    sha256 = sha256 or hashlib.sha256(data.encode()).hexdigest()
    return json.dumps({"type": "blob", "sha256": sha256, "data": data})


def exchange(**more: Any) -> str:
    response = {"content": [], "stop_reason": "end_turn"}
    line = {"type": "exchange", "key": "k", "position": 0, "response": response, "usage": {}} | more
    return json.dumps(line)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("", "no header"),
        ("\n\n", "no header"),
        (exchange(), "no header"),
        ("not json", "line 1"),
        (HEADER + "\n{", "line 2"),
        (HEADER + "\n[]", "line 2"),
        (HEADER + "\n5", "line 2"),
        (HEADER + "\n{}", "line 2"),
        ('{"type":"header","schema":2}', "reads schema 1"),
        ('{"type":"header"}', "line 1"),
        (HEADER + "\n" + "[" * 100_000, "line 2"),
        (HEADER + "\n" + '{"type":"event","event":' * 50_000, "line 2"),
        (HEADER + "\n" + blob("%%%"), "not base64"),
        (HEADER + "\n" + blob("aGk=", "0" * 64), "sha256"),
        (HEADER + '\n{"type":"blob","sha256":5,"data":5}', "line 2"),
        (HEADER + '\n{"type":"event","event":{"$blob":"none"}}', "line 2"),
        (HEADER + '\n{"type":"event","event":{"type":"a","x":{"$blob":["none"]}}}', "line 2"),
        (HEADER + '\n{"type":"event"}', "line 2"),
        (HEADER + '\n{"type":"event","event":[]}', "line 2"),
        (HEADER + '\n{"type":"event","event":{"type":"agent.tool_result"}}', "line 2"),
        (HEADER + '\n{"type":"event","event":{"type":"user.message","id":"x"}}', "line 2"),
        (HEADER + '\n{"type":"event","event":{"type":"user.message","content":[5]}}', "line 2"),
        (HEADER + "\n" + exchange(key=5), "line 2"),
        (HEADER + "\n" + exchange(response=[]), "line 2"),
        (HEADER + "\n" + exchange(response={"content": {}}), "line 2"),
        (HEADER + "\n" + exchange(response={"content": [], "stop_reason": 5}), "line 2"),
        (HEADER + "\n" + exchange(response={"content": [5], "stop_reason": "end_turn"}), "line 2"),
        (HEADER + "\n" + exchange(response={"content": [{"type": "text"}], "stop_reason": "x"}), "line 2"),
        (
            HEADER + "\n" + exchange(response={"content": [{"type": "tool_use"}], "stop_reason": "x"}),
            "line 2",
        ),
        (HEADER + "\n" + exchange(usage=None), "line 2"),
        (HEADER + "\n" + exchange(usage={"input_tokens": "many"}), "line 2"),
        (HEADER + "\n" + exchange(usage={"input_tokens": -5}), "line 2"),
        (HEADER + "\n" + exchange(position="x"), "line 2"),
    ],
)
def test_a_hostile_run_file_is_refused_with_its_line(raw: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        parse(raw)
    assert len(caught.value.message) < 400


def test_lines_of_a_later_kind_are_passed_over() -> None:
    assert parse(HEADER + '\n{"type":"new"}\n' + exchange()).exchanges[0].key == "k"

"""What the model was asked, rebuilt: byte for byte what the endpoint got."""

from __future__ import annotations

from decimal import Decimal

import pytest

from jupyter_agents.errors import NotFound
from jupyter_agents.runtime import exchanges
from jupyter_agents.testing import Fault, Reply, ScriptedModel, call, say, think
from tests.support import Server

USED = {"input_tokens": 1234, "output_tokens": 7, "cache_read_input_tokens": 11}


def test_each_request_is_whole(server: Server, scripted: ScriptedModel) -> None:
    scripted.script[:] = [
        Reply([think("Hm."), call("bash", command="echo 1")], usage=USED),
        Fault(500, "api_error", "Away."),
        Reply([say("One.")], usage=USED),
        Reply([say("Two.")], usage=USED),
    ]
    scripted.requests.clear()
    session = server.session(system="Be short.")
    events = server.turn(session.id, "first")
    first = next(e.id for e in events if e.type == "user.message")
    second = next(e.id for e in server.turn(session.id, "second") if e.type == "user.message")
    place = f"local/sessions/{session.id}/requests"
    turns = [server.request("GET", place, params={"turn": id}).json() for id in (first, second)]
    assert [[r["is_error"] for r in turn["data"]] for turn in turns] == [[False, True, False], [False]]
    whole = [server.request("GET", f"{place}/{r['id']}").json() for turn in turns for r in turn["data"]]
    sent = [{k: v for k, v in body.items() if k != "stream"} for body in scripted.requests]
    assert [one["request"] for one in whole] == sent
    assert whole[1]["response"] is None
    assert [b["type"] for b in whole[0]["response"]["content"]] == ["thinking", "tool_use"]
    assert whole[2]["response"]["content"] == [{"type": "text", "text": "One."}]
    assert whole[2]["response"]["usage"]["input_tokens"] == 1234


def test_the_cost_of_a_turn_is_exact(server: Server, scripted: ScriptedModel) -> None:
    scripted.script[:] = [
        Reply([say("One.")], usage=USED),
        Reply([say("Two.")], usage={**USED, "output_tokens": 9}),
    ]
    session = server.session()
    costs = []
    for text in ("a", "b"):
        turn = next(e.id for e in server.turn(session.id, text) if e.type == "user.message")
        found = server.request("GET", f"local/sessions/{session.id}/requests", params={"turn": turn}).json()
        assert found["cost_usd"] == found["data"][0]["cost_usd"]
        costs.append(Decimal(str(found["cost_usd"])))
    assert costs[1] - costs[0] == Decimal("0.00005")


def test_what_has_no_price_has_no_cost(server: Server, scripted: ScriptedModel) -> None:
    scripted.script[:] = [[say("One.")]]
    session = server.session(model="local-model")
    turn = next(e.id for e in server.turn(session.id, "a") if e.type == "user.message")
    found = server.request("GET", f"local/sessions/{session.id}/requests", params={"turn": turn}).json()
    assert found["cost_usd"] is None and found["data"][0]["cost_usd"] is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("{id}/requests", 400),
        ("{id}/requests?turn=", 400),
        ("{id}/requests?turn=sevt_none", 404),
        ("{id}/requests/sevt_none", 404),
        ("sesn_none/requests?turn=x", 404),
        ("sesn_none/requests/x", 404),
    ],
)
def test_what_is_not_there(server: Server, path: str, status: int) -> None:
    session = server.session()
    answer = server.request("GET", f"local/sessions/{path.format(id=session.id)}")
    assert answer.status_code == status and answer.json()["type"] == "error"


def test_an_empty_journal_has_no_turn() -> None:
    for look in (exchanges.of_turn, exchanges.whole):
        with pytest.raises(NotFound):
            look([], "sevt_1")

from __future__ import annotations

from pathlib import Path

import anthropic
import pytest

from jupyter_agents.errors import RateLimited
from jupyter_agents.server.rates import MOST_BUCKETS, Rates, kind_of
from jupyter_agents.testing import ScriptedModel
from tests.support import Home, serving


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def spent(rates: Rates, user: str = "ann", kind: str = "read") -> int:
    """How many requests pass until one does not; at most 1000."""
    for number in range(1000):
        try:
            rates.check(user, kind)
        except RateLimited:
            return number
    return 1000


def test_without_limits_everything_passes() -> None:
    assert spent(Rates({})) == spent(Rates({"create": 1})) == 1000


def test_a_minutes_worth_passes_at_once_and_then_fills_evenly() -> None:
    clock = Seconds()
    rates = Rates({"read": 60}, clock)
    assert spent(rates) == 60
    clock.now += 2.5
    assert spent(rates) == 2
    clock.now += 3600
    assert spent(rates) == 60


@pytest.mark.parametrize(("per_minute", "wait"), [(60, 1), (1, 60), (40, 2), (600, 1)])
def test_the_time_to_wait_is_enough(per_minute: float, wait: int) -> None:
    clock = Seconds()
    rates = Rates({"read": per_minute}, clock)
    spent(rates)
    with pytest.raises(RateLimited) as caught:
        rates.check("ann", "read")
    assert caught.value.retry_after == wait
    clock.now += wait
    rates.check("ann", "read")


def test_users_and_kinds_are_counted_apart() -> None:
    rates = Rates({"read": 3, "create": 2}, Seconds())
    assert (spent(rates), spent(rates, kind="create"), spent(rates, "bob")) == (3, 2, 3)


def test_users_who_left_are_forgotten() -> None:
    clock = Seconds()
    rates = Rates({"read": 60}, clock)
    for number in range(MOST_BUCKETS):
        rates.check(f"user {number}", "read")
    clock.now += 61
    rates.check("one more", "read")
    assert len(rates._buckets) == 1


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/jupyter-agents/v1/agents", "create"),
        ("POST", "/user/ann/jupyter-agents/v1/memory_stores", "create"),
        ("GET", "/jupyter-agents/v1/agents", "read"),
        ("POST", "/jupyter-agents/v1/agents/agent_1", "read"),
        ("POST", "/jupyter-agents/v1/sessions/sesn_1/events", "read"),
        ("DELETE", "/jupyter-agents/v1/files/file_1", "read"),
        ("GET", "/jupyter-agents/local/status", None),
    ],
)
def test_which_kind_a_request_is(method: str, path: str, kind: str | None) -> None:
    assert kind_of(method, path) == kind


def test_a_server_with_limits(tmp_path: Path, scripted: ScriptedModel) -> None:
    home = Home(tmp_path, scripted.url, traits={"rate_limits": {"create": 2, "read": 3}})
    with serving(home) as server:
        for _ in range(2):
            server.agent()
        with pytest.raises(anthropic.RateLimitError) as caught:
            server.agent()
        answer = caught.value.response
        assert 25 <= int(answer.headers["retry-after"]) <= 30
        assert answer.json()["error"]["type"] == "rate_limit_error"
        assert answer.json()["request_id"] == answer.headers["request-id"]
        assert [server.request("GET", "v1/agents").status_code for _ in range(4)] == [200, 200, 200, 429]
        for _ in range(5):
            assert server.bare("GET", "v1/agents").status_code == 401
            assert server.request("GET", "local/status").status_code == 200

from __future__ import annotations

from typing import Any

from jupyter_agents.domain.refused import KEPT, newest


def refusal(host: str, port: int = 443, at: str = "t") -> dict[str, Any]:
    return {"host": host, "port": port, "reason": "why", "at": at}


def test_each_host_and_port_is_there_once_with_its_newest_time() -> None:
    a, b, later = refusal("a"), refusal("b"), refusal("a", at="later")
    other = refusal("a", 80)
    assert newest([a, other, b, later]) == [other, b, later]
    assert newest([]) == []


def test_the_newest_are_kept() -> None:
    many = [refusal(f"h{number}") for number in range(KEPT + 20)]
    assert newest(many) == many[20:]

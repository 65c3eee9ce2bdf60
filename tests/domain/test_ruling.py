from __future__ import annotations

from jupyter_agents.domain.ruling import Ruling, heaviest


def test_the_heaviest_holds() -> None:
    assert heaviest([]) is Ruling.ALLOW
    assert heaviest([Ruling.ALLOW, Ruling.ASK]) is Ruling.ASK
    assert heaviest([Ruling.DENY, Ruling.ASK, Ruling.ALLOW]) is Ruling.DENY


def test_the_wire_names_the_grounds() -> None:
    assert [ruling.evaluation for ruling in Ruling] == [
        {"type": "allow"},
        {"type": "ask", "reason_code": "indeterminate"},
        {"type": "deny", "reason_code": "high_risk"},
    ]

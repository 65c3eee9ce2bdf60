from __future__ import annotations

from jupyter_agents.domain.classes import CLASSES, DECODE, POWER, READ


def test_a_program_that_is_denied_is_in_no_other_class() -> None:
    for found in CLASSES:
        assert found is POWER or not found.names & POWER.names


def test_only_decoders_may_be_in_two_classes() -> None:
    seen: set[str] = set()
    for found in CLASSES:
        assert found is DECODE or not found.names & (seen - DECODE.names)
        seen |= found.names
    assert "cat" in READ.names

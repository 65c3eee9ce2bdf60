"""A turn as a value."""

from __future__ import annotations

from jupyter_agents.cell.fold import fold_all
from jupyter_agents.cell.transcript import cut
from tests.cell.test_fold import message


def test_cut_ends_a_turn_that_nobody_follows() -> None:
    use = {
        "type": "agent.tool_use",
        "id": "sevt_2",
        "name": "bash",
        "evaluated_permission": "allow",
    }
    transcript = cut(fold_all([message("sevt_1", "one"), use]), "interrupted")
    assert transcript.over
    assert transcript.to_dict()["steps"][0]["status"] == "interrupted"

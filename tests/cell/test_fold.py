"""The fold over the examples that pytest and jest share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.cell.fold import fold, fold_all
from jupyter_agents.cell.transcript import Transcript

EXAMPLES = Path(__file__).parents[1] / "transcripts"
FILES = sorted(EXAMPLES.glob("*.json"))


def message(id: str, text: str) -> dict[str, Any]:
    return {
        "type": "user.message",
        "id": id,
        "processed_at": "2026-01-01T00:00:00Z",
        "content": [{"type": "text", "text": text}],
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shared_example(path: Path) -> None:
    example: dict[str, Any] = json.loads(path.read_text())
    found = fold_all(example["events"]).to_dict()
    found["footer"] = {**example["transcript"]["footer"], **found["footer"]}
    assert found == example["transcript"]


def test_there_are_shared_examples() -> None:
    assert len(FILES) > 20


def test_a_turn_opens_with_its_own_message() -> None:
    transcript = fold_all([message("sevt_1", "one"), message("sevt_2", "two")], "sevt_2")
    assert (transcript.prompt, transcript.steps) == ("two", ())


def test_fold_leaves_its_argument_alone() -> None:
    before = fold(Transcript(), message("sevt_1", "one"))
    fold(before, message("sevt_2", "two"))
    assert before.steps == ()

from __future__ import annotations

from typing import Any

from jupyter_agents.kernel.undone import Undone


def restored(path: str, kind: str = "modified", partly: bool = False) -> dict[str, Any]:
    return {"path": path, "kind": kind, "partly": partly}


def test_what_came_of_it_in_words() -> None:
    undone = Undone(
        turns=2,
        restored=[
            restored("a"),
            restored("b", "created"),
            restored("c", "deleted"),
            restored("d", partly=True),
        ],
        unchanged=["e"],
        conflicts=[{"path": "f", "reason": "somebody else has changed it since"}],
        failed=[{"path": "g", "reason": "no version of it was kept"}],
    )
    assert str(undone).splitlines() == [
        "The last 2 turns: 4 files put back as before.",
        "  put back: a",
        "  brought back: b",
        "  removed: c",
        "  put back: d (as somebody else left it in between)",
        "1 file as before already.",
        "  kept: f: somebody else has changed it since",
        "  not put back: g: no version of it was kept",
    ]


def test_nothing_to_undo() -> None:
    assert str(Undone()) == "The last turn changed no files."


def test_many_files_are_counted() -> None:
    lines = Undone(restored=[restored(str(number)) for number in range(25)]).lines()
    assert len(lines) == 22 and lines[-1] == "  and 5 more"

"""What an undo of turns puts where: decided from the history alone.

Pure. A path is followed back through the agent's changes as far as somebody else's; nothing that
somebody else left is ever taken back. Source: docs/files.md "Undo".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_agents.domain.history import Edit, History, Version

OURS = ("agent", "undo")


@dataclass(frozen=True)
class Target:
    """What one path is to become. None: not there.

    left: as it was last seen. back: what it is to be. start: as it was before the first of the turns.
    partly: whether somebody else's change in between stays. foreign: whether the newest change is
    somebody else's. unsure: whether it may have been there, unseen, before the agent made it.
    """

    path: str
    left: Version | None
    back: Version | None
    start: Version | None
    partly: bool
    foreign: bool
    unsure: bool


def targets(history: History, first: int) -> list[Target]:
    """What undoing the turns from number `first` on means, in the order of paths."""
    found = []
    for path, edits in sorted(history.edits.items()):
        undone = [edit for edit in edits if edit.turn >= first]
        if any(edit.by == "agent" for edit in undone):
            found.append(_target(history, path, undone, len(edits) == len(undone)))
    return found


def _target(history: History, path: str, undone: Sequence[Edit], all_of_them: bool) -> Target:
    back = undone[-1].after
    partly = False
    for edit in reversed(undone):
        if edit.by not in OURS:
            partly = True
            break
        back = edit.before
    start = undone[0].before
    return Target(
        path=path,
        left=undone[-1].after,
        back=back,
        start=start,
        partly=partly,
        foreign=undone[-1].by not in OURS,
        unsure=back is None and start is None and all_of_them and not history.complete,
    )

"""What an undo of turns puts where: decided from the history alone.

Pure. A path is followed back through the agent's changes as far as somebody else's; nothing that
somebody else left is ever taken back. Source: docs/files.md "Undo".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from jupyter_agents.domain.history import Edit, History, Version

Doc = dict[str, Any]
Verdict = Literal["done", "put", "conflict", "failed"]

OURS = ("agent", "undo")
SOMEBODY = "somebody else has changed it since"
TOO_LARGE = "it is too large to be compared with what the agent left"
UNSEEN = "it may have been there before: not all files of the workspace were followed"
NOT_KEPT = "no version of it was kept: it was too large, or there was no room"
MOST_NAMES = 50


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


def verdict(target: Target, present: Version | None) -> tuple[Verdict, str]:
    """What to do about a path that is as `present` says, and why not where it is nothing."""
    if present == (target.start if target.foreign else target.back):
        return "done", ""
    if present is not None and present.sha256 is None:
        return "conflict", TOO_LARGE
    if target.foreign or present != target.left:
        return "conflict", SOMEBODY
    if target.unsure:
        return "failed", UNSEEN
    if target.back is not None and target.back.sha256 is None:
        return "failed", NOT_KEPT
    return "put", ""


@dataclass
class Undone:
    """What came of an undo.

    turns: how many were undone. put: each path that was put back, as it is now (None: removed) and as it
    was. partly: those of them where somebody else's change in between stays. done: paths that were as they
    should be. conflicts, failed: why others were left alone, or could not be brought back.
    """

    turns: int
    put: dict[str, tuple[Version | None, Version | None]] = field(default_factory=dict)
    partly: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def wire(self) -> Doc:
        """As the API shows it."""
        restored = [
            {"path": path, "kind": kind(now, before), "partly": path in self.partly}
            for path, (now, before) in self.put.items()
        ]
        return {
            "turns": self.turns,
            "restored": restored,
            "unchanged": self.done,
            "conflicts": _reasons(self.conflicts),
            "failed": _reasons(self.failed),
        }

    def news(self) -> str:
        """What the agent is told."""
        back = [path for path, (now, _) in self.put.items() if now is not None]
        gone = [path for path, (now, _) in self.put.items() if now is None]
        which = "your last turn" if self.turns == 1 else f"your last {self.turns} turns"
        said = [f"the user undid what {which} did to files below /workspace."]
        alone = [*self.conflicts, *self.failed]
        for words, paths in (("Put back as before", back), ("Removed", gone), ("Left as they are", alone)):
            if paths:
                said.append(f"{words}: {_names(paths)}.")
        return " ".join(said)


def kind(now: Version | None, before: Version | None) -> str:
    """What became of a file, as a change says it."""
    if now is None:
        return "deleted"
    return "created" if before is None else "modified"


def _reasons(reasons: Mapping[str, str]) -> list[Doc]:
    return [{"path": path, "reason": reason} for path, reason in reasons.items()]


def _names(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - MOST_NAMES} more" if len(paths) > MOST_NAMES else ""
    return ", ".join(repr(path) for path in paths[:MOST_NAMES]) + more

"""What an undo did, for Python and in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST = 20
WORDS = {"modified": "put back", "created": "brought back", "deleted": "removed"}
PARTLY = " (as somebody else left it in between)"


@dataclass(frozen=True)
class Undone:
    """What an undo did.

    turns: how many turns it undid. restored: the files that it put back, each with ``path``, ``kind``
    (``modified``, ``created`` again or ``deleted``) and ``partly``. unchanged: paths that were as before.
    conflicts, failed: files that were left alone, or could not be put back, with ``path`` and ``reason``.
    """

    turns: int = 1
    restored: list[dict[str, Any]] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    conflicts: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """It in plain words."""
        turns = "The last turn" if self.turns == 1 else f"The last {self.turns} turns"
        if not (self.restored or self.unchanged or self.conflicts or self.failed):
            return [f"{turns} changed no files."]
        said = [f"{turns}: {_files(len(self.restored))} put back as before."]
        said += _some(
            f"  {WORDS[f['kind']]}: {f['path']}{PARTLY if f['partly'] else ''}" for f in self.restored
        )
        if self.unchanged:
            said.append(f"{_files(len(self.unchanged))} as before already.")
        for words, found in (("kept", self.conflicts), ("not put back", self.failed)):
            said += _some(f"  {words}: {one['path']}: {one['reason']}" for one in found)
        return said


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


def _some(lines: Iterable[str]) -> Sequence[str]:
    found = list(lines)
    more = len(found) - MOST
    return found if more <= 0 else [*found[:MOST], f"  and {more} more"]

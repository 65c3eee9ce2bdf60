"""Which version of each file a session's calls left: hashed, and kept for undo and fork.

Only what changed is read. Every method blocks; call them in a thread, one at a time.
Source: docs/decisions.md "Sandbox and network" (snapshots), docs/files.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_agents.domain.history import History, Version
from jupyter_agents.domain.settings import size_text
from jupyter_agents.errors import SandboxError
from jupyter_agents.sandbox.changes import TOTAL_BYTES, Change
from jupyter_agents.sandbox.listing import FILES, Stamp
from jupyter_agents.sandbox.versions import Seen, see
from jupyter_agents.sandbox.workspace import FILE_BYTES
from jupyter_agents.store.snapshots import Kept

Doc = dict[str, Any]

TRUNCATED = "The workspace has more than {:,} files: undo and fork know nothing of the rest."
LARGE = "Undo and fork cannot bring back files larger than {}, such as {!r}."
FULL = (
    "The versions that are kept of this session's files have reached {}, or the disk is full: undo and fork "
    "cannot bring back newer ones, such as that of {!r}."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SnapshotLimits:
    """files: of one workspace. bytes: kept for one session. file_bytes: of one file."""

    files: int = FILES
    bytes: int = TOTAL_BYTES
    file_bytes: int = FILE_BYTES


class SessionSnapshots:
    """The versions of one session's files.

    Parameters
    ----------
    workspace:
        The session's folder.
    kept:
        Where contents are kept.
    """

    def __init__(self, workspace: Path, kept: Kept, limits: SnapshotLimits) -> None:
        self._workspace = workspace
        self._kept = kept
        self._limits = limits
        self._notices: dict[str, str] = {}
        self.known: dict[str, Version | None] = {}
        """Each file as it was last seen here; None where it is gone."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What undo and fork cannot bring back, in sentences: one for each cause, oldest first."""
        return tuple(self._notices.values())

    def begin(
        self, stamps: Mapping[str, Stamp], history: History, *, complete: bool, at: str
    ) -> tuple[list[Doc], list[Doc]]:
        """Look at all files; those that nobody knew, and the changes since the history's last record.

        Parameters
        ----------
        stamps:
            The files that are there.
        complete:
            Whether those are all.
        at:
            The time, as the wire writes it.
        """
        if not complete:
            self._say("files", TRUNCATED.format(self._limits.files))
        self.known = dict(history.versions)
        found, changed = [], []
        for path, stamp in stamps.items():
            before = history.versions.get(path)
            entry = self._look(path, stamp.size, before)
            if entry is None or _version(entry) == before:
                continue
            self.known[path] = _version(entry)
            if not history.begun or (before is not None and before.sha256 is None):
                found.append({"path": path} | entry)
            else:
                kind = "created" if before is None else "modified"
                changed.append({"path": path, "kind": kind, "at": at} | entry)
        if complete:
            for path in history.present.keys() - stamps.keys():
                changed.append(_deleted(path, at))
                self.known[path] = None
        return found, changed

    def take(self, changes: Iterable[Change], at: str, *, foreign: bool) -> list[Doc]:
        """What became of files that changed, as a record has it.

        foreign: no call made the changes; what is as it was last seen is none then.
        """
        docs = []
        for change in changes:
            before, version, doc = self.known.get(change.path), None, _deleted(change.path, at)
            if change.kind != "deleted":
                entry = self._look(change.path, change.size, before) or _unread(change.size)
                version = _version(entry)
                doc = {"path": change.path, "kind": change.kind, "at": at} | entry
            if foreign and version == before:
                continue
            self.known[change.path] = version
            docs.append(doc)
        return docs

    def _look(self, path: str, size: int, before: Version | None) -> Doc | None:
        """A file's size, hash and mode; its content is kept. None where it is not there."""
        try:
            if before is not None and before.size == size and before.sha256 and self._kept.has(before.sha256):
                seen = see(self._workspace, path, self._limits.file_bytes)
                if seen.sha256 == before.sha256:
                    return _entry(seen)
            return _entry(self._copy(path, size))
        except FileNotFoundError:
            return None
        except SandboxError:
            return _unread(size)

    def _copy(self, path: str, size: int) -> Seen:
        """Read a file, and keep what was read where there is room."""
        limit = self._limits.file_bytes
        try:
            room = size <= limit and self._kept.bytes + size <= self._limits.bytes
            if room:
                incoming = self._kept.receive()
                try:
                    seen = see(self._workspace, path, limit, incoming.write)
                    if seen.sha256 is not None:
                        self._kept.keep(incoming)
                finally:
                    incoming.discard()
                return self._said(path, seen)
        except FileNotFoundError:
            raise
        except OSError as error:
            log.warning("The content of %r cannot be kept: %s", path, error)
        seen = see(self._workspace, path, limit)
        if seen.sha256 is not None and not self._kept.has(seen.sha256):
            self._say("room", FULL.format(size_text(self._limits.bytes), path))
        return self._said(path, seen)

    def _said(self, path: str, seen: Seen) -> Seen:
        if seen.sha256 is None:
            self._say("large", LARGE.format(size_text(self._limits.file_bytes), path))
        return seen

    def _say(self, cause: str, sentence: str) -> None:
        self._notices.setdefault(cause, sentence)


def _entry(seen: Seen) -> Doc:
    return {"size": seen.size, "sha256": seen.sha256, "mode": seen.mode}


def _unread(size: int) -> Doc:
    return {"size": size, "sha256": None, "mode": 0}


def _version(doc: Doc) -> Version:
    return Version(doc["sha256"], doc["size"], doc["mode"])


def _deleted(path: str, at: str) -> Doc:
    return {"path": path, "kind": "deleted", "size": 0, "sha256": None, "at": at}

"""Where the file tools may go: the session's roots, symlinks followed before the check.

A root has the path that the agent knows and, where the sandbox cannot mount (Landlock), the real
place behind it. Paths come in and go out as the agent knows them; real ones are accepted too.

Source: spec section 8.6.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from .answers import ToolError

MAX_HOPS = 40
MISSING = (errno.ENOENT, errno.ENOTDIR)
REASONS = {
    errno.ENOENT: "no such file or directory",
    errno.ENOTDIR: "not a directory",
    errno.EISDIR: "is a directory",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EEXIST: "file already exists",
    errno.ELOOP: "too many levels of symbolic links",
}


def reason(error: OSError) -> str:
    """`error` in words that are the same everywhere and name no path."""
    known = REASONS.get(error.errno or 0)
    return known or (error.strerror or "i/o error").lower()


def canonical(path: str) -> str:
    """`path` (absolute) without ``.``, ``..`` and symlinks, dangling ones included.

    What does not exist is kept as spelled. Raises OSError, ELOOP after `MAX_HOPS` links.
    """
    done = "/"
    ahead = os.path.normpath(path).split("/")[::-1]
    hops = 0
    while ahead:
        part = ahead.pop()
        if part in ("", "."):
            continue
        if part == "..":
            done = os.path.dirname(done)
            continue
        here = os.path.join(done, part)
        try:
            target = os.readlink(here)
        except OSError as e:
            if e.errno != errno.EINVAL and e.errno not in MISSING:
                raise
            done = here
            continue
        hops += 1
        if hops > MAX_HOPS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.startswith("/"):
            done = "/"
        ahead += target.split("/")[::-1]
    return done


def _canonical_or_same(path: str) -> str:
    try:
        return canonical(path)
    except OSError:
        return os.path.normpath(path)


def within(path: str, root: str) -> bool:
    """Whether canonical `path` is `root` or below it."""
    return path == root or path.startswith(root.rstrip("/") + "/")


class Root:
    """One place that the file tools may reach."""

    def __init__(self, virtual: str, real: str, writable: bool) -> None:
        self.virtual = virtual
        self.real = _canonical_or_same(real)
        self.writable = writable

    def shown(self, real: str) -> str:
        """A canonical path inside, as the agent knows it."""
        return self.virtual + real[len(self.real) :]


class Roots:
    """All of them; the first is the working directory."""

    def __init__(self, roots: Sequence[tuple[str, str, bool]]) -> None:
        self._roots: list[Root] = [Root(*root) for root in roots]
        self.workdir = self._roots[0]

    def add(self, virtual: str, real: str) -> None:
        """One more place to read."""
        self._roots.append(Root(virtual, real, False))

    def resolve(self, tool: str, path: str) -> tuple[str, Root]:
        """The canonical real path of `path` and the root it lies in. Raises `ToolError`."""
        try:
            full = canonical(self._real(path))
        except OSError as e:
            raise ToolError(f"{tool}: path {path!r}: {reason(e)}") from e
        inside = [root for root in self._roots if within(full, root.real)]
        if not inside:
            raise ToolError(
                f"{tool}: path {path!r} is outside the session's working directory "
                "and its other permitted directories"
            )
        asked = os.path.normpath(path)
        best = max(inside, key=lambda root: (len(root.real), within(asked, root.virtual)))
        return full, best

    def resolve_for_writing(self, tool: str, path: str) -> str:
        """As `resolve`, and refuses what is read-only."""
        full, root = self.resolve(tool, path)
        if not root.writable:
            raise ToolError(f"{tool}: {path} is inside read-only directory {root.virtual}")
        return full

    def reach(self, path: str) -> bool:
        """Whether real `path` lies in a root that can be written, or cannot be told."""
        try:
            real = canonical(path)
        except OSError:
            return True
        return any(root.writable and within(real, root.real) for root in self._roots)

    def _real(self, path: str) -> str:
        if not path.startswith("/"):
            return os.path.join(self.workdir.real, path)
        path = os.path.normpath(path)
        around = [root for root in self._roots if within(path, root.virtual)]
        if not around:
            return path
        root = max(around, key=lambda root: len(root.virtual))
        return root.real + path[len(root.virtual) :]

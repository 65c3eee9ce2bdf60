"""The workspace for a server whose own folder is not mounted here: what is in it, and pieces of it.

All of it runs as the user of the tools, in one thread, in the order of the requests. It protects
nobody: the server checks what it gets.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
import stat
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from .answers import Answers

PIECE = 1024 * 1024
LARGEST_LIST = 12 * PIECE
MOST_ENTRIES = 200_000
COUNTERS = (
    (("memory.events", "memory/memory.oom_control"), "oom_kill"),
    (("pids.events", "pids/pids.events"), "max"),
)


class Carriage:
    """Answers ``list``, ``fetch``, ``put`` and ``clear`` for the folder `root`."""

    def __init__(self, root: str, answers: Answers) -> None:
        self._root = root
        self._answers = answers
        self._partly: dict[str, str] = {}
        self._waiting: SimpleQueue[tuple[int, Callable[[], list[str]]]] = SimpleQueue()
        self._started = False

    def look(self, frame: dict[str, Any]) -> None:
        """Everything in it, unless its digest is ``known``."""
        self._do(frame, lambda: listed(self._root, frame["known"], frame["files"], frame["depth"]))

    def fetch(self, frame: dict[str, Any]) -> None:
        """Pieces of files, a text for each: ``+`` and base64, or ``-`` for one that cannot be read."""
        self._do(frame, lambda: [self._piece(*one) for one in frame["pieces"]])

    def put(self, frame: dict[str, Any]) -> None:
        """A piece of a file, which gets to its place with its last one; or a folder."""
        self._do(frame, lambda: [json.dumps(self._put(frame))])

    def clear(self, frame: dict[str, Any]) -> None:
        """Remove files and empty folders, in this order."""
        self._do(frame, lambda: self._clear(frame["paths"]))

    def _do(self, frame: dict[str, Any], work: Callable[[], list[str]]) -> None:
        self._waiting.put((frame["id"], work))
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            number, work = self._waiting.get()
            try:
                texts, failed = work(), False
            except (OSError, MemoryError, ValueError, LookupError) as e:
                texts, failed = [getattr(e, "strerror", None) or str(e) or type(e).__name__], True
            self._answers.send(number, [{"type": "text", "text": text} for text in texts], failed)

    def _piece(self, path: str, offset: int, size: int) -> str:
        try:
            fd = os.open(os.path.join(self._root, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return "-"
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return "-"
            return "+" + base64.b64encode(os.pread(fd, min(size, PIECE), offset)).decode("ascii")
        except OSError:
            return "-"
        finally:
            os.close(fd)

    def _put(self, frame: dict[str, Any]) -> list[int]:
        path = os.path.join(self._root, frame["path"])
        if frame["data"] is None:
            os.makedirs(path, exist_ok=True)
            return []
        if frame["offset"] == 0:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self._partly[path] = os.path.join(os.path.dirname(path), f".{secrets.token_hex(8)}")
        temporary = self._partly[path]
        try:
            with open(temporary, "ab") as file:
                file.write(base64.b64decode(frame["data"]))
                if frame["modified"] is None:
                    return []
                os.fchmod(file.fileno(), frame["mode"])
            os.utime(temporary, ns=(frame["modified"], frame["modified"]))
            os.replace(temporary, path)
        except OSError:
            self._partly.pop(path, None)
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        self._partly.pop(path, None)
        return stamp(os.lstat(path))

    def _clear(self, paths: list[str]) -> list[str]:
        for path in paths:
            path = os.path.join(self._root, path)
            with contextlib.suppress(OSError):
                if stat.S_ISDIR(os.lstat(path).st_mode):
                    os.rmdir(path)
                else:
                    os.unlink(path)
        return []


def stamp(found: os.stat_result) -> list[int]:
    """What tells two states of a file apart, its size first; and its permissions."""
    mode = stat.S_IMODE(found.st_mode) & 0o777
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, mode]


def listed(root: str, known: str, most_files: int, depth: int) -> list[str]:
    """The head, and, unless its digest is `known`, the entries of the listing in pieces."""
    files: list[list[Any]] = []
    folders: list[str] = []
    complete, used, entries, length = True, 0, 0, 0
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            found = sorted(os.scandir(os.path.join(root, folder)), key=lambda entry: entry.name)
        except OSError:
            complete = False
            continue
        for entry in found:
            path = os.path.join(folder, entry.name)
            entries += 1
            try:
                path.encode()
                status = entry.stat(follow_symlinks=False)
            except (UnicodeEncodeError, OSError):
                continue
            is_folder = stat.S_ISDIR(status.st_mode)
            is_file = stat.S_ISREG(status.st_mode)
            used += 0 if is_folder else status.st_blocks * 512
            length += 6 * len(path) + 120
            if not (is_folder or is_file):
                continue
            if entries > MOST_ENTRIES or length > LARGEST_LIST or path.count("/") >= depth:
                complete = False
            elif is_folder:
                folders.append(path)
                waiting.append(path)
            elif len(files) >= most_files:
                complete = False
            else:
                files.append([path, *stamp(status)])
    body = json.dumps({"files": files, "folders": folders, "complete": complete})
    digest = hashlib.sha256(body.encode()).hexdigest()
    head = json.dumps({"digest": digest, "used": used, "hits": [count(*one) for one in COUNTERS]})
    if digest == known:
        return [head]
    return [head, *(body[start : start + PIECE] for start in range(0, len(body), PIECE))]


def count(places: tuple[str, ...], key: str) -> int:
    """A counter of this sandbox's control group; 0 where it cannot be read."""
    for place in places:
        with contextlib.suppress(OSError, ValueError), open(f"/sys/fs/cgroup/{place}") as file:
            for line in file:
                name, _, number = line.partition(" ")
                if name == key:
                    return int(number)
    return 0

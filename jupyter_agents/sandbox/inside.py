"""What a toolhost says of the workspace inside, checked: names, sizes, how many.

Trust model: as in `frames`. A name that leads out of the workspace ends the sandbox.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import listing
from .base import ToolResult
from .frames import BadFrame

PIECE = 1024 * 1024
MOST_PATH = 4096
MOST_NUMBER = 2**63


class Seen(NamedTuple):
    """The state of a file inside. size: bytes; modified, changed: nanoseconds; mode: its permissions."""

    size: int
    modified: int
    changed: int
    inode: int
    mode: int


@dataclass(frozen=True)
class Head:
    """What every answer to ``list`` begins with.

    digest: of the listing. used: bytes that the workspace takes. hits: how often the limits of memory and of
    processes were hit, by the kernel's count.
    """

    digest: str
    used: int
    hits: tuple[int, int]


@dataclass(frozen=True)
class Inside:
    """The files and folders inside. complete: whether these are all."""

    files: dict[str, Seen]
    folders: frozenset[str]
    complete: bool


def read_list(answer: ToolResult) -> tuple[Head, Inside | None]:
    """An answer to ``list``; without a listing where nothing changed. Raises `BadFrame`."""
    first, *rest = _texts(answer)
    found = _object(first)
    digest, used, hits = found.get("digest"), found.get("used"), found.get("hits")
    if not isinstance(digest, str) or not isinstance(hits, list) or len(hits) != 2:
        raise BadFrame("a listing has no head")
    head = Head(digest[:100], _number(used), (_number(hits[0]), _number(hits[1])))
    if not rest:
        return head, None
    body = _object("".join(rest))
    files, folders = body.get("files"), body.get("folders")
    if not isinstance(files, list) or not isinstance(folders, list) or len(files) > listing.FILES:
        raise BadFrame("a listing has no files, or too many")
    if len(folders) > listing.ENTRIES:
        raise BadFrame("a listing has too many folders")
    return head, Inside(
        dict(_file(one) for one in files),
        frozenset(_path(one) for one in folders),
        body.get("complete") is True,
    )


def read_seen(answer: ToolResult) -> Seen:
    """The state of a file that was put. Raises `BadFrame`."""
    try:
        numbers = json.loads(_texts(answer)[0])
    except (ValueError, RecursionError):
        raise BadFrame("a state is not JSON") from None
    return _seen(numbers)


def read_pieces(answer: ToolResult, wanted: list[int]) -> list[bytes | None]:
    """The pieces of an answer to ``fetch``, None for what cannot be read.

    wanted: the most bytes that each may have. Raises `BadFrame`.
    """
    texts = _texts(answer)
    if len(texts) != len(wanted):
        raise BadFrame("an answer has another number of pieces than were asked for")
    pieces: list[bytes | None] = []
    for text, most in zip(texts, wanted, strict=True):
        try:
            piece = None if text[:1] != "+" else base64.b64decode(text[1:], validate=True)
        except ValueError:
            raise BadFrame("a piece is not base64") from None
        if piece is not None and len(piece) > most:
            raise BadFrame("a piece is longer than was asked for")
        pieces.append(piece)
    return pieces


def _texts(answer: ToolResult) -> list[str]:
    texts = [block["text"] for block in answer.content if block["type"] == "text"]
    if answer.is_error or not texts or len(texts) != len(answer.content):
        raise BadFrame("an answer is not of the kind that was asked for")
    return texts


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise BadFrame("a listing is not JSON") from None
    if not isinstance(found, dict):
        raise BadFrame("a listing is not an object")
    return found


def _file(entry: object) -> tuple[str, Seen]:
    if not isinstance(entry, list) or len(entry) != 6:
        raise BadFrame("a file has no state")
    return _path(entry[0]), _seen(entry[1:])


def _seen(numbers: object) -> Seen:
    if not isinstance(numbers, list) or len(numbers) != 5:
        raise BadFrame("a file has no state")
    size, modified, changed, inode, mode = map(_number, numbers)
    return Seen(size, modified, changed, inode, mode & 0o777)


def _path(path: object) -> str:
    if not isinstance(path, str) or not 0 < len(path) <= MOST_PATH or "\0" in path:
        raise BadFrame("a path is none")
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or len(parts) > listing.DEPTH:
        raise BadFrame("a path leads out of the workspace, or is too deep")
    if not listing.is_utf8(path):
        raise BadFrame("a path is not UTF-8")
    return path


def _number(number: object) -> int:
    if type(number) is not int or not -MOST_NUMBER < number < MOST_NUMBER:
        raise BadFrame("a number is none")
    return number

"""The read, write and edit tools.

Source: spec sections 8.3 and 8.4. Only regular files are opened, and never a larger one than is
returned, so a FIFO, a device or a sparse terabyte neither blocks nor fills the toolhost.
"""

from __future__ import annotations

import os
import stat
import sys
from binascii import b2a_base64

from .answers import Content, ToolError, flag, text_argument
from .paths import Roots, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 256 * 1024
MAX_IMAGE_BYTES = 5 * 1024 * 1024 // 4 * 3
MAX_PDF_BYTES = 20 * 1024 * 1024
CHUNK = 64 * 1024
MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".pdf": "application/pdf",
}
NOT_TEXT = "not valid UTF-8 text"


def read(roots: Roots, arguments: dict[str, Any]) -> Content:
    path = text_argument("read", arguments, "file_path")
    view_range = _view_range(arguments.get("view_range"))
    target, _ = roots.resolve("read", path)
    try:
        fd, size = _open_regular("read", path, target)
        with open(fd, "rb", buffering=0) as file:
            media_type = MEDIA_TYPES.get(os.path.splitext(target)[1].lower())
            if media_type is not None:
                if view_range:
                    raise ToolError("read: view_range is not supported for image/PDF files")
                return _media_block(path, file, size, media_type)
            if size > MAX_BYTES:
                if not view_range:
                    raise ToolError(
                        f"read: {path} is {size} bytes, exceeds {MAX_BYTES}-byte limit. "
                        "Use the view_range parameter to read specific line ranges, "
                        "e.g. view_range: [1, 500]."
                    )
                return _lines_of_large(path, file, view_range).decode("utf-8")
            text = _read_whole(file, size).decode("utf-8")
    except UnicodeDecodeError as e:
        hint = "binary files are only supported for image/PDF extensions"
        raise ToolError(f"read: {path}: {NOT_TEXT} ({hint})") from e
    except OSError as e:
        raise ToolError(f"read: {path}: {reason(e)}") from e
    if not view_range:
        return text
    first, last = view_range
    lines = text.split("\n")
    return "\n".join(lines[max(0, first - 1) : last if last > 0 else len(lines)])


def write(roots: Roots, arguments: dict[str, Any]) -> Content:
    path = text_argument("write", arguments, "file_path")
    content = text_argument("write", arguments, "content")
    target = roots.resolve_for_writing("write", path)
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _replace_content("write", path, target, content)
    except OSError as e:
        raise ToolError(f"write: {path}: {reason(e)}") from e
    return f"wrote {len(content)} bytes to {path}"


def edit(roots: Roots, arguments: dict[str, Any]) -> Content:
    path = text_argument("edit", arguments, "file_path")
    old = text_argument("edit", arguments, "old_string")
    new = text_argument("edit", arguments, "new_string")
    replace_all = flag("edit", arguments, "replace_all")
    target = roots.resolve_for_writing("edit", path)
    try:
        fd, size = _open_regular("edit", path, target)
        with open(fd, "rb", buffering=0) as file:
            if size > MAX_BYTES:
                raise ToolError(
                    f"edit: {path} is {size} bytes, exceeds {MAX_BYTES}-byte limit. "
                    "The edit tool loads the whole file and cannot modify a file this large."
                )
            text = _read_whole(file, size).decode("utf-8")
        count = text.count(old)
        if count == 0:
            raise ToolError(f"edit: old_string not found in {path}")
        if count > 1 and not replace_all:
            raise ToolError(f"edit: old_string appears {count} times in {path} (must be unique)")
        _replace_content("edit", path, target, text.replace(old, new))
    except UnicodeDecodeError as e:
        raise ToolError(f"edit: {path}: {NOT_TEXT} (cannot edit binary files)") from e
    except OSError as e:
        raise ToolError(f"edit: {path}: {reason(e)}") from e
    return f"edited {path} ({count} replacement(s))"


def _view_range(value: Any) -> tuple[int, int] | None:
    if not value:
        return None
    if not isinstance(value, list) or len(value) != 2 or any(type(one) is not int for one in value):
        raise ToolError("read: view_range must be [start_line, end_line]")
    return value[0], value[1]


def _open_regular(tool: str, path: str, target: str) -> tuple[int, int]:
    if not stat.S_ISREG(os.stat(target).st_mode):
        raise ToolError(f"{tool}: {path}: not a regular file")
    fd = os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise ToolError(f"{tool}: {path}: not a regular file")
    return fd, status.st_size


def _replace_content(tool: str, path: str, target: str, text: str) -> None:
    try:
        data = memoryview(text.encode("utf-8"))
    except UnicodeEncodeError as e:
        raise ToolError(f"{tool}: {path}: the text is not valid Unicode") from e
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ToolError(f"{tool}: {path}: not a regular file")
        os.ftruncate(fd, 0)
        while data:
            data = data[os.write(fd, data) :]
    finally:
        os.close(fd)


def _read_whole(file: Any, size: int) -> bytes:
    """At most `size` bytes, or what there is when the file reports none (as in /proc)."""
    parts: list[bytes] = []
    left = size or MAX_BYTES
    while left > 0:
        data = file.read(min(left, CHUNK * 16))
        if not data:
            break
        parts.append(data)
        left -= len(data)
    return b"".join(parts)


def _media_block(path: str, file: Any, size: int, media_type: str) -> dict[str, Any]:
    pdf = media_type == "application/pdf"
    limit = MAX_PDF_BYTES if pdf else MAX_IMAGE_BYTES
    if size > limit:
        raise ToolError(f"read: {path} is {size} bytes, exceeds {limit}-byte limit for image/PDF files.")
    data = b2a_base64(_read_whole(file, size), newline=False).decode("ascii")
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "document" if pdf else "image", "source": source}


def _lines_of_large(path: str, file: Any, view_range: tuple[int, int]) -> bytes:
    """Lines first to last, joined; reads on only as far as needed, keeps at most the limit."""
    first = max(0, view_range[0] - 1)
    last = view_range[1] if view_range[1] > 0 else sys.maxsize
    kept = bytearray()
    line = 0
    while line < last:
        chunk = file.read(CHUNK)
        if not chunk:
            break
        pieces = chunk.split(b"\n")
        for i, piece in enumerate(pieces):
            if i:
                line += 1
                if first < line < last:
                    kept += b"\n"
            if first <= line < last:
                kept += piece
        if len(kept) > MAX_BYTES:
            raise ToolError(_too_many_lines(path, view_range, last - first == 1))
    return bytes(kept)


def _too_many_lines(path: str, view_range: tuple[int, int], single: bool) -> str:
    if single:
        return (
            f"read: line {max(view_range[0], 1)} of {path} alone exceeds {MAX_BYTES}-byte limit. "
            "The read tool cannot return part of a line, so view_range cannot narrow this further."
        )
    return (
        f"read: view_range [{view_range[0]}, {view_range[1]}] of {path} "
        f"exceeds {MAX_BYTES}-byte limit. Narrow the view_range to read a smaller portion."
    )

"""What a file may be called, and how long it may live. Pure. Source: spec section 7.1."""

from __future__ import annotations

import mimetypes
import re

from jupyter_agents.errors import InvalidRequest

FORBIDDEN = re.compile(r'[<>:"|?*\\/\x00-\x1f]')
MAX_FILENAME = 255
EXPIRY_SECONDS = (3600, 7_776_000)
MIME_TYPE = re.compile(r"[\w.+-]{1,127}/[\w.+-]{1,127}", re.ASCII)
ANY_TYPE = "application/octet-stream"


def clean_filename(given: str | None, mime_type: str) -> str:
    """The last component of `given`, checked; ``unnamed`` plus an extension where there is none."""
    name = (given or "").replace("\\", "/").rsplit("/", 1)[-1]
    if not name:
        return "unnamed" + (mimetypes.guess_extension(mime_type) or "")
    if FORBIDDEN.search(name):
        raise InvalidRequest('file: the name must not contain < > : " | ? * \\ / or control characters.')
    if len(name) > MAX_FILENAME:
        raise InvalidRequest(
            f"file: the name has {len(name)} characters, at most {MAX_FILENAME} are allowed."
        )
    return name


def output_filename(path: str) -> str:
    """What the file at `path` in a workspace is called: its last component, in allowed characters."""
    return FORBIDDEN.sub("_", path.rsplit("/", 1)[-1])[:MAX_FILENAME] or "unnamed"


def mime_type(given: str | None) -> str:
    """The media type of an upload without its parameters; one that is none is any bytes."""
    found = (given or "").split(";", 1)[0].strip().lower()
    return found if MIME_TYPE.fullmatch(found) else ANY_TYPE


def expiry(text: str | None) -> int | None:
    """``expires_in_seconds`` of an upload; raises `InvalidRequest` out of its bounds."""
    if text is None:
        return None
    least, most = EXPIRY_SECONDS
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:12]) <= most:
        raise InvalidRequest(f"expires_in_seconds: expected {least} to {most}.")
    return int(text)

"""A multipart upload, taken apart while it arrives: the file goes to disk, never whole into memory.

Source: spec section 7.1; RFC 7578.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from jupyter_agents.domain.filenames import clean_filename, expiry, mime_type
from jupyter_agents.errors import ApiError, InvalidRequest, TooLarge
from jupyter_agents.store.blobs import Blobs, Incoming

MAX_FILE = 500 * 1024 * 1024
MAX_FIELD = 1024
MOST_PARTS = 10
EXPECTED = "file: send one multipart/form-data part named 'file'."


@dataclass
class _Part:
    headers: dict[str, str] = field(default_factory=dict)
    name: str = ""
    header: bytes = b""
    value: bytes = b""
    text: bytes = b""


class Upload:
    """One upload. `discard` it in any case.

    Parameters
    ----------
    content_type:
        The request's header.
    blobs:
        Where the file's bytes go.

    Raises
    ------
    InvalidRequest
        The request is no multipart form.
    """

    def __init__(self, content_type: str, blobs: Blobs) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise InvalidRequest(EXPECTED)
        self._blobs = blobs
        self._lock = threading.Lock()
        self._part = _Part()
        self._parts = 0
        self._complete = False
        self._problem: ApiError | None = None
        self._gone = False
        self.file: Incoming | None = None
        self.filename = ""
        self.mime_type = ""
        self.expires_in: int | None = None
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._all,
                },
            )
        except FormParserError:
            raise InvalidRequest(EXPECTED) from None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body. Blocks; what is wrong with them is kept for `finish`."""
        with self._lock:
            if self._problem is not None or self._gone:
                return
            try:
                self._parser.write(chunk)
            except ApiError as error:
                self._problem = error
            except (FormParserError, UnicodeError):
                self._problem = InvalidRequest("The body is not a valid multipart/form-data form.")

    def finish(self) -> Incoming:
        """The whole file, synced. Blocks. Raises `InvalidRequest` or `TooLarge`."""
        if self._problem is not None:
            raise self._problem
        if self.file is None:
            raise InvalidRequest(EXPECTED)
        if not self._complete:
            raise InvalidRequest("file: the form ends before its last boundary; send it again.")
        self.file.finish()
        return self.file

    def discard(self) -> None:
        """Remove what has not become a blob. Idempotent."""
        with self._lock:
            self._gone = True
            if self.file is not None:
                self.file.discard()

    def _begin(self) -> None:
        self._part = _Part()
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise InvalidRequest(f"The form has more than {MOST_PARTS} parts.")

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._part.header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.value += data[start:end]

    def _header_end(self) -> None:
        part = self._part
        part.headers[part.header.decode("latin-1").lower()] = part.value.decode("latin-1")
        part.header = part.value = b""

    def _headers_finished(self) -> None:
        part = self._part
        _, options = parse_options_header(part.headers.get("content-disposition", ""))
        part.name = options.get(b"name", b"").decode("utf-8")
        if part.name == "expires_in_seconds":
            return
        if part.name != "file" or self.file is not None:
            raise InvalidRequest(EXPECTED)
        self.mime_type = mime_type(part.headers.get("content-type"))
        self.filename = clean_filename(options.get(b"filename", b"").decode("utf-8"), self.mime_type)
        self.file = Incoming(self._blobs)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.name != "file":
            self._part.text += data[start:end]
            if len(self._part.text) > MAX_FIELD:
                raise InvalidRequest(f"{self._part.name}: longer than {MAX_FIELD} bytes.")
            return
        assert self.file is not None
        if self.file.size + end - start > MAX_FILE:
            raise too_large()
        self.file.write(data[start:end])

    def _end(self) -> None:
        if self._part.name == "expires_in_seconds":
            self.expires_in = expiry(self._part.text.decode("utf-8"))

    def _all(self) -> None:
        self._complete = True


def too_large() -> TooLarge:
    """The answer to a file above the limit."""
    return TooLarge(f"file: larger than {MAX_FILE} bytes, the most that is allowed.")

"""``/v1/files``. Source: spec section 7.1."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import HTTPError, authenticated, stream_request_body

from jupyter_agents import wire
from jupyter_agents.errors import ApiError, InvalidRequest
from jupyter_agents.server.handlers import Handler, age_cursor, check_limit
from jupyter_agents.server.uploads import EXPECTED, MAX_FILE, Upload, too_large
from jupyter_agents.store.catalog import Page, Where

LIST = wire.query(wire.FileList)

MOST_IDS = 100
FORM_BYTES = 64 * 1024
"""What a form may have around its file."""
MOST_READ = 2 * 1024**3
"""Bytes of a body that are read, so that its sender gets to hear why it was refused."""
CHUNK = 256 * 1024


@stream_request_body
class Files(Handler):
    """The collection."""

    upload: Upload | None = None
    refusal: Exception | None = None

    def check_content_type_is_json(self) -> None:
        """Uploads are multipart."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Make ready for the body of an upload.

        A refusal waits until the body has been read: a client hears it only then.
        """
        connection: Any = self.request.connection
        connection.set_max_body_size(MOST_READ)
        if self.request.method != "POST":
            await super().prepare()
            return
        try:
            await super().prepare()
            self._expect()
        except (ApiError, HTTPError) as error:
            self.refusal = error

    def _expect(self) -> None:
        length = self.request.headers.get("Content-Length", "")
        if length.isdecimal() and int(length[:20]) > MAX_FILE + FORM_BYTES:
            raise too_large()
        self.upload = Upload(self.request.headers.get("Content-Type", ""), self.context.blobs)

    async def data_received(self, chunk: bytes) -> None:
        """Take the next bytes of an upload."""
        if self.upload is not None:
            await asyncio.to_thread(self.upload.feed, chunk)

    def on_connection_close(self) -> None:
        """The client has gone: nothing of its upload stays."""
        self._discard()
        super().on_connection_close()

    def on_finish(self) -> None:
        """Nothing stays but what became a file."""
        self._discard()
        super().on_finish()

    def _discard(self) -> None:
        if self.upload is not None:
            self.upload.discard()

    @authenticated
    @authorized
    async def post(self) -> None:
        """Upload a file as the part ``file``."""
        upload = self.upload
        if self.refusal is not None or upload is None:
            raise self.refusal or InvalidRequest(EXPECTED)
        blob = await asyncio.to_thread(upload.finish)
        files = self.context.files
        doc = await files.add(blob, upload.filename, upload.mime_type, expires_in=upload.expires_in)
        self.reply(files.show(doc))

    @authenticated
    @authorized
    async def get(self) -> None:
        """List files, newest first; with ``ids[]`` just those."""
        given = self.arguments(LIST)
        ids = given.get("ids")
        if ids is not None:
            self._by_ids(given, ids)
            return
        where = Where()
        if given.get("scope_id") is not None:
            if not given["scope_id"].startswith("sesn_"):
                raise InvalidRequest("scope_id: expected a session id, sesn_...")
            where = Where(("parent = ?",), (given["scope_id"],))
        cursor = age_cursor(given.get("page"), "desc", "file")
        limit = check_limit(given.get("limit"), 20, 1000)
        self._reply_files(self.context.catalog.page("file", where, "desc", cursor, limit))

    def _by_ids(self, given: dict[str, Any], ids: list[str]) -> None:
        if "page" in given or "limit" in given:
            raise InvalidRequest("ids[]: not together with page or limit.")
        if len(ids) > MOST_IDS:
            raise InvalidRequest(f"ids[]: at most {MOST_IDS} are allowed.")
        found = [self.context.catalog.find("file", id) for id in dict.fromkeys(ids)]
        self._reply_files(Page([doc for doc in found if doc is not None]))

    def _reply_files(self, page: Page) -> None:
        data = [self.context.files.show(doc) for doc in page.data]
        self.reply(
            {
                "data": data,
                "next_page": None if page.next is None else str(page.next),
                "has_more": page.next is not None,
                "first_id": data[0]["id"] if data else None,
                "last_id": data[-1]["id"] if data else None,
            }
        )


class File(Handler):
    """One file."""

    @authenticated
    @authorized
    async def get(self, file_id: str) -> None:
        """A file's metadata."""
        self.reply(self.context.files.show(self.context.files.get(file_id)))

    @authenticated
    @authorized
    async def delete(self, file_id: str) -> None:
        """Delete a file."""
        self.context.files.get(file_id)
        await self.context.files.remove([file_id])
        self.reply({"id": file_id, "type": "file_deleted"})


class FileContent(Handler):
    """A file's bytes."""

    @authenticated
    @authorized
    async def get(self, file_id: str) -> None:
        """Download a file that a session produced, as an attachment."""
        doc, path = self.context.files.content(file_id)
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Disposition", "attachment")
        self.set_header("Content-Length", str(doc["size_bytes"]))
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                self.write(chunk)
                await self.flush()
        await self.finish()


ROUTES = [
    (r"/v1/files", Files),
    (r"/v1/files/([^/]+)", File),
    (r"/v1/files/([^/]+)/content", FileContent),
]

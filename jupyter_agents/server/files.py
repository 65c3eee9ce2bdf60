"""``/v1/files``. Source: spec section 7.1."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents import wire
from jupyter_agents.errors import InvalidRequest, TooLarge
from jupyter_agents.runtime.files import EXPIRY_SECONDS, clean_filename
from jupyter_agents.runtime.files import wire as show
from jupyter_agents.server.handlers import Handler, age_cursor, check_limit
from jupyter_agents.store.catalog import Page, Where

LIST = wire.query(wire.FileList)

MAX_FILE = 500 * 1024 * 1024
MOST_IDS = 100
CHUNK = 256 * 1024


class Files(Handler):
    """The collection."""

    def check_content_type_is_json(self) -> None:
        """Uploads are multipart."""

    @authenticated
    @authorized
    async def post(self) -> None:
        """Upload a file as the part ``file``."""
        parts = self.request.files.get("file", [])
        if len(parts) != 1:
            raise InvalidRequest("file: send one multipart/form-data part named 'file'.")
        part = parts[0]
        if len(part["body"]) > MAX_FILE:
            raise TooLarge(f"file: {len(part['body'])} bytes, at most {MAX_FILE} are allowed.")
        mime_type = part.get("content_type") or "application/octet-stream"
        name = clean_filename(part.get("filename"), mime_type)
        expires = _expiry(self.get_body_argument("expires_in_seconds", None))
        put = partial(self.context.blobs.put, [part["body"]])
        blob = await asyncio.to_thread(put)
        doc = await self.context.files.add(blob, name, mime_type, expires_in=expires)
        await self.context.files.ensure(doc, put)
        self.reply(show(doc))

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
        data = [show(doc) for doc in page.data]
        self.reply(
            {
                "data": data,
                "next_page": None if page.next is None else str(page.next),
                "has_more": page.next is not None,
                "first_id": data[0]["id"] if data else None,
                "last_id": data[-1]["id"] if data else None,
            }
        )


def _expiry(text: str | None) -> int | None:
    if text is None:
        return None
    least, most = EXPIRY_SECONDS
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:12]) <= most:
        raise InvalidRequest(f"expires_in_seconds: expected {least} to {most}.")
    return int(text)


class File(Handler):
    """One file."""

    @authenticated
    @authorized
    async def get(self, file_id: str) -> None:
        """A file's metadata."""
        self.reply(show(self.context.files.get(file_id)))

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

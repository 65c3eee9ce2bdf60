"""Files: uploads, copies mounted into sessions, outputs. Source: spec section 7.

A file's document carries two fields of its own that the wire never shows: ``_sha256`` names the blob,
``_path`` is where an output lies in its workspace. A blob gets to its place in the transaction that
registers its file, and goes in one that sees that no file has it: the two cannot miss each other.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from jupyter_agents.errors import InvalidRequest, NotFound
from jupyter_agents.ids import Clock, NewId, parse_time, rfc3339
from jupyter_agents.store import catalog as documents
from jupyter_agents.store.blobs import Blobs, Incoming
from jupyter_agents.store.catalog import Catalog, Where

Doc = dict[str, Any]

MAX_STORAGE = 1024**4
UPLOADED = (
    "SELECT COALESCE(SUM(json_extract(body, '$.size_bytes')), 0) FROM documents "
    "WHERE kind = 'file' AND parent IS NULL"
)
USED = "SELECT DISTINCT json_extract(body, '$._sha256') FROM documents WHERE kind = 'file'"


def wire(doc: Mapping[str, Any]) -> Doc:
    """The document as the API shows it."""
    return {k: v for k, v in doc.items() if not k.startswith("_")}


class Files:
    """Stores and finds files.

    Parameters
    ----------
    max_storage:
        Bytes that all uploads together may have.
    download_uploads:
        Whether uploads can be downloaded, as outputs always can.
    """

    def __init__(
        self,
        catalog: Catalog,
        blobs: Blobs,
        clock: Clock,
        new_id: NewId,
        *,
        max_storage: int = MAX_STORAGE,
        download_uploads: bool = False,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._clock = clock
        self._new_id = new_id
        self._max_storage = max_storage
        self._download_uploads = download_uploads

    def show(self, doc: Mapping[str, Any]) -> Doc:
        """The document as the API shows it."""
        return wire(doc) | {"downloadable": doc["downloadable"] or self._download_uploads}

    async def add(
        self,
        blob: tuple[str, int] | Incoming,
        filename: str,
        mime_type: str,
        *,
        session_id: str | None = None,
        expires_in: int | None = None,
        path: str | None = None,
        downloadable: bool = False,
        copy_of: str | None = None,
        replaces: Doc | None = None,
    ) -> Doc:
        """Register bytes as a file.

        Parameters
        ----------
        blob:
            ``(sha256, bytes)`` of a stored blob, or finished bytes that are to be one.
        expires_in:
            Seconds from now.
        copy_of:
            The file whose bytes these are; it must still be there.
        replaces:
            A file that goes when this one comes.

        Raises
        ------
        InvalidRequest
            An upload for which there is no room.
        NotFound
            `copy_of` was deleted.
        """
        sha256, size = blob.blob if isinstance(blob, Incoming) else blob
        now = self._clock()
        expires = None if expires_in is None else rfc3339(now + timedelta(seconds=expires_in))
        doc: Doc = {
            "id": self._new_id("file"),
            "type": "file",
            "filename": filename,
            "mime_type": mime_type,
            "size_bytes": size,
            "created_at": rfc3339(now),
            "downloadable": downloadable,
            "expires_at": expires,
            "scope": None if session_id is None else {"type": "session", "id": session_id},
            "_sha256": sha256,
            "_path": path,
        }

        def work(connection: sqlite3.Connection) -> None:
            if session_id is None:
                self._check_room(connection, size)
            if copy_of is not None and not documents.exists(connection, "file", copy_of):
                raise NotFound(f"File `{copy_of[:100]}` not found.")
            if isinstance(blob, Incoming):
                self._blobs.note(sha256)
                blob.place()
            documents.put(connection, "file", doc, parent=session_id)
            if replaces is not None:
                self._blobs.note(replaces["_sha256"])
                documents.delete(connection, "file", replaces["id"])

        await self._catalog.transaction(work)
        if isinstance(blob, Incoming):
            self._blobs.settled(sha256)
        if replaces is not None:
            await self.collect([replaces["_sha256"]])
        return doc

    def _check_room(self, connection: sqlite3.Connection, size: int) -> None:
        (used,) = connection.execute(UPLOADED).fetchone()
        if used + size > self._max_storage:
            raise InvalidRequest(
                f"file: uploads may take {self._max_storage} bytes together and {used} are taken; "
                "delete files that are not needed.",
                code="storage_quota_exceeded",
            )

    def get(self, file_id: str) -> Doc:
        """A file's document; raises `NotFound`."""
        doc = self._catalog.find("file", file_id)
        if doc is None:
            raise NotFound(f"File `{file_id[:100]}` not found.")
        return doc

    def content(self, file_id: str) -> tuple[Doc, Path]:
        """A downloadable file and where its bytes lie; raises as spec section 7.1 says."""
        doc = self.fresh(file_id)
        if not self.show(doc)["downloadable"]:
            raise InvalidRequest(
                f"File `{file_id}` was uploaded and cannot be downloaded; files that a session produced can.",
                code="file_not_downloadable",
            )
        return doc, self._blobs.path(doc["_sha256"])

    def bytes_of(self, file_id: str) -> tuple[Doc, bytes]:
        """A file's bytes for the server's own use, such as an image block. Blocks."""
        doc = self.fresh(file_id)
        return doc, self._blobs.path(doc["_sha256"]).read_bytes()

    def of_session(self, session_id: str) -> list[Doc]:
        """The copies and outputs of a session."""
        return self._catalog.all("file", Where(("parent = ?",), (session_id,)))

    def fresh(self, file_id: str) -> Doc:
        """A file's document; raises `NotFound` where it is not there or has expired."""
        doc = self.get(file_id)
        expires = doc["expires_at"]
        if expires is not None and parse_time(expires) <= self._clock():
            raise NotFound(f"File `{doc['id']}` has expired.", code="file_expired")
        return doc

    async def remove(self, file_ids: Iterable[str]) -> None:
        """Delete files, and the bytes that nobody else refers to."""
        docs = [doc for id in file_ids if (doc := self._catalog.find("file", id)) is not None]
        sums = {doc["_sha256"] for doc in docs}
        await asyncio.to_thread(self._note_all, sums)
        await self._catalog.delete("file", [doc["id"] for doc in docs])
        await self.collect(sums)

    def _note_all(self, sums: Iterable[str]) -> None:
        for sha256 in sums:
            self._blobs.note(sha256)

    async def collect(self, sums: Iterable[str]) -> None:
        """Remove those of these blobs that no file has."""
        wanted = set(sums)

        def work(connection: sqlite3.Connection) -> None:
            used = {sha256 for (sha256,) in connection.execute(USED)} if wanted else set()
            for sha256 in wanted - used:
                self._blobs.delete(sha256)
            for sha256 in wanted:
                self._blobs.settled(sha256)

        if wanted:
            await self._catalog.transaction(work)

    async def forget_session(self, session_id: str) -> None:
        """Delete a session's copies and outputs."""
        await self.remove([doc["id"] for doc in self.of_session(session_id)])

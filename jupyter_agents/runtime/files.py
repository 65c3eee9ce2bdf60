"""Files: uploads, copies mounted into sessions, outputs. Source: spec section 7.

A file's document carries two fields of its own that the wire never shows: ``_sha256`` names the blob,
``_path`` is where an output lies in its workspace.
"""

from __future__ import annotations

import asyncio
import errno
import mimetypes
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_agents.errors import InvalidRequest, NotFound
from jupyter_agents.ids import Clock, NewId, parse_time, rfc3339
from jupyter_agents.sandbox.base import Mount
from jupyter_agents.store.blobs import Blobs
from jupyter_agents.store.catalog import Catalog, Where

Doc = dict[str, Any]

UPLOADS = PurePosixPath("/mnt/session/uploads")
FORBIDDEN = re.compile(r'[<>:"|?*\\/\x00-\x1f]')
MAX_FILENAME = 255
EXPIRY_SECONDS = (3600, 7_776_000)
RESERVED = (
    "bin",
    "boot",
    "dev",
    "etc",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "proc",
    "run",
    "sbin",
    "sys",
    "usr",
)
OUTPUTS = PurePosixPath("/mnt/session/outputs")


def wire(doc: Mapping[str, Any]) -> Doc:
    """The document as the API shows it."""
    return {k: v for k, v in doc.items() if not k.startswith("_")}


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


def mount_path(given: str | None, file_id: str) -> str:
    """The absolute path at which a file is mounted; raises `InvalidRequest` for one that is not safe."""
    if given is None:
        return str(UPLOADS / file_id)
    path = PurePosixPath(given)
    plain = given.isprintable() and not given.startswith("//") and len(given) <= 1024
    if not path.is_absolute() or ".." in path.parts or not plain:
        raise InvalidRequest("mount_path: give an absolute path without '..', such as /workspace/data.csv.")
    if len(path.parts) < 2 or path.parts[1] in RESERVED or _within(path, OUTPUTS):
        raise InvalidRequest(f"mount_path: {given[:200]!r} is reserved; use a path below /workspace.")
    if path in (PurePosixPath("/workspace"), UPLOADS, UPLOADS.parent):
        raise InvalidRequest(f"mount_path: {given[:200]!r} is a folder of the session; add a file name.")
    return given


def _within(path: PurePosixPath, root: PurePosixPath) -> bool:
    return path == root or root in path.parents


class Files:
    """Stores and finds files.

    Parameters
    ----------
    mounts:
        Host folder that holds one folder per session: what is ``/mnt/session/uploads`` inside.
    """

    def __init__(self, catalog: Catalog, blobs: Blobs, mounts: Path, clock: Clock, new_id: NewId) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._mounts = mounts
        self._clock = clock
        self._new_id = new_id

    def uploads(self, session_id: str) -> Path:
        """The host folder that a session sees as ``/mnt/session/uploads``."""
        folder = self._mounts / session_id
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        return folder

    async def add(
        self,
        blob: tuple[str, int],
        filename: str,
        mime_type: str,
        *,
        session_id: str | None = None,
        expires_in: int | None = None,
        path: str | None = None,
        downloadable: bool = False,
    ) -> Doc:
        """Register a stored blob ``(sha256, bytes)`` as a file."""
        now = self._clock()
        expires = None if expires_in is None else rfc3339(now + timedelta(seconds=expires_in))
        doc: Doc = {
            "id": self._new_id("file"),
            "type": "file",
            "filename": filename,
            "mime_type": mime_type,
            "size_bytes": blob[1],
            "created_at": rfc3339(now),
            "downloadable": downloadable,
            "expires_at": expires,
            "scope": None if session_id is None else {"type": "session", "id": session_id},
            "_sha256": blob[0],
            "_path": path,
        }
        await self._catalog.put("file", doc, parent=session_id)
        return doc

    async def ensure(self, doc: Doc, put: Callable[[], object]) -> None:
        """Store a registered file's bytes again, if the last other file that had them went meanwhile."""
        if not self._blobs.path(doc["_sha256"]).exists():
            await asyncio.to_thread(put)

    def get(self, file_id: str) -> Doc:
        """A file's document; raises `NotFound`."""
        doc = self._catalog.find("file", file_id)
        if doc is None:
            raise NotFound(f"File `{file_id[:100]}` not found.")
        return doc

    def content(self, file_id: str) -> tuple[Doc, Path]:
        """A downloadable file and where its bytes lie; raises as spec section 7.1 says."""
        doc = self.fresh(file_id)
        if not doc["downloadable"]:
            raise InvalidRequest(
                f"File `{file_id}` was uploaded and cannot be downloaded; files that a session produced can.",
                code="file_not_downloadable",
            )
        return doc, self._blobs.path(doc["_sha256"])

    def bytes_of(self, file_id: str) -> tuple[Doc, bytes]:
        """A file's bytes for the server's own use, such as an image block. Blocks."""
        doc = self.fresh(file_id)
        return doc, self._blobs.path(doc["_sha256"]).read_bytes()

    def fresh(self, file_id: str) -> Doc:
        """A file's document; raises `NotFound` where it is not there or has expired."""
        doc = self.get(file_id)
        expires = doc["expires_at"]
        if expires is not None and parse_time(expires) <= self._clock():
            raise NotFound(f"File `{doc['id']}` has expired.", code="file_expired")
        return doc

    async def mount(self, session_id: str, resource: Mapping[str, Any]) -> Doc:
        """Copy an uploaded file into a session; returns the resource as shown."""
        source = self.fresh(resource["file_id"])
        copy = await self.add(
            (source["_sha256"], source["size_bytes"]),
            source["filename"],
            source["mime_type"],
            session_id=session_id,
        )
        place = mount_path(resource.get("mount_path"), copy["id"])
        inside = PurePosixPath(place)
        below = inside.relative_to(UPLOADS if _within(inside, UPLOADS) else "/")
        host = self.uploads(session_id).joinpath(*below.parts)
        self._place(self._blobs.path(source["_sha256"]), host)
        now = rfc3339(self._clock())
        return {
            "id": self._new_id("sesrsc"),
            "type": "file",
            "file_id": copy["id"],
            "mount_path": place,
            "created_at": now,
            "updated_at": now,
        }

    def mounts(self, session_id: str, resources: Iterable[Mapping[str, Any]]) -> tuple[Mount, ...]:
        """The exact-path mounts of a session's file resources."""
        found = []
        for resource in resources:
            inside = PurePosixPath(resource["mount_path"])
            if not _within(inside, UPLOADS):
                host = self.uploads(session_id).joinpath(*inside.relative_to("/").parts)
                found.append(Mount(host, resource["mount_path"]))
        return tuple(found)

    def _place(self, blob: Path, host: Path) -> None:
        try:
            host.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            with blob.open("rb") as source, host.open("xb") as copy:
                shutil.copyfileobj(source, copy)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise InvalidRequest(
                "mount_path: another file is mounted at, above or below this path."
            ) from None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise InvalidRequest("mount_path: a name in this path is too long.") from None
            raise
        host.chmod(0o444)

    async def set_output(self, session_id: str, path: str, blob: tuple[str, int]) -> Doc:
        """Register what lies at `path` in the outputs; one file per path, a new id per content."""
        old = self._outputs(session_id, path)
        same = [doc for doc in old if doc["_sha256"] == blob[0]]
        if same:
            return same[0]
        name = re.sub(FORBIDDEN, "_", PurePosixPath(path).name)[:MAX_FILENAME] or "unnamed"
        mime_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        doc = await self.add(blob, name, mime_type, session_id=session_id, path=path, downloadable=True)
        await self.remove([doc["id"] for doc in old])
        return doc

    async def drop_output(self, session_id: str, path: str) -> None:
        """Forget an output that was deleted."""
        await self.remove([doc["id"] for doc in self._outputs(session_id, path)])

    def outputs(self, session_id: str) -> dict[str, Doc]:
        """A session's output files by their path in the workspace."""
        docs = self._catalog.all("file", Where(("parent = ?",), (session_id,)))
        return {doc["_path"]: doc for doc in docs if doc["_path"] is not None}

    def _outputs(self, session_id: str, path: str) -> list[Doc]:
        found = self.outputs(session_id).get(path)
        return [] if found is None else [found]

    async def remove(self, file_ids: Iterable[str]) -> None:
        """Delete files, and the bytes that nobody else refers to."""
        docs = [doc for id in file_ids if (doc := self._catalog.find("file", id)) is not None]
        await self._catalog.delete("file", [doc["id"] for doc in docs])
        for sha256 in {doc["_sha256"] for doc in docs}:
            same = Where(("json_extract(body, '$._sha256') = ?",), (sha256,))
            if self._catalog.count("file", same) == 0:
                self._blobs.delete(sha256)

    async def forget_session(self, session_id: str) -> None:
        """Delete a session's copies and outputs."""
        docs = self._catalog.all("file", Where(("parent = ?",), (session_id,)))
        await self.remove([doc["id"] for doc in docs])
        shutil.rmtree(self._mounts / session_id, ignore_errors=True)

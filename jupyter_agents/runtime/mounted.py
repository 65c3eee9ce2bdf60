"""Copies of uploaded files in sessions, and where they lie on the host.

Each session has a folder that it sees as ``/mnt/session/uploads``, read-only. A copy for another path
lies in it too, at that path: the sandbox brings it there. Source: spec section 7.2.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import posixpath
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_agents.domain.resources import UPLOADS, below_uploads, check_places, mount_path, within
from jupyter_agents.errors import InvalidRequest
from jupyter_agents.ids import Clock, NewId, rfc3339
from jupyter_agents.runtime.files import Files
from jupyter_agents.sandbox.base import Mount
from jupyter_agents.store.blobs import Blobs

Doc = dict[str, Any]
CHUNK = 1024**2


class Mounted:
    """Mounts files into sessions.

    Parameters
    ----------
    folder:
        Holds one folder per session.
    """

    def __init__(self, folder: Path, files: Files, blobs: Blobs, clock: Clock, new_id: NewId) -> None:
        self.folder = folder
        self._files = files
        self._blobs = blobs
        self._clock = clock
        self._new_id = new_id

    def uploads(self, session_id: str) -> Path:
        """The host folder that a session sees as ``/mnt/session/uploads``."""
        folder = self.folder / session_id
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        return folder

    async def mount(self, session_id: str, given: Mapping[str, Any], beside: Sequence[Doc] = ()) -> Doc:
        """Copy an uploaded file into a session; returns the resource as shown.

        Parameters
        ----------
        given:
            A file resource of a request.
        beside:
            The session's other resources.

        Raises
        ------
        InvalidRequest
            The path cannot be had.
        NotFound
            There is no such file, or it has expired.
        """
        source = self._files.fresh(given["file_id"])
        path = given.get("mount_path")
        if path is not None:
            check_places([*beside, {"mount_path": mount_path(path, "")}])
        copy = await self._files.add(
            (source["_sha256"], source["size_bytes"]),
            source["filename"],
            source["mime_type"],
            session_id=session_id,
            copy_of=source["id"],
        )
        place = mount_path(path, copy["id"])
        try:
            await asyncio.to_thread(self._place, self._blobs.path(copy["_sha256"]), session_id, place)
        except BaseException:
            await self._files.remove([copy["id"]])
            raise
        now = rfc3339(self._clock())
        return {
            "id": self._new_id("sesrsc"),
            "type": "file",
            "file_id": copy["id"],
            "mount_path": place,
            "created_at": now,
            "updated_at": now,
        }

    async def unmount(self, session_id: str, resource: Mapping[str, Any]) -> None:
        """Take a copy out of a session again."""
        await asyncio.to_thread(self.unlink, session_id, self.host_path(session_id, resource["mount_path"]))
        await self._files.remove([resource["file_id"]])

    def host_path(self, session_id: str, mount_path: str) -> Path:
        """Where a copy lies on the host."""
        return self.uploads(session_id) / below_uploads(mount_path)

    def mounts(
        self, session_id: str, resources: Iterable[Mapping[str, Any]], *, uploads: bool = False
    ) -> tuple[Mount, ...]:
        """The exact-path mounts of a session's file resources; with `uploads` those below it too."""
        inside = ((r, posixpath.normpath(r["mount_path"])) for r in resources if r["type"] == "file")
        return tuple(
            Mount(self.host_path(session_id, r["mount_path"]), path)
            for r, path in inside
            if uploads or not within(path, UPLOADS)
        )

    def forget_session(self, session_id: str) -> None:
        """Remove the session's folder. Blocks."""
        shutil.rmtree(self.folder / session_id, ignore_errors=True)

    def _place(self, blob: Path, session_id: str, mount_path: str) -> None:
        host = self.host_path(session_id, mount_path)
        try:
            host.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            with blob.open("rb") as source, host.open("xb") as copy:
                try:
                    shutil.copyfileobj(source, copy, CHUNK)
                except BaseException:
                    host.unlink()
                    raise
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise InvalidRequest(
                "mount_path: another file is mounted at, above or below this path."
            ) from None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise InvalidRequest("mount_path: a name in this path is too long.") from None
            raise
        host.chmod(0o444)

    def folders(self) -> list[Path]:
        """The folders of all sessions. Blocks."""
        return [path for path in self.folder.glob("*") if path.is_dir()]

    def unlink(self, session_id: str, host: Path) -> None:
        """Remove a copy, and the folders above it that are empty then. Blocks."""
        host.unlink(missing_ok=True)
        top = self.uploads(session_id)
        for folder in host.parents:
            if folder == top:
                return
            with contextlib.suppress(OSError):
                folder.rmdir()

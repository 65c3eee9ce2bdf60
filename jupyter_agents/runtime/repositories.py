"""Git repositories of sessions: their tokens, and their clones in the workspace.

A clone is made beside the workspace, in a folder that no sandbox sees, and moved into it when it is
whole. Source: spec section 7.3; docs/decisions.md "Sandbox and network".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import posixpath
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_agents.domain.resources import WORKSPACE, check_places, check_token, repository
from jupyter_agents.errors import SandboxError
from jupyter_agents.ids import Clock, NewId, rfc3339
from jupyter_agents.runtime.git import GitError, GitLimits, clone
from jupyter_agents.sandbox.embedded import make_over
from jupyter_agents.sandbox.leftovers import of_dead_servers
from jupyter_agents.sandbox.workspace import make_folder, open_directory

Doc = dict[str, Any]

KIND = "github_repository"
GITHUB = "https://github.com"


@dataclass(frozen=True)
class Problem:
    """Why a repository is not there: a ``session.error`` type, plain words, the repository."""

    type: str
    message: str
    url: str
    mount_path: str


class Repositories:
    """What is kept of all sessions' repositories, in files that only this user may read.

    Parameters
    ----------
    folder:
        Holds one file per session: tokens, and which clones were made.
    hosts:
        Base URLs that repositories may come from.
    """

    def __init__(
        self, folder: Path, hosts: Sequence[str], limits: GitLimits, clock: Clock, new_id: NewId
    ) -> None:
        self.folder = folder
        self._hosts = tuple(hosts)
        self.limits = limits
        self._clock = clock
        self._new_id = new_id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def attach(self, session_id: str, given: Mapping[str, Any], beside: Sequence[Doc]) -> Doc:
        """The resource of a new session, as shown; its token is kept. Raises `InvalidRequest`."""
        found = repository(given, self._hosts)
        check_places([*beside, found])
        now = rfc3339(self._clock())
        made = {"id": self._new_id("sesrsc"), "type": KIND, **found, "created_at": now, "updated_at": now}
        if given.get("authorization_token") is not None:
            self.set_token(session_id, made["id"], given["authorization_token"])
        return made

    def token(self, session_id: str, resource_id: str) -> str | None:
        """The token of a repository, if it has one."""
        found: str | None = self._read(session_id)["tokens"].get(resource_id)
        return found

    def set_token(self, session_id: str, resource_id: str, token: str) -> None:
        """Keep a token; raises `InvalidRequest` for what cannot be one."""
        check_token(token)
        kept = self._read(session_id)
        kept["tokens"][resource_id] = token
        self._write(session_id, kept)

    def placed(self, session_id: str) -> list[str]:
        """The repositories whose clones were made."""
        found: list[str] = self._read(session_id)["placed"]
        return found

    def set_placed(self, session_id: str, resource_id: str) -> None:
        """Note that a clone is made."""
        kept = self._read(session_id)
        kept["placed"] = [*kept["placed"], resource_id]
        self._write(session_id, kept)

    def forget(self, session_id: str) -> None:
        """Remove what is kept of a session. Idempotent."""
        self._path(session_id).unlink(missing_ok=True)

    def kept(self) -> list[Path]:
        """The files of all sessions, named by them. Blocks."""
        return list(self.folder.glob("*.json"))

    def _path(self, session_id: str) -> Path:
        return self.folder / f"{session_id}.json"

    def _read(self, session_id: str) -> Doc:
        try:
            kept: Doc = json.loads(self._path(session_id).read_text("utf-8"))
        except FileNotFoundError:
            return {"tokens": {}, "placed": []}
        return kept

    def _write(self, session_id: str, kept: Doc) -> None:
        path = self._path(session_id)
        temporary = path.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(kept), "utf-8")
        temporary.replace(path)


class Checkouts:
    """Brings one session's repositories into its workspace.

    Parameters
    ----------
    resources:
        The session's resources of this kind.
    """

    def __init__(self, session_id: str, resources: Sequence[Doc], repositories: Repositories) -> None:
        self._id = session_id
        self._resources = [r for r in resources if r["type"] == KIND]
        self._repositories = repositories
        self._settled: set[str] = set()
        self._problems: list[Problem] = []

    @property
    def waiting(self) -> bool:
        """Whether there is a repository that `bring` has not tried to bring yet."""
        return any(r["id"] not in self._settled for r in self._resources)

    def try_again(self) -> None:
        """Let `bring` look after every repository again."""
        self._settled.clear()

    def problems(self) -> list[Problem]:
        """What went wrong since this was last asked."""
        found, self._problems = self._problems, []
        return found

    async def bring(self, workspace: Path, uid: int | None) -> list[str]:
        """Clone what is not there; the paths below the workspace that were made.

        uid: who the clones belong to, where the server runs as root.
        """
        made = []
        for resource in self._resources:
            if resource["id"] in self._settled:
                continue
            path = posixpath.relpath(posixpath.normpath(resource["mount_path"]), WORKSPACE)
            try:
                if await self._bring(resource, workspace, path, uid):
                    made.append(path)
            except (GitError, SandboxError, OSError) as error:
                kind = error.type if isinstance(error, GitError) else "repository_clone_error"
                problem = Problem(kind, str(error), resource["url"], resource["mount_path"])
                self._problems.append(problem)
            self._settled.add(resource["id"])
        return made

    async def _bring(self, resource: Doc, workspace: Path, path: str, uid: int | None) -> bool:
        if resource["id"] in self._repositories.placed(self._id):
            if await asyncio.to_thread(_is_there, workspace, path):
                return False
        elif await asyncio.to_thread(_is_taken, workspace, path):
            raise GitError("clone", f"There is something at {resource['mount_path']} already.")
        token = self._repositories.token(self._id, resource["id"])
        folder = await asyncio.to_thread(_make_folder, workspace.parent)
        try:
            cloned = await clone(resource, token, folder, self._repositories.limits)
            if uid is not None:
                await asyncio.to_thread(make_over, cloned, uid)
            if resource["id"] not in self._repositories.placed(self._id):
                self._repositories.set_placed(self._id, resource["id"])
            await asyncio.to_thread(_place, cloned, workspace, path)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)
        return True


def _make_folder(parent: Path) -> Path:
    """A folder beside the workspace; removes those of servers that are gone."""
    for path in of_dead_servers(parent):
        if path.lstat().st_uid == os.geteuid() and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"jupyter-agents-{os.getpid()}-", dir=parent))


def _is_there(workspace: Path, path: str) -> bool:
    try:
        os.close(open_directory(workspace, path))
    except (OSError, SandboxError):
        return False
    return True


def _is_taken(workspace: Path, path: str) -> bool:
    """Whether anything but an empty folder is in the way."""
    try:
        descriptor = open_directory(workspace, path)
    except FileNotFoundError:
        return False
    except SandboxError:
        return True
    try:
        return bool(os.listdir(descriptor))
    finally:
        os.close(descriptor)


def _place(cloned: Path, workspace: Path, path: str) -> None:
    folder, _, name = path.rpartition("/")
    directory = make_folder(workspace, folder)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(name, dir_fd=directory)
        os.rename(cloned, name, dst_dir_fd=directory)
    except OSError as error:
        raise GitError("clone", f"The clone cannot be put at {path!r}: {error.strerror}.") from None
    finally:
        os.close(directory)

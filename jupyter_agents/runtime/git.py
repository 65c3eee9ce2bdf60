"""Clones a repository with the machine's ``git``, outside of any sandbox, in an environment of its own.

What comes from the remote is hostile: only HTTP, no redirect, no hook, no submodule, no configuration but
ours, bounded in time and size. The token travels in the environment of git alone: it is on no command
line and in no file. Never to be run in a folder that an agent has written to.

Source: spec section 4.5 (kinds of failure); ``git(1)``, ``git-config(1)``. Needs git 2.31.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_agents.errors import JupyterAgentsError
from jupyter_agents.runtime.endpoint import is_loopback

Doc = dict[str, Any]

WATCH_SECONDS = 0.25
SAID_BYTES = 8192
MOST_FILES = 500_000
PASSED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "all_proxy")
SETTINGS = {
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "core.hooksPath": os.devnull,
    "core.askPass": "",
    "credential.helper": "",
    "submodule.recurse": "false",
    "gc.auto": "0",
}
NOT_FOUND = re.compile(r"repository '.*' not found|returned error: 404|not valid: is this a git repository")
NO_LOGIN = re.compile(r"could not read (Username|Password)|Authentication failed|returned error: 401")


class GitError(JupyterAgentsError):
    """A repository could not be had. type: a ``session.error`` type, such as ``repository_clone_error``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.type = f"repository_{kind}_error"
        self.message = message


@dataclass(frozen=True)
class GitLimits:
    """seconds: how long one clone may take. size: bytes that it may have on disk."""

    seconds: float = 300.0
    size: int = 2 * 1024**3


async def clone(repository: Mapping[str, Any], token: str | None, folder: Path, limits: GitLimits) -> Path:
    """Clone and check out; returns where, below `folder`, an empty one that only this server writes to.

    Parameters
    ----------
    repository:
        Its ``url`` and ``checkout``, checked by `jupyter_agents.domain.resources.repository`.

    Raises
    ------
    GitError
        Anything went wrong.
    """
    executable = shutil.which("git")
    if executable is None:
        raise GitError("clone", "git is not installed on the machine of the Jupyter server: install it.")
    target = folder / "repository"
    git = _Git(executable, folder, environment(repository["url"], token, folder), limits, token)
    try:
        async with asyncio.timeout(limits.seconds):
            await _clone(git, repository, target)
    except TimeoutError:
        raise GitError("clone", f"Cloning took longer than {limits.seconds:g} seconds.") from None
    return target


async def _clone(git: _Git, repository: Mapping[str, Any], target: Path) -> None:
    checkout = repository["checkout"]
    branch = [f"--branch={checkout['name']}"] if checkout and checkout["type"] == "branch" else []
    options = ["--quiet", "--no-checkout", "--template=", "--no-recurse-submodules", *branch]
    said = await git.run("clone", *options, "--", repository["url"], str(target))
    if said is not None:
        raise _explained(said)
    inside = ("-C", str(target))
    if checkout and checkout["type"] == "commit":
        await _check_out_commit(git, inside, checkout["sha"])
    elif await git.run(*inside, "rev-parse", "--quiet", "--verify", "HEAD") is None:
        said = await git.run(*inside, "checkout", "--quiet", "--force")
        if said is not None:
            raise GitError("checkout", f"The repository could not be checked out: {said}")


async def _check_out_commit(git: _Git, inside: Sequence[str], sha: str) -> None:
    order = (*inside, "checkout", "--quiet", "--force", "--detach", sha)
    if await git.run(*order) is None:
        return
    await git.run(*inside, "fetch", "--quiet", "--no-recurse-submodules", "origin", sha)
    if await git.run(*order) is not None:
        raise GitError("checkout", f"The repository has no commit {sha}.")


def _explained(said: str) -> GitError:
    if "Remote branch" in said and "not found" in said:
        return GitError("checkout", "The repository has no such branch.")
    if NO_LOGIN.search(said):
        return GitError("authentication", "The repository asks for a token, or refused the one given.")
    if "returned error: 403" in said:
        return GitError("forbidden", "The token may not read this repository.")
    if NOT_FOUND.search(said):
        return GitError("not_found", "There is no such repository, or the token may not see it.")
    if "redirect" in said or re.search(r"returned error: 30\d", said):
        return GitError("clone", "The repository has moved: give its present address.")
    return GitError("clone", f"The repository could not be cloned: {said}")


def environment(url: str, token: str | None, home: Path) -> dict[str, str]:
    """The variables of git: nothing of the server's own but where its proxy and certificates are."""
    parts = urlsplit(url)
    names = PASSED_ON if is_loopback(parts.hostname) else PASSED_ON + PROXIES
    settings = dict(SETTINGS)
    if token is not None:
        login = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        settings[f"http.{parts.scheme}://{parts.netloc}/.extraHeader"] = f"Authorization: Basic {login}"
    found = {name: os.environ[name] for name in names if name in os.environ}
    found |= {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": parts.scheme,
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (key, value) in enumerate(settings.items()):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found


class _Git:
    """Runs git in one folder, within limits."""

    def __init__(
        self,
        executable: str,
        folder: Path,
        environment: Mapping[str, str],
        limits: GitLimits,
        token: str | None,
    ) -> None:
        self._executable = executable
        self._folder = folder
        self._environment = environment
        self._limits = limits
        self._token = token

    async def run(self, *arguments: str) -> str | None:
        """None where it went well, else what git said last. Raises `GitError` for one that grew too large."""
        process = await asyncio.create_subprocess_exec(
            self._executable,
            *arguments,
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        reading = asyncio.create_task(_tail(process.stderr))
        ended = asyncio.create_task(process.wait())
        try:
            while not (await asyncio.wait([ended], timeout=WATCH_SECONDS))[0]:
                await self._check_size()
            await self._check_size()
            said = await reading
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.wait([ended, reading])
        return None if process.returncode == 0 else self._plain(said)

    async def _check_size(self) -> None:
        if await asyncio.to_thread(_larger, self._folder, self._limits.size):
            raise GitError(
                "clone", f"The repository is larger than {self._limits.size} bytes or {MOST_FILES} files."
            )

    def _plain(self, said: bytes) -> str:
        text = said.decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if line.startswith(("fatal:", "error:"))]
        last = "".join(c for c in " ".join(lines[-2:]) if c.isprintable())[:300] or "it gave no reason."
        return last if self._token is None else last.replace(self._token, "***")


async def _tail(stream: asyncio.StreamReader | None) -> bytes:
    said = b""
    while stream is not None and (chunk := await stream.read(SAID_BYTES)):
        said = (said + chunk)[-SAID_BYTES:]
    return said


def _larger(folder: Path, most: int) -> bool:
    """Whether `folder` has more than so many bytes, or more files than any repository should."""
    size = count = 0
    waiting = [str(folder)]
    while waiting:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(waiting.pop()) as found:
            for entry in found:
                with contextlib.suppress(FileNotFoundError):
                    count += 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        size += entry.stat(follow_symlinks=False).st_size
                if size > most or count > MOST_FILES:
                    return True
    return False

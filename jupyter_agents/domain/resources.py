"""What may be mounted into a session, and where. Pure. Source: spec sections 7.2 and 7.3."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]

WORKSPACE = "/workspace"
UPLOADS = "/mnt/session/uploads"
OUTPUTS = "/mnt/session/outputs"
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
NAME = r"[A-Za-z0-9_.-]{1,100}"
BRANCH = re.compile(
    r"(?![-/.])(?!.*(\.\.|//|@\{|/\.|\.lock(/|$)))[^\s\x00-\x20\x7f~^:?*\[\\]{1,255}(?<![/.])"
)
COMMIT = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
MAX_TOKEN = 1000


def within(path: str, root: str) -> bool:
    """Whether `path` is `root` or lies below it; both are normalised."""
    return path == root or path.startswith(f"{root.rstrip('/')}/")


def mount_path(given: str | None, file_id: str) -> str:
    """The absolute path at which a file is mounted; raises `InvalidRequest` for one that is not safe."""
    if given is None:
        return f"{UPLOADS}/{file_id}"
    plain = given.isprintable() and not given.startswith("//") and len(given) <= 1024
    if not given.startswith("/") or ".." in given.split("/") or not plain:
        raise InvalidRequest("mount_path: give an absolute path without '..', such as /workspace/data.csv.")
    path = posixpath.normpath(given)
    if path == "/" or path.split("/")[1] in RESERVED or within(path, OUTPUTS):
        raise InvalidRequest(f"mount_path: {given[:200]!r} is reserved; use a path below /workspace.")
    if path == WORKSPACE or within(UPLOADS, path):
        raise InvalidRequest(f"mount_path: {given[:200]!r} is a folder of the session; add a file name.")
    return given


def below_uploads(mount_path: str) -> str:
    """Where a file that is mounted at `mount_path` lies below the session's uploads, as a relative path."""
    path = posixpath.normpath(mount_path)
    return posixpath.relpath(path, UPLOADS if within(path, UPLOADS) else "/")


def repository(given: Mapping[str, Any], hosts: Sequence[str]) -> Doc:
    """The url, mount path and checkout of a ``github_repository``, checked.

    Parameters
    ----------
    hosts:
        Base URLs that repositories may come from, such as ``https://github.com``.

    Raises
    ------
    InvalidRequest
        Something is not as spec section 7.3 says.
    """
    url = given["url"]
    host = next((host for host in hosts if url.startswith(f"{host.rstrip('/')}/")), None)
    names = "" if host is None else url.removeprefix(f"{host.rstrip('/')}/")
    found = re.fullmatch(rf"({NAME})/({NAME})", names)
    if found is None or found[2].endswith(".git") or {found[1], found[2]} & {".", ".."}:
        forms = " or ".join(f"{host.rstrip('/')}/<owner>/<repo>" for host in hosts)
        raise InvalidRequest(f"url: expected {forms or 'no repository: none is allowed here'}, without .git.")
    check_token(given.get("authorization_token"))
    path = given.get("mount_path") or f"{WORKSPACE}/{found[2]}"
    mount_path(path, "")
    inside = posixpath.normpath(path)
    if inside in (WORKSPACE, f"{WORKSPACE}/outputs") or not within(inside, WORKSPACE):
        raise InvalidRequest(
            f"mount_path: a repository lies below /workspace, such as /workspace/{found[2]}."
        )
    return {"url": url, "mount_path": path, "checkout": _checkout(given.get("checkout"))}


def check_token(token: str | None) -> None:
    """Raises `InvalidRequest` for an ``authorization_token`` that cannot be one."""
    if token is not None and not (
        0 < len(token) <= MAX_TOKEN and token.isascii() and token.isprintable() and " " not in token
    ):
        raise InvalidRequest("authorization_token: this does not look like a token.")


def _checkout(given: Mapping[str, Any] | None) -> Doc | None:
    if given is None:
        return None
    if given["type"] == "commit":
        if not COMMIT.fullmatch(given["sha"]):
            raise InvalidRequest("checkout.sha: expected the full hash of a commit, in hex.")
    elif not BRANCH.fullmatch(given["name"]):
        raise InvalidRequest(f"checkout.name: {given['name'][:100]!r} is not the name of a branch.")
    return dict(given)


def check_places(resources: Iterable[Mapping[str, Any]]) -> None:
    """Raises `InvalidRequest` where one of these is mounted at, above or below another's path."""
    places: list[str] = []
    for resource in resources:
        if "mount_path" in resource:
            path = f"/{below_uploads(resource['mount_path'])}"
            if any(within(path, other) or within(other, path) for other in places):
                raise InvalidRequest(
                    "mount_path: something else is mounted at, above or below "
                    f"{resource['mount_path'][:200]}."
                )
            places.append(path)


def count(resources: Iterable[Mapping[str, Any]], kind: str) -> int:
    """How many of the resources are of this type."""
    return sum(resource["type"] == kind for resource in resources)


def notes(resources: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the model is told of the resources that a session starts with."""
    listed = list(resources)
    files = [f"- {r['mount_path']}" for r in listed if r["type"] == "file"]
    repositories = [f"- {r['mount_path']} ({r['url']})" for r in listed if r["type"] == "github_repository"]
    return [
        *(["Files from the user:\n" + "\n".join(files)] if files else []),
        *(["Git repositories from the user:\n" + "\n".join(repositories)] if repositories else []),
    ]

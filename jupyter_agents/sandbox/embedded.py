"""What the embedded sandboxes (bubblewrap, Landlock) have in common: preparing the host's side.

Source: docs/decisions.md (sandbox and network).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import stat
import sys
from pathlib import Path, PurePosixPath

from ..errors import SandboxUnavailable
from .base import Mount, SandboxSpec
from .beside import NOTEBOOK, TOO_MUCH, Cover, TooMuch, cover
from .options import OUTPUTS, UPLOADS, WORKSPACE, Root
from .tools import ToolhostSandbox
from .workspace import open_beneath, open_directory

SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
SYSTEM_PREFIXES = ("/", "/usr", "/usr/local")
SYSTEM_PLACES = (
    *("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32"),
    *("proc", "run", "sbin", "sys", "usr"),
)
HIDDEN_DIRECTORIES = ("etc/jupyter", "etc/ipython")
HIDDEN_FILES = ("pip.conf", ".condarc", "condarc", "etc/pip.conf", "etc/npmrc", ".netrc")
_CHUNK = 1024 * 1024


def interpreter() -> Path:
    """The Python that runs the toolhost: the server's own, outside of its virtual environment."""
    return Path(os.path.realpath(sys.executable))


def python_prefixes(spec: SandboxSpec) -> list[Path]:
    """The prefixes that the agent's Python needs, the notebook's first, each once."""
    wanted = spec.python or (Path(sys.prefix), Path(sys.base_prefix))
    prefixes = [Path(os.path.abspath(prefix)) for prefix in wanted]
    return [p for p in dict.fromkeys(prefixes) if str(p) not in SYSTEM_PREFIXES and p.is_dir()]


def tool_environment(spec: SandboxSpec, home: str, temporary: str) -> dict[str, str]:
    """The variables of the tools; nothing of the server's own environment."""
    path = [f"{prefix}/bin" for prefix in python_prefixes(spec)]
    return {
        "PATH": ":".join([*path, *SYSTEM_PATH]),
        "HOME": home,
        "TMPDIR": temporary,
        "LANG": "C.UTF-8",
        "USER": "agent",
        "SHELL": "/bin/bash",
        **spec.env,
    }


def identity(spec: SandboxSpec) -> int | None:
    """The uid that the toolhost takes on: the spec's when this server is root, else None."""
    return spec.uid if os.geteuid() == 0 else None


def prepare(spec: SandboxSpec) -> None:
    """Make the workspace, its outputs and the uploads fit for the sandbox's uid.

    Blocks. Raises `SandboxUnavailable` when a path is in the way.
    """
    uid = identity(spec)
    try:
        spec.workspace.mkdir(parents=True, exist_ok=True)
        spec.uploads.mkdir(parents=True, exist_ok=True)
        outputs = spec.workspace / "outputs"
        with contextlib.suppress(FileExistsError):
            outputs.mkdir()
        if not stat.S_ISDIR(outputs.lstat().st_mode):
            raise SandboxUnavailable(
                f"{outputs} is a link or a file, not a directory. Remove it or rename it."
            )
        if uid is not None:
            make_over(spec.workspace, uid)
            let_read(spec.uploads, uid)
        for mount in spec.mounts:
            if _below(mount.target, WORKSPACE) is not None:
                place_read_only(mount, spec)
            elif uid is not None:
                let_read(mount.source, uid)
    except OSError as e:
        raise SandboxUnavailable(
            f"The session's folders could not be prepared: {e.strerror}: {e.filename}."
        ) from e


def make_over(top: Path, uid: int) -> None:
    """Give everything below `top` to `uid`; hard links stay as they are."""
    os.lchown(top, uid, uid)
    for directory, names, files in os.walk(top):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            with contextlib.suppress(OSError):
                found = os.lstat(path)
                linked = found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode)
                if found.st_uid != uid and not linked:
                    os.lchown(path, uid, uid)


def let_read(top: Path, gid: int) -> None:
    """Let the group `gid` read a server-owned file, or a directory with all that it holds now."""
    for path in [top, *top.rglob("*")] if top.is_dir() else [top]:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            continue
        wanted = 0o050 if stat.S_ISDIR(found.st_mode) else 0o040
        if found.st_mode & (wanted >> 3) == wanted >> 3:
            continue
        os.chown(path, -1, gid)
        path.chmod(stat.S_IMODE(found.st_mode) | wanted)


def extra_roots(spec: SandboxSpec, *, real: bool) -> list[Root]:
    """Read-only roots for the mounts outside the standard places.

    real: the files are not bound at their targets, so the roots name their sources.
    """
    roots = []
    for mount in spec.mounts:
        if _below(mount.target, WORKSPACE) is None and _below(mount.target, UPLOADS) is None:
            roots.append(Root(mount.target, str(mount.source) if real else ""))
    return roots


def find_cover(spec: SandboxSpec) -> tuple[Cover | None, tuple[str, ...]]:
    """What to cover of the notebook's folder, None where it is not shown; and notes. Blocks."""
    if spec.beside is None:
        return None, ()
    try:
        found = cover(spec.beside)
    except TooMuch:
        return None, (TOO_MUCH,)
    except OSError as e:
        return None, (f"{NOTEBOOK} is not there: the notebook's folder cannot be read: {e.strerror}.",)
    return found, found.notes


def mount_target(mount: Mount) -> str:
    """A mount's target, normalised. Raises `SandboxUnavailable` for a place of the system."""
    target = os.path.normpath(mount.target)
    top = PurePosixPath(target).parts[:2]
    if len(top) < 2 or top[0] != "/" or top[1] in SYSTEM_PLACES:
        raise SandboxUnavailable(f"A file cannot be mounted at {mount.target}.")
    return target


def is_bound(mount: Mount) -> bool:
    """Whether a mount needs a place of its own: not below the workspace, uploads or outputs."""
    return all(_below(mount.target, place) is None for place in (WORKSPACE, UPLOADS, OUTPUTS))


async def add_file(spec: SandboxSpec, sandbox: ToolhostSandbox, mount: Mount, inside: str | None) -> None:
    """What `Sandbox.add_file` does where the session's folders are seen from inside.

    inside: where the running sandbox finds the mount's source; None: nowhere. Raises `SandboxUnavailable`.
    """
    target = mount_target(mount)
    try:
        if _below(target, WORKSPACE):
            await asyncio.to_thread(place_read_only, mount, spec)
        elif _below(target, UPLOADS):
            await asyncio.to_thread(place_upload, mount, spec)
        elif inside is None:
            raise SandboxUnavailable(f"{target} is there when the sandbox starts again.")
        else:
            await sandbox.add_root(Root(target, inside))
    except OSError as e:
        raise SandboxUnavailable(f"{target} could not be added: {e.strerror}.") from e


def place_read_only(mount: Mount, spec: SandboxSpec) -> None:
    """Put a read-only copy of the mount's source at its target below the workspace.

    Follows no link that an agent made; a file that is there already is replaced. Blocks.
    """
    relative = _below(mount.target, WORKSPACE)
    if not relative:
        raise SandboxUnavailable(f"{mount.target} is not a file below {WORKSPACE}.")
    _place(mount.source, spec.workspace, relative, 0o444, identity(spec))


def place_upload(mount: Mount, spec: SandboxSpec) -> None:
    """See to it that the mount's source is readable at its target below the uploads. Blocks."""
    relative = _below(mount.target, UPLOADS)
    if not relative:
        raise SandboxUnavailable(f"{mount.target} is not a file below {UPLOADS}.")
    there = spec.uploads / relative
    if not there.exists() or not os.path.samefile(there, mount.source):
        there.parent.mkdir(parents=True, exist_ok=True)
        _place(mount.source, spec.uploads, relative, 0o444, None)
    uid = identity(spec)
    if uid is not None:
        let_read(spec.uploads, uid)


def _below(target: str, place: str) -> str | None:
    path = PurePosixPath(os.path.normpath(target))
    return "/".join(path.relative_to(place).parts) if path.is_relative_to(place) else None


def _place(source: Path, top: Path, relative: str, mode: int, owner: int | None) -> None:
    *folders, name = relative.split("/")
    directory = _make_folders(top, folders, owner)
    temporary = f".{name[:100]}.{secrets.token_hex(4)}"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with (
            os.fdopen(open_beneath(source.parent, source.name), "rb") as original,
            os.fdopen(os.open(temporary, flags, mode, dir_fd=directory), "wb") as copy,
        ):
            while chunk := original.read(_CHUNK):
                copy.write(chunk)
            os.fchmod(copy.fileno(), mode)
        os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise
    finally:
        os.close(directory)


def _make_folders(top: Path, folders: list[str], owner: int | None) -> int:
    directory = open_directory(top)
    for folder in folders:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o755, dir_fd=directory)
            if owner is not None:
                os.chown(folder, owner, owner, dir_fd=directory, follow_symlinks=False)
        try:
            inner = open_directory(directory, folder)
        finally:
            os.close(directory)
        directory = inner
    return directory

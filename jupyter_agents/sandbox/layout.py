"""What a bubblewrap sandbox sees: the mounts, as bwrap's arguments and open descriptors."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from . import embedded, seccomp
from .base import SandboxSpec
from .beside import NOTEBOOK, Cover
from .options import OUTPUTS, UPLOADS, WORKSPACE
from .zipapp import toolhost_zipapp

HOME = "/home/agent"
RUN_DIRECTORY = "/run/jupyter-agents"
EGRESS_DIRECTORY = "/run/egress"
MIB = 1024**2

TOP_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
CONFIGURATION = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/fonts",
    "/etc/gai.conf",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
)


class Layout:
    """The sandbox's file system for one spec.

    sized: whether this bwrap can limit a tmpfs. egress: the proxy's socket on the host. cover: what is
    covered of the notebook's folder, which is bound where this is given.
    """

    home = HOME
    zipapp = f"{RUN_DIRECTORY}/toolhost.pyz"

    def __init__(
        self, spec: SandboxSpec, *, sized: bool, egress: Path | None, cover: Cover | None = None
    ) -> None:
        self._spec = spec
        self._cover = cover
        self._sized = sized
        self._egress = egress
        self._uid = embedded.identity(spec)
        self._made: set[Path] = set()
        self._content: Callable[[bytes], str] = lambda data: ""

    @contextlib.contextmanager
    def descriptors(self) -> Iterator[tuple[int, list[int]]]:
        """``(fd of the arguments, all fds to pass on)``, open while the context lasts."""
        opened: list[int] = []

        def content(data: bytes) -> str:
            fd = os.memfd_create("jupyter-agents", os.MFD_CLOEXEC)
            opened.append(fd)
            with os.fdopen(os.dup(fd), "wb") as file:
                file.write(data)
            os.lseek(fd, 0, os.SEEK_SET)
            return str(fd)

        self._content = content
        try:
            arguments = [
                *self._namespaces(),
                *self._system(),
                *self._written(),
                *self._temporary(),
                *self._python(),
                *self._session(),
                *["--remount-ro", "/", "--remount-ro", "/dev", "--chdir", WORKSPACE],
            ]
            if seccomp.supported():
                arguments += ["--seccomp", content(seccomp.bubblewrap_filter())]
            packed = b"\0".join(os.fsencode(one) for one in arguments) + b"\0"
            yield int(content(packed)), opened
        finally:
            for fd in opened:
                os.close(fd)

    def _at(self, path: str) -> list[str]:
        """The directories above `path`, made readable: bwrap makes them with mode 0700."""
        arguments = []
        for parent in list(Path(path).parents)[-2::-1]:
            if parent not in self._made:
                self._made.add(parent)
                arguments += ["--perms", "0755", "--dir", str(parent)]
        return arguments

    def _bind(self, source: str | Path, target: str, *, writable: bool = False) -> list[str]:
        kind = "--bind" if writable else "--ro-bind"
        return [*self._at(target), kind, str(source), target]

    def _namespaces(self) -> list[str]:
        namespaces = ["ipc", "pid", "net", "uts", "cgroup-try"]
        arguments = [f"--unshare-{name}" for name in namespaces]
        if self._uid is None:
            own = ["--uid", str(os.getuid()), "--gid", str(os.getgid())]
            arguments += ["--unshare-user", *own]
        else:
            arguments += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        return [*arguments, "--hostname", "sandbox", "--clearenv", "--die-with-parent"]

    def _system(self) -> list[str]:
        arguments = [*self._bind("/usr", "/usr"), "--proc", "/proc", "--dev", "/dev"]
        for path in map(Path, TOP_LINKS):
            if path.is_symlink():
                arguments += ["--symlink", os.readlink(path), str(path)]
            elif path.is_dir():
                arguments += self._bind(path, str(path))
        for name in CONFIGURATION:
            if os.path.exists(name):
                arguments += self._bind(os.path.realpath(name), name)
        return [*arguments, *self._hide(Path("/usr")), *self._hide(Path("/usr/local"))]

    def _written(self) -> list[str]:
        uid = os.getuid() if self._uid is None else self._uid
        gid = os.getgid() if self._uid is None else self._uid
        texts = {
            "/etc/passwd": f"root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
            f"agent:x:{uid}:{gid}:agent:{HOME}:/bin/bash\n",
            "/etc/group": f"root:x:0:\nagent:x:{gid}:\n",
            "/etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
            "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        }
        files = {path: text.encode() for path, text in texts.items()}
        files[self.zipapp] = toolhost_zipapp()
        arguments = []
        for path, data in files.items():
            arguments += [*self._at(path), "--perms", "0444", "--ro-bind-data", self._content(data), path]
        return arguments

    def _temporary(self) -> list[str]:
        share = self._spec.limits.memory // 2
        places = {"/tmp": share, "/var/tmp": share, HOME: share, "/dev/shm": share}
        arguments = []
        for path, size in places.items():
            sized = ["--size", str(max(size, MIB))] if self._sized else []
            arguments += [*self._at(path), "--perms", "1777", *sized, "--tmpfs", path]
        return arguments

    def _python(self) -> list[str]:
        arguments = []
        base = embedded.interpreter().parent.parent
        prefixes = [*embedded.python_prefixes(self._spec), base]
        for prefix in dict.fromkeys(prefixes):
            if str(prefix) not in embedded.SYSTEM_PREFIXES:
                arguments += [*self._bind(prefix, str(prefix)), *self._hide(prefix)]
        return arguments

    def _session(self) -> list[str]:
        spec = self._spec
        arguments = self._bind(spec.workspace, WORKSPACE, writable=True)
        if spec.own_path:
            arguments += self._bind(spec.workspace, str(spec.workspace), writable=True)
        arguments += self._bind(spec.workspace / "outputs", OUTPUTS, writable=True)
        arguments += self._bind(spec.uploads, UPLOADS)
        for mount in filter(embedded.is_bound, spec.mounts):
            arguments += self._bind(mount.source, embedded.mount_target(mount))
        if self._cover is not None:
            arguments += self._notebook(self._cover)
        if self._egress is not None:
            arguments += self._bind(self._egress.parent, EGRESS_DIRECTORY)
        return arguments

    def _notebook(self, cover: Cover) -> list[str]:
        arguments = self._bind(cover.folder, NOTEBOOK)
        for name in cover.directories:
            place = f"{NOTEBOOK}/{name}"
            arguments += ["--perms", "0555", "--tmpfs", place, "--remount-ro", place]
        for name in cover.files:
            arguments += ["--perms", "0444", "--ro-bind-data", self._content(b""), f"{NOTEBOOK}/{name}"]
        return arguments

    def _hide(self, prefix: Path) -> list[str]:
        """Cover the places of a Python prefix that may hold tokens or index credentials."""
        arguments = []
        for name in embedded.HIDDEN_DIRECTORIES:
            if (prefix / name).is_dir():
                arguments += ["--perms", "0755", "--tmpfs", str(prefix / name)]
                arguments += ["--remount-ro", str(prefix / name)]
        for name in embedded.HIDDEN_FILES:
            if (prefix / name).is_file():
                arguments += ["--perms", "0444", "--ro-bind-data", self._content(b""), str(prefix / name)]
        return arguments

"""A base for the image's recipe out of this machine's own files, so that its test downloads nothing.

It holds a shell, the few programs that the recipe runs, and Python with its libraries; its package
database says that the recipe's packages are installed. With `more` it also holds pip, node and npm.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sysconfig
import tarfile
from pathlib import Path

from docker import DockerClient

from jupyter_agents.sandbox.image.build import packages

PROGRAMS = ("bash", "sh", "cat", "grep", "rm", "mkdir", "dpkg-query", "apt-get")
MORE = ("env", "node", "pip3")
PYTHON = Path("/usr/bin/python3")
LINKS = ("bin", "sbin", "lib", "lib64")
PASSWD = "root:x:0:0:root:/:/bin/sh\n"
REPOSITORY = "jupyter-agents/test-base"


def import_host_base(client: DockerClient, *, more: bool = False) -> str:
    """Import the base; returns its name."""
    tag = "more" if more else "latest"
    client.api.import_image_from_data(_tar(more), repository=REPOSITORY, tag=tag)
    return f"{REPOSITORY}:{tag}"


def _tar(more: bool) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in LINKS:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(link)
        for name, path in sorted({_below_usr(path): path for path in _files(more)}.items()):
            tar.add(path, arcname=name, recursive=False)
        if more:
            npm = Path("/usr/bin/npm").resolve()
            tar.add(npm.parent.parent, arcname="usr/lib/node_modules/npm")
            link = tarfile.TarInfo("usr/bin/npm")
            link.type, link.linkname = tarfile.SYMTYPE, "../lib/node_modules/npm/bin/npm-cli.js"
            tar.addfile(link)
        _add(tar, "etc/passwd", PASSWD)
        _add(tar, "etc/group", "root:x:0:\n")
        _add(tar, "var/lib/dpkg/status", "".join(map(_installed, packages())))
        for name in ("tmp", "run", "var/tmp", "mnt/session", "workspace"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(folder)
    return buffer.getvalue()


def _files(more: bool) -> set[Path]:
    """The programs, what they are linked to, and Python's standard library, links followed."""
    wanted = (*PROGRAMS, *(MORE if more else ()))
    programs = [
        Path(found) for name in wanted if (found := shutil.which(name, path="/usr/bin:/usr/sbin:/bin"))
    ]
    library = Path(_of_system_python("stdlib"))
    modules = [p for p in library.rglob("*") if p.is_file() and not {"test", "__pycache__"} & set(p.parts)]
    if more:
        packages_of_pip = Path("/usr/lib/python3/dist-packages/pip")
        modules += [p for p in packages_of_pip.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    extensions = [p for p in modules if p.suffix == ".so"]
    found = {*programs, PYTHON, *modules}
    for binary in (*programs, PYTHON, *extensions):
        found |= _linked(binary)
    return found | {path.resolve() for path in found}


def _of_system_python(name: str) -> str:
    code = f"import sysconfig; print(sysconfig.get_path({name!r}))"
    return subprocess.run([PYTHON, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _linked(binary: Path) -> set[Path]:
    listed = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    return {Path(name) for name in re.findall(r"(/\S+) \(0x", listed)}


def _below_usr(path: Path) -> str:
    name = str(path).lstrip("/")
    return name if name.startswith("usr/") else f"usr/{name}"


def _add(tar: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(text.encode()), 0o644
    tar.addfile(entry, io.BytesIO(text.encode()))


def _installed(package: str) -> str:
    machine = "amd64" if "x86_64" in sysconfig.get_platform() else "arm64"
    return (
        f"Package: {package}\nStatus: install ok installed\nMaintainer: tests\n"
        f"Architecture: {machine}\nVersion: 1\nDescription: stands for the real one\n\n"
    )

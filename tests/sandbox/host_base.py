"""A base for the image's recipe out of this machine's own files, so that its test downloads nothing.

It holds a shell, the few programs that the recipe runs, and Python with its libraries; its package
database says that the recipe's packages are installed.
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
PYTHON = Path("/usr/bin/python3")
LINKS = ("bin", "sbin", "lib", "lib64")
PASSWD = "root:x:0:0:root:/:/bin/sh\n"
REPOSITORY = "jupyter-agents/test-base"


def import_host_base(client: DockerClient) -> str:
    """Import the base; returns its name."""
    client.api.import_image_from_data(_tar(), repository=REPOSITORY, tag="latest")
    return f"{REPOSITORY}:latest"


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in LINKS:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(link)
        for name, path in sorted({_below_usr(path): path for path in _files()}.items()):
            tar.add(path, arcname=name, recursive=False)
        _add(tar, "etc/passwd", PASSWD)
        _add(tar, "etc/group", "root:x:0:\n")
        _add(tar, "var/lib/dpkg/status", "".join(map(_installed, packages())))
        for name in ("tmp", "run", "var/tmp", "mnt/session", "workspace"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(folder)
    return buffer.getvalue()


def _files() -> set[Path]:
    """The programs, what they are linked to, and Python's standard library, links followed."""
    programs = [Path(found) for name in PROGRAMS if (found := shutil.which(name))]
    library = Path(_of_system_python("stdlib"))
    modules = [p for p in library.rglob("*") if p.is_file() and not {"test", "__pycache__"} & set(p.parts)]
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

"""A container image for tests that holds nothing: the host's own ``/usr``, in a real container.

The image is empty directories, the usual symlinks, passwd and group (a few kB, imported in a
moment); ``/usr`` and ``/etc/alternatives`` of the host are bound read-only. Nothing is downloaded::

    provider = DockerProvider(image=import_host_image(client), mounts=HOST_MOUNTS)
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

from docker import DockerClient
from docker.errors import ImageNotFound

from jupyter_agents.sandbox.base import Mount
from jupyter_agents.sandbox.engine import name_import

HOST_REPOSITORY = "jupyter-agents/host-usr"
HOST_MOUNTS = tuple(Mount(Path(name), name) for name in ("/usr", "/etc/alternatives") if Path(name).is_dir())

_FOLDERS = (
    "usr",
    "sbin",
    "etc/alternatives",
    "mnt/session",
    "opt",
    "proc",
    "sys",
    "dev",
)
_OPEN_FOLDERS = ("tmp", "var/tmp", "run")
_LINKS = ("bin", "lib", "lib32", "lib64", "libx32")
_FILES = {
    "etc/passwd": "root:x:0:0:root:/:/bin/sh\nagent:x:65532:65532:agent:/home/agent:/bin/bash\n",
    "etc/group": "root:x:0:\nagent:x:65532:\n",
}


def import_host_image(client: DockerClient) -> str:
    """Import the image, unless the engine has it; returns its name, which names its content."""
    data = host_image_tar()
    tag = hashlib.sha256(data).hexdigest()[:12]
    name = f"{HOST_REPOSITORY}:{tag}"
    try:
        client.api.inspect_image(name)
    except ImageNotFound:
        said = client.api.import_image_from_data(data, repository=HOST_REPOSITORY, tag=tag)
        name_import(client, said, HOST_REPOSITORY, tag)
    return name


def host_image_tar() -> bytes:
    """The image's file system as a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in _FOLDERS + _OPEN_FOLDERS:
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name in _OPEN_FOLDERS else 0o755
            tar.addfile(folder)
        for name in _LINKS:
            if Path(f"/usr/{name}").is_dir():
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
                tar.addfile(link)
        for name, text in _FILES.items():
            file = tarfile.TarInfo(name)
            file.size, file.mode = len(text), 0o644
            tar.addfile(file, io.BytesIO(text.encode()))
    return buffer.getvalue()

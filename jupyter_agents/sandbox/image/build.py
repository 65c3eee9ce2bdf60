"""Builds the default image; where no registry can be reached, on a base of Debian packages.

Source: ``docker build``, ``mmdebstrap(1)``.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound

from ...errors import UserError

HERE = Path(__file__).parent
BASE = "debian:12-slim"
OWN_BASE = "jupyter-agents/base"
SUITE = "bookworm"

Log = Callable[[str], None]


def packages() -> list[str]:
    """The Debian packages of the image."""
    return (HERE / "packages.txt").read_text().split()


def build(client: DockerClient, tag: str, *, base: str | None, log: Log) -> None:
    """Build the image `tag`.

    Parameters
    ----------
    base:
        A Debian image to build on; `None` pulls ``debian:12-slim``, or makes a base with
        mmdebstrap where that cannot be pulled.
    log:
        Takes one line at a time.

    Raises
    ------
    UserError
        There is no base, or a step of the build failed.
    """
    found = base or _pulled(client, log) or _bootstrapped(client, log)
    arguments = {"BASE": found}
    try:
        steps = client.api.build(
            path=str(HERE), tag=tag, buildargs=arguments, rm=True, forcerm=True, decode=True
        )
        for step in steps:
            if "error" in step:
                raise UserError(f"The image was not built: {str(step['error']).strip()}")
            if line := str(step.get("stream", "")).strip():
                log(line)
    except DockerException as error:
        raise UserError(f"The image was not built: {error}") from None


def _pulled(client: DockerClient, log: Log) -> str | None:
    try:
        client.api.inspect_image(BASE)
        return BASE
    except ImageNotFound:
        log(f"Pulling {BASE}")
    try:
        client.images.pull(BASE)
    except APIError as error:
        log(f"{BASE} cannot be pulled: {error.explanation}")
        return None
    return BASE


def _bootstrapped(client: DockerClient, log: Log) -> str:
    if shutil.which("mmdebstrap") is None:
        raise UserError(
            f"There is no base image: {BASE} cannot be pulled, and mmdebstrap is not installed. "
            "Install mmdebstrap, or name an image that is here with --base."
        )
    log(f"Making {OWN_BASE}:{SUITE} with mmdebstrap")
    with tempfile.TemporaryDirectory(prefix="jupyter-agents-base-") as directory:
        archive = Path(directory) / "base.tar"
        include = f"--include={','.join(packages())}"
        command = ["mmdebstrap", "--variant=minbase", include, SUITE, str(archive)]
        made = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if made.returncode != 0:
            raise UserError(f"mmdebstrap failed: {made.stderr.strip()[-500:]}")
        client.api.import_image_from_file(str(archive), repository=OWN_BASE, tag=SUITE)
    return f"{OWN_BASE}:{SUITE}"

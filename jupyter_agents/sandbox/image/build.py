"""Builds the default image; where no registry can be reached, on a base of Debian packages.

Source: ``docker build``, ``mmdebstrap(1)``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound

from ...errors import UserError
from ..derive import PROXIES
from ..engine import name_import

HERE = Path(__file__).parent
BASE = "debian:12-slim"
OWN_BASE = "jupyter-agents/base"
SUITE = "bookworm"
VARIANTS = ("slim", "full")

Log = Callable[[str], None]


def packages(variant: str = "slim") -> list[str]:
    """The Debian packages of ``slim``, or those that ``full`` adds to them."""
    return (HERE / f"{variant}.txt").read_text().split()


def libraries() -> list[str]:
    """The Python libraries of ``full``."""
    return (HERE / "requirements.txt").read_text().split()


def build(
    client: DockerClient,
    tag: str,
    *,
    base: str | None,
    log: Log,
    variant: str = "slim",
    network: str | None = None,
) -> None:
    """Build the image `tag`.

    Parameters
    ----------
    variant:
        ``slim``: Python, git and small tools. ``full`` adds Node.js, Go, and libraries for data, plots
        and documents.
    base:
        A Debian image to build on; `None` pulls ``debian:12-slim``, or makes a base with
        mmdebstrap where that cannot be pulled.
    log:
        Takes one line at a time.
    network:
        The engine's network for the build, such as ``host``; `None` is its default.

    Raises
    ------
    UserError
        There is no base, or a step of the build failed.
    """
    found = base or _pulled(client, log) or _bootstrapped(client, log)
    arguments = {"BASE": found, **{name: os.environ[name] for name in PROXIES if name in os.environ}}
    try:
        steps = client.api.build(
            path=str(HERE),
            tag=tag,
            target=variant,
            buildargs=arguments,
            network_mode=network,
            rm=True,
            forcerm=True,
            decode=True,
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
        said = client.api.import_image_from_file(str(archive), repository=OWN_BASE, tag=SUITE)
        name_import(client, said, OWN_BASE, SUITE)
    return f"{OWN_BASE}:{SUITE}"

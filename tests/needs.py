"""What a test may need and a machine may lack: one place to ask, to skip and to insist.

``REQUIRE=docker,bwrap,chromium`` makes an absence a failure; without it, the summary of a run lists
what was absent (docs/decisions.md "Tests").
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache

import docker
import pytest
from docker.errors import DockerException

from jupyter_agents.sandbox.landlock import LandlockProvider


def _docker() -> str | None:
    try:
        with contextlib.closing(docker.from_env()) as client:
            client.ping()
    except DockerException as error:
        return f"no engine answers: {str(error)[:100]}"
    return None


def _dockerd() -> str | None:
    if shutil.which("dockerd") is None:
        return "no dockerd is installed"
    return None if os.geteuid() == 0 else "an engine of one's own needs root"


def _bwrap() -> str | None:
    found = shutil.which("bwrap")
    if found is None:
        return "bubblewrap is not installed"
    command = [found, "--unshare-all", "--ro-bind", "/", "/", "true"]
    ran = subprocess.run(command, capture_output=True, text=True)
    return None if ran.returncode == 0 else ran.stderr.strip()[:100]


def _landlock() -> str | None:
    import asyncio

    probe = asyncio.run(LandlockProvider().probe())
    return None if probe.ok else probe.reason


def _chromium() -> str | None:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return None if found else "Chromium is not installed"


def _remote() -> str | None:
    from tests.sandbox import remote_engine

    return remote_engine.absent()


PROBES: dict[str, Callable[[], str | None]] = {
    "docker": _docker,
    "dockerd": _dockerd,
    "remote": _remote,
    "bwrap": _bwrap,
    "landlock": _landlock,
    "chromium": _chromium,
}


def required() -> set[str]:
    """The names in ``REQUIRE``."""
    return {name for name in os.environ.get("REQUIRE", "").split(",") if name}


@cache
def absent(what: str) -> str | None:
    """Why this machine lacks `what`, or None where it has it."""
    return PROBES[what]()


def need(what: str) -> None:
    """Skip the test where the machine lacks `what`, unless ``REQUIRE`` names it."""
    reason = absent(what)
    if reason is None:
        return
    if what in required():
        pytest.fail(f"{what} is required and absent: {reason}")
    pytest.skip(f"{what} is absent: {reason}")

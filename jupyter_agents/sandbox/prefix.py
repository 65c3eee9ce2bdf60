"""Packages for embedded sandboxes: a folder with a virtual environment of Python and a prefix of npm.

It is made in a bubblewrap sandbox of its own, with the environment's network, because installing runs
what strangers wrote: nothing of this server is in there, and only the folder can be written. Sandboxes
with the same packages share it, read-only and first on PATH; it is kept by what is in it.

Where bubblewrap does not work, Landlock sandboxes have no packages.

Source: docs/sandboxes.md "Packages".
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote

from filelock import AsyncFileLock

from ..domain.packages import digest, failure, installing, lists_digest
from ..errors import SandboxUnavailable
from . import embedded
from .base import Limits, Sandbox, SandboxSpec
from .installs import Installs, handed_on, mirrors
from .once import Once, Told

MANAGERS = ("npm", "pip")
SCRATCH = ".tmp"
PROCESSES = 1024
GRACE = 60.0
MEMORY = 2 * 1024**3

Start = Callable[[SandboxSpec], Awaitable[Sandbox]]

_PIP = """
if python3 -m pip --version >/dev/null 2>&1
then python3 -m venv --without-pip {where} && pip="python3 -m pip --python {where}/bin/python3"
else python3 -m venv {where} && pip="{where}/bin/python3 -m pip"
fi &&
$pip install {options} -- {given} &&
python3 -c {show} >"$(echo {where}/lib/python3.*/site-packages)/notebook.pth"
"""
_SHOW_NOTEBOOKS = """
import sys
packages = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
print("import site;", "; ".join("site.addsitedir(%r)" % path for path in packages))
"""


class Prefixes:
    """The folders with packages of one server.

    Parameters
    ----------
    folder:
        Where they lie, each named after its content.
    start:
        Starts the sandbox in which one is made.

    usable: whether such a sandbox works here.
    """

    def __init__(self, folder: Path, installs: Installs, start: Start) -> None:
        self._folder = folder
        self._installs = installs
        self._start = start
        self._making = Once[Path]()
        self.usable = True

    @property
    def managers(self) -> tuple[str, ...]:
        """The package managers that can be used here."""
        return MANAGERS if self.usable else ()

    async def close(self) -> None:
        """Give up what is being installed."""
        await self._making.close()

    async def add_to(self, spec: SandboxSpec) -> SandboxSpec:
        """`spec` with its packages in place, installed where they are not yet.

        Raises `SandboxUnavailable` with the package and what its manager said.
        """
        if not spec.packages:
            return spec
        python = embedded.python_prefixes(spec)
        place = self._folder / await asyncio.to_thread(_key, spec, python)
        if not await asyncio.to_thread(_is_whole, place):
            await self._making.get(place.name, lambda told: self._make(place, spec, told), spec.told)
        env = {**spec.env, "NODE_PATH": f"{place}/lib/node_modules"} if "npm" in spec.packages else spec.env
        return replace(spec, python=(place, *python), env=env, packages={})

    async def _make(self, place: Path, spec: SandboxSpec, told: Told) -> Path:
        await asyncio.to_thread(self._folder.mkdir, mode=0o711, parents=True, exist_ok=True)
        async with AsyncFileLock(place.with_suffix(".lock")):
            if await asyncio.to_thread(_is_whole, place):
                return place
            await asyncio.to_thread(_remove, place)
            try:
                async with asyncio.timeout(self._installs.seconds):
                    await self._install(place, spec, told)
            except TimeoutError:
                raise SandboxUnavailable(self._installs.too_long) from None
            finally:
                if not await asyncio.to_thread(_is_whole, place):
                    await asyncio.to_thread(_remove, place)
        return place

    async def _install(self, place: Path, spec: SandboxSpec, told: Told) -> None:
        scratch = f"{place}/{SCRATCH}"
        seconds = self._installs.seconds
        variables, files = handed_on(spec)
        building = SandboxSpec(
            spec.session_id,
            place,
            place / SCRATCH / "uploads",
            mounts=files,
            limits=Limits(
                cpus=spec.limits.cpus,
                memory=max(MEMORY, spec.limits.memory),
                pids=PROCESSES,
                file_size=self._installs.size,
                disk=self._installs.size,
                call_seconds=seconds + GRACE,
            ),
            network=spec.network,
            uid=spec.uid,
            python=spec.python,
            env={**variables, "HOME": scratch, "TMPDIR": scratch},
            own_path=True,
        )
        await asyncio.to_thread(place.mkdir, mode=0o755)
        sandbox = await self._start(building)
        try:
            for manager, names in spec.packages.items():
                told(installing(manager, names))
                said = await _run(sandbox, _commands(manager, str(place), names), seconds)
                if said is not None:
                    raise SandboxUnavailable(failure(manager, names, said))
            await _run(sandbox, f"rm -rf {quote(scratch)} {quote(str(place))}/outputs", seconds)
        finally:
            await sandbox.close()
        await asyncio.to_thread(_tidy, place)
        mark = {"packages": lists_digest(spec.packages)}
        await asyncio.to_thread(_mark(place).write_text, json.dumps(mark))


def _key(spec: SandboxSpec, python: Sequence[Path]) -> str:
    prefixes = [[str(path), os.path.realpath(path / "bin/python3")] for path in python]
    return digest(lists_digest(spec.packages), mirrors(spec), prefixes)


def _is_whole(place: Path) -> bool:
    """Whether everything is installed; if so, notes that it is used."""
    try:
        os.utime(_mark(place))
    except OSError:
        return False
    return place.is_dir()


def _mark(place: Path) -> Path:
    """What says that a folder is whole, out of reach of what is installed."""
    return place.with_suffix(".json")


def _tidy(place: Path) -> None:
    """Take away links that lead elsewhere, and what sandboxes hide of a prefix: strangers made this one."""
    for child in list(place.iterdir()):
        if child.is_symlink() and os.readlink(child) != "lib":
            child.unlink()
    for name in (*embedded.HIDDEN_FILES, *embedded.HIDDEN_DIRECTORIES):
        hidden = place / name
        if hidden.is_dir() and not hidden.is_symlink():
            shutil.rmtree(hidden)
        else:
            hidden.unlink(missing_ok=True)


def _remove(place: Path) -> None:
    _mark(place).unlink(missing_ok=True)
    shutil.rmtree(place, ignore_errors=True)


async def _run(sandbox: Sandbox, command: str, seconds: float) -> str | None:
    """What a command said that failed; None where it did not."""
    result = await sandbox.call("bash", {"command": command, "timeout_ms": seconds * 1000})
    text = "\n".join(str(block.get("text", "")) for block in result.content)
    return text if result.is_error else None


def _commands(manager: str, place: str, names: Sequence[str]) -> str:
    given, where = " ".join(map(quote, names)), quote(place)
    if manager == "npm":
        return f"npm install --global --prefix {where} --no-audit --no-fund --no-update-notifier -- {given}"
    options = "--no-input --no-cache-dir --disable-pip-version-check --no-warn-script-location"
    return _PIP.format(where=where, options=options, given=given, show=quote(_SHOW_NOTEBOOKS))

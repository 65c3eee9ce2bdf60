"""Package indexes for tests, on loopback: a simple index for pip and a registry for npm, of tiny packages.

::

    with serve_packages() as index:
        index.url                     # "http://127.0.0.1:<port>"
        index.variables()             # what pip and npm need to use it
        BubblewrapProvider(start_egress=lead_to_index, packages=folder)     # and index.variables(HOST)

`PIP_PACKAGE` says its version when imported and has a command of its name; `NPM_PACKAGE` likewise.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from jupyter_agents.sandbox.base import Network, SandboxSpec
from jupyter_agents.sandbox.dial import Stream
from jupyter_agents.sandbox.egress import Egress, start_egress

PIP_PACKAGE = "agents-tiny-wheel"
NPM_PACKAGE = "agents-tiny-module"
VERSION = "1.2.0"
HOST = "packages.example"

_MODULE = PIP_PACKAGE.replace("-", "_")
_WHEEL = f"{_MODULE}-{VERSION}-py3-none-any.whl"
_TARBALL = f"{NPM_PACKAGE}-{VERSION}.tgz"


@dataclass
class Index:
    """A running index. port: on loopback. asked: the paths of all requests, oldest first."""

    port: int
    asked: list[str] = field(default_factory=list)
    _open: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Its address on this machine."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Answer nothing while the context lasts."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def variables(self, host: str = "127.0.0.1") -> dict[str, str]:
        """The environment that makes pip and npm use it, under the name `host`: `HOST` in a sandbox."""
        url = f"http://{host}:{self.port}"
        return {
            "PIP_INDEX_URL": f"{url}/simple",
            "PIP_TRUSTED_HOST": host,
            "NPM_CONFIG_REGISTRY": f"{url}/npm/",
        }


async def lead_to_index(spec: SandboxSpec, network: Network, directory: Path, uid: int | None) -> Egress:
    """A sandbox's proxy that trusts `HOST`, and finds it on loopback."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async def connect(address: str, port: int) -> Stream:
        return await asyncio.open_connection(address, port)

    listed = None if network.allowed_hosts is None else (*network.allowed_hosts, HOST)
    wider = replace(network, allowed_hosts=listed, trusted=(HOST,))
    return await start_egress(wider, directory, uid=uid, resolve=resolve, connect=connect, environ={})


@contextmanager
def serve_packages() -> Iterator[Index]:
    """Serve both packages while the context lasts."""
    wheel, tarball = _wheel(), _tarball()
    index = Index(0)
    index._open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.asked.append(self.path)
            index._open.wait()
            found = _answer(self.path, f"http://{self.headers['Host']}", wheel, tarball)
            type, body = found or ("text/plain", b"There is no such package.")
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", type)
            self.send_header("Content-Length", str(len(body)))
            with contextlib.suppress(OSError):
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(path: str, url: str, wheel: bytes, tarball: bytes) -> tuple[str, bytes] | None:
    pages: dict[str, tuple[str, bytes]] = {
        f"/simple/{PIP_PACKAGE}/": (
            "text/html",
            f'<!doctype html><a href="/files/{_WHEEL}#sha256={hashlib.sha256(wheel).hexdigest()}">'
            f"{_WHEEL}</a>".encode(),
        ),
        f"/files/{_WHEEL}": ("application/zip", wheel),
        f"/npm/{NPM_PACKAGE}": ("application/json", json.dumps(_document(url, tarball)).encode()),
        f"/npm/{NPM_PACKAGE}/-/{_TARBALL}": ("application/octet-stream", tarball),
    }
    return pages.get(path)


def _document(url: str, tarball: bytes) -> dict[str, object]:
    integrity = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    place = {"tarball": f"{url}/npm/{NPM_PACKAGE}/-/{_TARBALL}", "integrity": f"sha512-{integrity}"}
    return {
        "name": NPM_PACKAGE,
        "dist-tags": {"latest": VERSION},
        "versions": {VERSION: {**_manifest(), "dist": place}},
    }


def _manifest() -> dict[str, object]:
    return {
        "name": NPM_PACKAGE,
        "version": VERSION,
        "main": "index.js",
        "bin": {NPM_PACKAGE: "run.js"},
    }


def _tarball() -> bytes:
    files = {
        "package/package.json": json.dumps(_manifest()),
        "package/index.js": f"module.exports = '{VERSION}'\n",
        "package/run.js": f"#!/usr/bin/env node\nconsole.log('{NPM_PACKAGE} {VERSION}')\n",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _wheel() -> bytes:
    info = f"{_MODULE}-{VERSION}.dist-info"
    files = {
        f"{_MODULE}.py": f"version = {VERSION!r}\n\n\ndef main():\n    print({PIP_PACKAGE!r}, version)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {PIP_PACKAGE}\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{PIP_PACKAGE} = {_MODULE}:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()

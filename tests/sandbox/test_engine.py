from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import docker
import pytest
import remote_engine
from conformance import Kind, open_box, open_path
from docker.tls import TLSConfig

from jupyter_agents.sandbox import engine
from jupyter_agents.sandbox.docker import DockerProvider
from jupyter_agents.testing.images import HOST_MOUNTS
from tests.needs import need

__all__ = ["open_path"]


def certify(directory: Path) -> Path:
    """One certificate for both ends, signed by itself, with its key."""
    both = directory / "both.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2"
    command += " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        [*command.split(), "-keyout", str(directory / "key.pem"), "-out", str(directory / "certificate.pem")],
        check=True,
        capture_output=True,
    )
    both.write_text((directory / "certificate.pem").read_text() + (directory / "key.pem").read_text())
    return both


@contextlib.asynccontextmanager
async def behind_tls(socket: Path, both: Path) -> AsyncIterator[int]:
    """The engine at `socket` by TLS, for who has the certificate; the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(both))
    context.load_cert_chain(both)
    context.verify_mode = ssl.CERT_REQUIRED

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(socket)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_an_engine_is_reached_by_tls(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ``docker`` package takes these variables before its own certificates."""
    need("remote")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    both = certify(open_path)
    async with behind_tls(remote_engine.socket(), both) as port:

        def client() -> docker.DockerClient:
            tls = TLSConfig(client_cert=(str(both), str(both)), ca_cert=str(both), verify=True)
            return docker.DockerClient(f"https://127.0.0.1:{port}", tls=tls, version="auto", timeout=60)

        provider = DockerProvider(
            image=await asyncio.to_thread(remote_engine.image),
            mounts=HOST_MOUNTS,
            directory=open_path,
            client_factory=client,
            carried=True,
        )
        async with open_box(Kind(name="remote", need="remote", mounted=False), provider=provider) as box:
            assert await box.good("echo hi >f; cat f") == "hi\n"
            assert (box.workspace / "f").read_text() == "hi\n"


def test_where_an_engine_listens(tmp_path: Path) -> None:
    plain = docker.DockerClient("tcp://127.0.0.1:1", version="1.41")
    assert engine.endpoint(plain) == ("127.0.0.1", 1)
    plain.close()
    unix = docker.DockerClient(f"unix://{tmp_path}/s", version="1.41")
    assert engine.endpoint(unix) == f"{tmp_path}/s"
    unix.close()

"""Attacks on the network, from inside a real sandbox through the real proxy."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import docker
import pytest
from conformance import HERE, Kind, open_box

from jupyter_agents.sandbox.base import Network, Refusal, SandboxSpec
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.sandbox.dial import Stream
from jupyter_agents.sandbox.docker import DockerProvider
from jupyter_agents.sandbox.egress import Egress, start_egress
from jupyter_agents.testing.images import HOST_MOUNTS, import_host_image

WITH_NETWORK = [kind for kind in HERE if kind.network]
PUBLIC = "93.184.216.34"
NAMES = {
    "public.example": [PUBLIC],
    "loopback.example": ["127.0.0.1"],
    "private.example": ["10.0.0.8"],
    "metadata.example": ["169.254.169.254"],
    "six.example": ["::1"],
    "mapped.example": ["::ffff:10.0.0.8"],
    "hub.corp.example": ["172.17.0.2"],
}

REFUSED = {
    "the Jupyter server": "CONNECT 127.0.0.1:8888",
    "the hub by its address": "CONNECT 172.17.0.2:8081",
    "the hub by its name": "CONNECT hub.corp.example:8081",
    "the hub by a short name": "CONNECT hub:8081",
    "cloud metadata": "GET http://169.254.169.254/latest/meta-data/",
    "cloud metadata by name": "GET http://metadata.google.internal/",
    "a name that leads to metadata": "GET http://metadata.example/",
    "a name that leads to loopback": "GET http://loopback.example/",
    "a name that leads to a private address": "CONNECT private.example:443",
    "a name that leads to IPv6 loopback": "CONNECT six.example:443",
    "a name that leads to a mapped address": "CONNECT mapped.example:443",
    "localhost": "GET http://localhost/",
    "localhost with a final dot": "GET http://localhost./",
    "a name below localhost": "GET http://x.localhost/",
    "an address with a final dot": "GET http://127.0.0.1./",
    "CONNECT to a private address": "CONNECT 192.168.0.1:443",
    "CONNECT to shared address space": "CONNECT 100.64.0.1:443",
    "IPv6 loopback": "CONNECT [::1]:443",
    "IPv4-mapped": "CONNECT [::ffff:127.0.0.1]:443",
    "IPv4-compatible": "CONNECT [::7f00:1]:443",
    "NAT64": "CONNECT [64:ff9b::7f00:1]:443",
    "6to4": "CONNECT [2002:7f00:1::]:443",
    "unique local": "CONNECT [fd00::1]:443",
    "IPv6 link-local": "CONNECT [fe80::1]:443",
    "IPv6 metadata": "GET http://[fd00:ec2::254]/",
    "decimal": "GET http://2130706433/",
    "octal": "GET http://0177.0.0.1/",
    "hexadecimal": "GET http://0x7f000001/",
    "short": "GET http://127.1/",
    "zero": "GET http://0/",
    "unspecified": "GET http://0.0.0.0/",
    "a mail port": "CONNECT public.example:25",
}
NOT_TAKEN = {
    "a user in the address": "GET http://public.example@127.0.0.1/",
    "a user before a public host": "GET http://me:x@public.example/",
    "another scheme": "GET ftp://public.example/",
    "an escaped address": "GET http://%31%32%37.0.0.1/",
    "full-width digits": "GET http://\uff11\uff12\uff17.0.0.1/",
    "no absolute address": "GET /",
    "a scope": "CONNECT [fe80::1%lo]:443",
}
ASK = """
import json, socket, sys
found = {}
for name, line in json.load(open('/mnt/session/uploads/table.json')).items():
    with socket.create_connection(('127.0.0.1', 3128), 20) as way:
        way.sendall(f'{line} HTTP/1.1\\r\\nHost: public.example\\r\\n\\r\\n'.encode())
        answer = b''
        while part := way.recv(65536):
            answer += part
    found[name] = answer.decode('utf-8', 'replace')
print(json.dumps(found))
"""
AROUND = """
import socket
def tried(what, act):
    try:
        act()
        print(what, 'worked')
    except OSError as error:
        print(what, 'failed')
def send(family, kind, place):
    with socket.socket(family, kind) as one:
        one.settimeout(2)
        one.connect(place)
        one.send(b'x')
tried('tcp', lambda: send(socket.AF_INET, socket.SOCK_STREAM, ('93.184.216.34', 80)))
tried('tcp6', lambda: send(socket.AF_INET6, socket.SOCK_STREAM, ('2606:4700::1111', 80)))
tried('udp', lambda: send(socket.AF_INET, socket.SOCK_DGRAM, ('8.8.8.8', 53)))
tried('dns', lambda: socket.getaddrinfo('public.example', 80))
tried('raw', lambda: send(socket.AF_INET, socket.SOCK_RAW, ('93.184.216.34', 0)))
tried('gateway', lambda: send(socket.AF_INET, socket.SOCK_STREAM, ('172.17.0.1', 80)))
"""
REDIRECT = "import urllib.request as u; print(u.urlopen('http://public.example/').read())"


class Internet:
    """Names lead to the addresses of `NAMES`; whatever is connected to is a site that redirects inside."""

    def __init__(self) -> None:
        self.connected: list[str] = []
        self.told: list[Refusal] = []
        self.site: asyncio.Server
        self.answers = {name: list(addresses) for name, addresses in NAMES.items()}

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        if host == "rebinding.example":
            return [PUBLIC] if not self.connected else ["127.0.0.1"]
        if host not in self.answers:
            raise OSError("unknown")
        return self.answers[host]

    async def connect(self, address: str, port: int) -> Stream:
        self.connected.append(address)
        return await asyncio.open_connection(*self.site.sockets[0].getsockname()[:2])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        place = b"http://169.254.169.254/latest/"
        writer.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % place)
        await writer.drain()
        writer.close()

    async def egress(self, spec: SandboxSpec, network: Network, directory: Path, uid: Any) -> Egress:
        return await start_egress(
            network, directory, uid=uid, resolve=self.resolve, connect=self.connect, environ={}
        )

    def provider(self, kind: Kind) -> Any:
        if kind.name == "docker":
            with contextlib.closing(docker.from_env()) as client:
                image = import_host_image(client)
            return DockerProvider(image=image, mounts=HOST_MOUNTS, start_egress=self.egress)
        return BubblewrapProvider(start_egress=self.egress)


@pytest.mark.parametrize("kind", WITH_NETWORK, ids=lambda kind: kind.name)
async def test_no_way_leads_inside(kind: Kind) -> None:
    world = Internet()
    world.site = await asyncio.start_server(world.serve, "127.0.0.1", 0)
    table = json.dumps(REFUSED | NOT_TAKEN)
    files = {"table.json": table, "ask.py": ASK, "around.py": AROUND, "redirect.py": REDIRECT}
    inside = "python3 /mnt/session/uploads/{}.py"
    async with (
        world.site,
        open_box(
            kind,
            provider=world.provider(kind),
            network=Network(None, told=world.told.append),
            files=files,
        ) as box,
    ):
        answers = json.loads(await box.good(inside.format("ask")))
        assert world.connected == []
        for name in REFUSED:
            assert answers[name].startswith("HTTP/1.1 403 ") and "was refused" in answers[name], name
        for name in NOT_TAKEN:
            assert answers[name].startswith("HTTP/1.1 400 "), name
        assert len(world.told) == len(REFUSED)

        around = await box.good(inside.format("around"))
        assert {line.split()[1] for line in around.splitlines()} == {"failed"}, around

        text, failed = await box.bash(inside.format("redirect"))
        assert failed and "403" in text and world.connected == [PUBLIC]
        assert world.told[-1].host == "169.254.169.254"

        text, failed = await box.bash("curl -s -m 9 http://rebinding.example/; true")
        assert "leads to 127.0.0.1" in text and world.connected == [PUBLIC]


@pytest.mark.parametrize("kind", WITH_NETWORK, ids=lambda kind: kind.name)
async def test_a_rebinding_name_is_never_asked_twice_for_one_connection(kind: Kind) -> None:
    world = Internet()
    world.site = await asyncio.start_server(world.serve, "127.0.0.1", 0)
    provider = world.provider(kind)
    limited = Network(("*.example",), ("private.example:8080",), world.told.append)
    async with world.site, open_box(kind, provider=provider, network=limited) as box:
        status = "curl -s -m 9 -o /dev/null -w '%{http_code}' "
        first, second = [await box.bash(f"{status} http://rebinding.example/") for _ in range(2)]
        assert (first[0], second[0]) == ("302", "403") and world.connected == [PUBLIC]
        assert await box.bash(f"{status} http://private.example:8080/") == ("302", False)
        assert await box.bash(f"{status} http://private.example/") == ("403", False)
        assert await box.bash(f"{status} http://other.test/") == ("403", False)
        assert world.connected == [PUBLIC, "10.0.0.8"]

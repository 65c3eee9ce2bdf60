from __future__ import annotations

from pathlib import Path

from jupyter_agents.sandbox.base import Mount, SandboxSpec
from jupyter_agents.sandbox.installs import Installs, handed_on, mirrors


def test_installers_get_mirrors_and_certificates_alone() -> None:
    place = Path("/nowhere")
    certificate, data = Mount(place / "ca.pem", "/opt/ca.pem"), Mount(place / "data", "/data/x")
    env = {"PIP_INDEX_URL": "http://mirror.example", "SSL_CERT_FILE": "/opt/ca.pem", "COLOUR": "blue"}
    spec = SandboxSpec("s", place, place, mounts=(data, certificate), env=env)
    assert handed_on(spec) == ({n: env[n] for n in ("PIP_INDEX_URL", "SSL_CERT_FILE")}, (certificate,))
    assert mirrors(spec) == {"PIP_INDEX_URL": "http://mirror.example"}
    assert handed_on(SandboxSpec("s", place, place)) == ({}, ())


def test_what_is_said_when_time_is_over() -> None:
    assert Installs(seconds=90).too_long.startswith("The packages were not installed within 90 s.")

"""What a sandbox is given for its way out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.domain.environments import create_environment
from jupyter_agents.runtime.config import Config
from jupyter_agents.runtime.outside import Given, Outside, rules, uses_network
from jupyter_agents.sandbox.base import Mount, Network
from jupyter_agents.sandbox.certificates import Certificates
from jupyter_agents.sandbox.indexes import Indexes
from jupyter_agents.testing import call, say
from tests.runtime.conftest import Runtime, only

FOUND = Outside(
    Indexes(("pip.corp", "npm.example"), ("pip.corp:443",), {"PIP_INDEX_URL": "https://pip.corp/"}, ("one",)),
    Certificates((Mount(Path("/ca"), "/mnt/certificates/ca.pem"),), {"SSL_CERT_FILE": "/mnt/ca"}, ("two",)),
)
AGENT: Any = {"mcp_servers": []}
OPEN = {"type": "unrestricted"}
LISTED = {"type": "limited", "allowed_hosts": ["a.example"]}
PACKAGES = {"type": "limited", "allow_package_managers": True}


def environment(networking: Any) -> dict[str, Any]:
    body = {"name": "e", "config": {"type": "cloud", "networking": networking}}
    return create_environment(body, "env_1", "2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("networking", "hosts", "trusted"),
    [
        (OPEN, None, ("db.corp", "pip.corp:443")),
        (LISTED, ("a.example",), ("db.corp",)),
        (PACKAGES, ("pip.corp", "npm.example", "more.example"), ("db.corp", "pip.corp:443")),
    ],
)
def test_what_a_sandbox_with_a_network_is_given(
    tmp_path: Path, networking: Any, hosts: Any, trusted: tuple[str, ...]
) -> None:
    config = Config(tmp_path, tmp_path, network_hosts=("db.corp",), package_hosts=("more.example",))
    given = rules(environment(networking), AGENT, config, FOUND)
    assert given.network == Network(hosts, trusted)
    assert given.env == {"PIP_INDEX_URL": "https://pip.corp/", "SSL_CERT_FILE": "/mnt/ca"}
    assert given.mounts == FOUND.certificates.mounts and given.notes == ("one", "two")
    assert uses_network(environment(networking), AGENT, config)


def test_a_sandbox_without_a_network_is_given_nothing(tmp_path: Path) -> None:
    config = Config(tmp_path, tmp_path, network="none")
    assert rules(environment({"type": "limited"}), AGENT, config, FOUND) == Given(None, ())
    given = rules(environment(PACKAGES), AGENT, config, FOUND)
    assert given.network is None and "set JupyterAgents.network to 'none'" in given.notes[0]
    assert not uses_network(environment(PACKAGES), AGENT, config)


async def test_the_mirror_and_the_certificates_are_in_the_sandbox(runtime: Runtime, tmp_path: Path) -> None:
    certificate = tmp_path / "ca.pem"
    certificate.write_text("certificates")
    mount = Mount(certificate, "/mnt/certificates/ssl_cert_file.pem")
    found = replace(FOUND, certificates=Certificates((mount,), {"SSL_CERT_FILE": mount.target}))
    runtime.context.sandboxes.find_outside = lambda folder: found
    look = "echo $PIP_INDEX_URL; cat $SSL_CERT_FILE; echo; echo x >> $SSL_CERT_FILE || echo read-only"
    session = await runtime.session(script=[[call("bash", command=look)], [say("Done.")]])
    doc = runtime.context.catalog.get("session", session)
    await runtime.context.catalog.change(
        "environment", doc["environment_id"], lambda stored: stored | {"config": environment(OPEN)["config"]}
    )
    events = await runtime.turn(session, "go")
    text = only(events, "agent.tool_result")["content"][0]["text"]
    assert text.startswith("https://pip.corp/\ncertificates\n") and text.endswith("read-only\n")
    runner = runtime.context.manager.live(session)
    assert runner is not None and "one" in runner.tools.notes

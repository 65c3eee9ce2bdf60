from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain import network
from jupyter_agents.domain.environments import create_environment
from jupyter_agents.errors import InvalidRequest
from tests.domain.talk import NOW

AGENT: Any = {
    "mcp_servers": [
        {"type": "url", "name": "docs", "url": "https://MCP.example.com:8443/mcp?x=1"},
        {"type": "url", "name": "more", "url": "http://a.example"},
    ]
}
OPEN = {"type": "unrestricted"}
NOTHING = {"type": "limited"}
LISTED = NOTHING | {"allowed_hosts": ["a.example", "*.b.example"]}
MCP = NOTHING | {"allow_mcp_servers": True}
PACKAGES = NOTHING | {"allow_package_managers": True}


def made(networking: Any) -> dict[str, Any]:
    body = {"name": "e", "config": {"type": "cloud", "networking": networking}}
    return create_environment(body, "env_1", NOW)


@pytest.mark.parametrize(
    ("networking", "maximum", "hosts"),
    [
        (None, "unrestricted", None),
        (OPEN, "unrestricted", None),
        (OPEN, "limited", ()),
        (OPEN, "none", ()),
        (NOTHING, "unrestricted", ()),
        (LISTED, "unrestricted", ("a.example", "*.b.example")),
        (LISTED, "limited", ("a.example", "*.b.example")),
        (LISTED, "none", ()),
        (MCP, "limited", ("mcp.example.com", "a.example")),
        (LISTED | MCP, "limited", ("a.example", "*.b.example", "mcp.example.com")),
        (PACKAGES, "limited", ("index.example",)),
        (PACKAGES, "none", ()),
    ],
)
def test_which_hosts_a_sandbox_reaches(networking: Any, maximum: str, hosts: Any) -> None:
    environment = made(networking)
    assert network.reachable(environment, AGENT, maximum, ["index.example"]) == hosts
    packages = networking == PACKAGES and maximum != "none"
    assert network.uses_indexes(environment, maximum) is (packages or hosts is None)


@pytest.mark.parametrize(
    ("networking", "maximum", "field"),
    [
        (OPEN, "unrestricted", None),
        (OPEN, "limited", "type"),
        (OPEN, "none", "type"),
        (LISTED | MCP | PACKAGES, "limited", None),
        (LISTED, "none", "allowed_hosts"),
        (MCP, "none", "allow_mcp_servers"),
        (PACKAGES, "none", "allow_package_managers"),
        (NOTHING, "none", None),
    ],
)
def test_what_is_above_the_administrators_maximum(networking: Any, maximum: str, field: str | None) -> None:
    environment = made(networking)
    assert bool(network.narrowed(environment, maximum)) is (field is not None)
    if field is None:
        network.check_maximum(environment, maximum)
    else:
        with pytest.raises(InvalidRequest, match=rf"config\.networking\.{field}: .*JupyterAgents\.network"):
            network.check_maximum(environment, maximum)


@pytest.mark.parametrize(
    ("networking", "said"),
    [
        (OPEN, "reaches public hosts"),
        (NOTHING, "has no network"),
        (LISTED | PACKAGES, "a.example, *.b.example, the indexes of package managers."),
    ],
)
def test_what_the_model_is_told(networking: Any, said: str) -> None:
    assert said in network.describe(made(networking), AGENT)


@pytest.mark.parametrize("entry", ["https://a.corp", "a.corp/x", "a.corp:x", "a.corp:", "*", "", "u@a.corp"])
@pytest.mark.parametrize("wildcards", [True, False])
def test_an_administrators_host_is_bare(entry: str, wildcards: bool) -> None:
    with pytest.raises(
        ValueError, match=r"JupyterAgents\.network_hosts: .* is not a host such as example.com"
    ):
        network.listed("network_hosts", [entry], wildcards=wildcards)


def test_an_administrators_hosts() -> None:
    given = ["A.corp", "a.corp:8080"]
    assert network.listed("network_hosts", given) == ("a.corp", "a.corp:8080")
    assert network.listed("package_hosts", ["*.a.corp"], wildcards=True) == ("*.a.corp",)
    for trait, entry, wildcards in (("x", "*.a.corp", False), ("x", "a.corp:80", True)):
        with pytest.raises(ValueError, match=r"JupyterAgents\.x"):
            network.listed(trait, [entry], wildcards=wildcards)

from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain.environments import allowed_hosts, create_environment
from jupyter_agents.errors import InvalidRequest, NotSupported
from tests.domain.talk import NOW

Doc = dict[str, Any]


def made(**body: Any) -> Doc:
    return create_environment({"name": "e", **body}, "env_1", NOW)


def limited(*hosts: str, **more: Any) -> Doc:
    return {"type": "cloud", "networking": {"type": "limited", "allowed_hosts": list(hosts), **more}}


def test_defaults_are_resolved_and_every_field_is_there() -> None:
    packages = {"type": "packages", "apt": [], "cargo": [], "gem": [], "go": [], "npm": [], "pip": []}
    assert made() == {
        "id": "env_1",
        "type": "environment",
        "name": "e",
        "description": None,
        "config": {"type": "cloud", "networking": {"type": "unrestricted"}, "packages": packages},
        "metadata": {},
        "scope": "organization",
        "created_at": NOW,
        "updated_at": NOW,
        "archived_at": None,
    }


@pytest.mark.parametrize(
    ("config", "hosts"),
    [
        (None, None),
        ({"type": "cloud"}, None),
        (limited(), ()),
        (limited("a.example", "*.b.example"), ("a.example", "*.b.example")),
    ],
)
def test_which_hosts_a_sandbox_reaches(config: Any, hosts: Any) -> None:
    assert allowed_hosts(made(config=config)) == hosts


@pytest.mark.parametrize(
    "host",
    ["https://a.example", "a.example:80", "a.example/x", "*", "a..b", "", "-a.example", "x" * 254, "a b"],
)
def test_a_host_is_bare(host: str) -> None:
    with pytest.raises(InvalidRequest, match=r"allowed_hosts\.0"):
        made(config=limited(host))


@pytest.mark.parametrize(
    ("config", "feature"),
    [
        ({"type": "self_hosted"}, "self_hosted"),
        ({"type": "cloud", "packages": {"pip": ["pandas"]}}, "packages.pip"),
        (limited(allow_package_managers=True), "allow_package_managers"),
        (limited(allow_mcp_servers=True), "allow_mcp_servers"),
    ],
)
def test_what_is_not_built_says_so(config: Doc, feature: str) -> None:
    with pytest.raises(NotSupported, match=feature):
        made(config=config)


def test_packages_need_their_network() -> None:
    with pytest.raises(InvalidRequest, match="allow_package_managers"):
        made(config=limited() | {"packages": {"pip": ["pandas"]}})


def test_an_empty_description_is_kept() -> None:
    assert made(description="")["description"] == ""

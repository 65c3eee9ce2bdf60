"""A definition of an environment, from options and YAML to the API's request."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain import settings
from jupyter_agents.kernel.environments import (
    SETTINGS,
    EnvironmentDefinition,
    from_fields,
    key,
    packages_option,
)
from jupyter_agents.kernel.problems import AgentError


def test_every_setting_has_its_metadata_key() -> None:
    assert {key(name) for name in SETTINGS} == {settings.PREFIX + name for name in settings.SHARED}


@pytest.mark.parametrize(
    ("network", "networking"),
    [
        (None, {"type": "limited", "allowed_hosts": []}),
        ("none", {"type": "limited", "allowed_hosts": []}),
        ("a.example, b.example", {"type": "limited", "allowed_hosts": ["a.example", "b.example"]}),
        (["a.example"], {"type": "limited", "allowed_hosts": ["a.example"]}),
        ("all", {"type": "unrestricted"}),
    ],
)
def test_networks(network: Any, networking: dict[str, Any]) -> None:
    made = EnvironmentDefinition("e", network=network).body()["config"]["networking"]
    assert {name: made[name] for name in networking} == networking
    assert made.get("allow_package_managers", False) is False


def test_settings_are_texts_and_packages_open_their_mirrors() -> None:
    body = EnvironmentDefinition(
        "e", cpus=0.5, pids=64, memory="1GiB", idle_timeout=300, packages={"pip": ["pandas"]}
    ).body()
    assert body["metadata"] == {
        "jupyter-agents/cpus": "0.5",
        "jupyter-agents/pids": "64",
        "jupyter-agents/memory": "1GiB",
        "jupyter-agents/idle-timeout": "300s",
    }
    assert body["config"]["networking"]["allow_package_managers"] is True
    assert body["config"]["packages"]["pip"] == ["pandas"]
    assert body["config"]["packages"]["npm"] == []


def test_the_apis_own_form() -> None:
    config = {"type": "cloud", "networking": {"type": "limited", "allowed_hosts": ["a.example"]}}
    made = from_fields("e", {"config": config, "idle-timeout": "5s"}, {}).body()
    assert made["config"]["networking"]["allow_mcp_servers"] is False
    assert made["metadata"] == {"jupyter-agents/idle-timeout": "5s"}
    assert EnvironmentDefinition("e", config={"type": "self_hosted"}).body()["config"] == {
        "type": "self_hosted"
    }


def test_packages_of_the_line() -> None:
    found = packages_option(["pip:pandas,numpy", "npm:d3", "scipy"])
    assert found == {"pip": ["pandas", "numpy", "scipy"], "npm": ["d3"]}
    assert packages_option([]) is None


@pytest.mark.parametrize(
    ("fields", "options", "says"),
    [
        ({"memroy": "1GiB"}, {}, "no field 'memroy'. Did you mean memory?"),
        ({"network": "all"}, {"network": "none"}, "network is given twice"),
        ({"name": "f"}, {}, "names the environment 'f', the line 'e'"),
        ({"packages": ["pandas"]}, {}, "packages: expected lists by manager"),
        ({"packages": {"pipp": ["a"]}}, {}, "Did you mean pip"),
        ({"packages": {"pip": "pandas"}}, {}, "packages.pip: expected a list"),
        ({"network": "all,a.example"}, {}, "stand alone"),
        ({"config": {"type": "cloud"}, "network": "all"}, {}, "give one of them"),
        ({"config": "cloud"}, {}, "config: expected an object"),
        ({"config": {"networking": "x"}}, {}, "config.networking: expected an object"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(fields: Any, options: Any, says: str) -> None:
    with pytest.raises(AgentError) as error:
        from_fields("e", fields, options).body()
    assert says in str(error.value)
    assert "\n" not in str(error.value)

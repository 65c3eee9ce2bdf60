from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain.environments import (
    check_startable,
    create_environment,
    update_environment,
)
from jupyter_agents.errors import InvalidRequest, NotSupported
from tests.domain.talk import NOW

Doc = dict[str, Any]


def made(**body: Any) -> Doc:
    return create_environment({"name": "e", **body}, "env_1", NOW)


LATER = "2026-11-21T13:00:00.000000Z"
SERVERS = [
    {"type": "url", "name": "docs", "url": "https://MCP.example.com:8443/mcp?x=1"},
    {"type": "url", "name": "more", "url": "http://a.example"},
]
AGENT: Doc = {"mcp_servers": SERVERS}


def changed(stored: Doc, **body: Any) -> Doc:
    return update_environment(stored, body, LATER)


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
    "host",
    [
        "https://a.example",
        "a.example:80",
        "a.example/x",
        "*",
        "a..b",
        "",
        "-a.example",
        "x" * 254,
        "a b",
        "a.*.example",
        "*a.example",
        "**.a.example",
    ],
)
def test_a_host_is_bare(host: str) -> None:
    with pytest.raises(InvalidRequest, match=r"allowed_hosts\.0"):
        made(config=limited(host))


def test_a_worker_of_ones_own_is_not_built() -> None:
    with pytest.raises(NotSupported, match="self_hosted"):
        made(config={"type": "self_hosted"})


def test_what_can_run() -> None:
    packages = {"type": "cloud", "packages": {"pip": ["pandas"], "apt": ["jq"]}}
    switches = limited(allow_mcp_servers=True, allow_package_managers=True)
    for config in (None, limited("a.example"), switches, packages):
        check_startable(made(config=config))
    with pytest.raises(InvalidRequest, match="archived"):
        check_startable(made() | {"archived_at": NOW})


NONE: dict[str, Any] = {"apt": [], "cargo": [], "gem": [], "go": [], "npm": [], "pip": []}
OPEN = {"type": "unrestricted"}
LIMITED = {
    "type": "limited",
    "allowed_hosts": [],
    "allow_mcp_servers": False,
    "allow_package_managers": False,
}


@pytest.mark.parametrize(
    ("given", "networking", "packages"),
    [
        (None, OPEN, {}),
        ({"type": "cloud", "networking": None, "packages": None}, OPEN, {}),
        ({"type": "cloud", "networking": {"type": "unrestricted"}}, OPEN, {}),
        ({"type": "cloud", "networking": {"type": "limited"}}, LIMITED, {}),
        (limited(allow_mcp_servers=None, allow_package_managers=None), LIMITED, {}),
        ({"type": "cloud", "networking": {"type": "limited", "allowed_hosts": None}}, LIMITED, {}),
        (limited("A.example"), LIMITED | {"allowed_hosts": ["A.example"]}, {}),
        (limited(allow_mcp_servers=True), LIMITED | {"allow_mcp_servers": True}, {}),
        (
            limited(allow_package_managers=True) | {"packages": {"pip": ["pandas==2.2.0"], "npm": None}},
            LIMITED | {"allow_package_managers": True},
            {"pip": ["pandas==2.2.0"]},
        ),
        (
            {"type": "cloud", "packages": {"type": "packages", "gem": ["rails:7.1.0"], "cargo": ["b", "a"]}},
            OPEN,
            {"gem": ["rails:7.1.0"], "cargo": ["b", "a"]},
        ),
        (
            {"type": "cloud", "packages": {"go": ["golang.org/x/tools/cmd/goimports@latest"]}},
            OPEN,
            {"go": ["golang.org/x/tools/cmd/goimports@latest"]},
        ),
    ],
)
def test_every_shape_is_stored_with_its_defaults(given: Any, networking: Doc, packages: Doc) -> None:
    whole = {"type": "cloud", "networking": networking, "packages": {"type": "packages", **NONE, **packages}}
    environment = made(config=given)
    assert environment["config"] == whole
    assert changed(environment, config=whole) == environment == made(config=whole)


@pytest.mark.parametrize("name", ["", "-r x", "--index-url=https://a", " pandas", "a\nb", "x" * 257])
def test_a_package_is_a_name(name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"config\.packages\.pip\.0"):
        made(config={"type": "cloud", "packages": {"pip": [name]}})


def test_lists_have_an_end() -> None:
    for config in (limited(*["a.example"] * 1001), {"type": "cloud", "packages": {"pip": ["a"] * 501}}):
        with pytest.raises(InvalidRequest, match="at most"):
            made(config=config)
    made(config=limited(*["a.example"] * 1000))
    made(config={"type": "cloud", "packages": {"pip": ["a"] * 500}})


def test_packages_need_their_network() -> None:
    with pytest.raises(InvalidRequest, match="allow_package_managers"):
        made(config=limited() | {"packages": {"pip": ["pandas"]}})


def test_an_empty_description_is_kept() -> None:
    assert made(description="")["description"] == ""


def test_only_the_organisation_sees_an_environment() -> None:
    assert made(scope=None)["scope"] == made(scope="organization")["scope"] == "organization"
    for change in (lambda: made(scope="account"), lambda: changed(made(), scope="account")):
        with pytest.raises(InvalidRequest, match="scope"):
            change()


FULL = made(
    description="d",
    metadata={"k": "v", "gone": "x", "empty": "y"},
    config=limited("a.example", allow_mcp_servers=True, allow_package_managers=True)
    | {"packages": {"pip": ["pandas"], "apt": ["jq"]}},
)
NETWORK, PACKAGES = FULL["config"]["networking"], FULL["config"]["packages"]


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        ({}, {}),
        ({"name": None, "config": None, "scope": None}, {}),
        ({"name": "e", "description": "d", "metadata": {"k": "v"}}, {}),
        ({"name": "new"}, {"name": "new"}),
        ({"description": None}, {"description": None}),
        ({"description": ""}, {"description": ""}),
        (
            {"metadata": {"k": "w", "gone": None, "empty": "", "more": "z"}},
            {"metadata": {"k": "w", "more": "z"}},
        ),
    ],
)
def test_an_update_keeps_what_it_does_not_name(body: Doc, changes: Doc) -> None:
    stamp = {"updated_at": LATER} if changes else {}
    assert changed(FULL, **body) == FULL | changes | stamp


@pytest.mark.parametrize(
    ("config", "networking", "packages"),
    [
        ({}, {}, {}),
        ({"networking": None, "packages": None}, {}, {}),
        ({"networking": {"type": "limited"}}, {}, {}),
        ({"networking": {"type": "limited", "allowed_hosts": None, "allow_mcp_servers": None}}, {}, {}),
        ({"networking": {"type": "limited", "allowed_hosts": []}}, {"allowed_hosts": []}, {}),
        ({"networking": {"type": "limited", "allow_mcp_servers": False}}, {"allow_mcp_servers": False}, {}),
        ({"packages": {"pip": ["numpy"]}}, {}, {"pip": ["numpy"]}),
        ({"packages": {"pip": [], "apt": None}}, {}, {"pip": []}),
    ],
)
def test_a_config_keeps_the_parts_that_are_not_named(config: Doc, networking: Doc, packages: Doc) -> None:
    new = changed(FULL, config={"type": "cloud", **config})["config"]
    assert (new["networking"], new["packages"]) == (NETWORK | networking, PACKAGES | packages)


def test_another_kind_of_network_starts_from_its_defaults() -> None:
    opened = changed(FULL, config={"type": "cloud", "networking": {"type": "unrestricted"}})
    assert opened["config"]["networking"] == OPEN and opened["config"]["packages"] == PACKAGES
    empty = changed(opened, config={"type": "cloud", "packages": {"pip": [], "apt": []}})
    closed = changed(empty, config={"type": "cloud", "networking": {"type": "limited"}})
    assert closed["config"]["networking"] == LIMITED


@pytest.mark.parametrize(
    ("stored", "body", "code"),
    [
        (FULL | {"archived_at": NOW}, {"name": "x"}, "environment_archived"),
        (FULL, {"config": {"type": "self_hosted"}}, "invalid_config_type_change"),
        (FULL, {"metadata": {str(n): "v" for n in range(14)}}, "invalid_metadata"),
        (FULL, {"name": ""}, None),
        (FULL, {"description": "x" * 2049}, None),
        (FULL, {"config": limited(allow_package_managers=False)}, None),
        (FULL, {"config": limited("http://a.example")}, None),
    ],
)
def test_an_update_that_is_refused(stored: Doc, body: Doc, code: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        changed(stored, **body)
    assert caught.value.code == code

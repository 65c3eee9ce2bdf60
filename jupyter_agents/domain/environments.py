"""Environments: what create and update requests make of the stored object. Source: spec section 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_agents.domain import limits, packages
from jupyter_agents.domain.network import SWITCHES
from jupyter_agents.domain.packages import MANAGERS
from jupyter_agents.errors import InvalidRequest, NotSupported

Doc = dict[str, Any]


def create_environment(body: Mapping[str, Any], environment_id: str, now: str) -> Doc:
    """A new environment, every default resolved."""
    return {
        "id": environment_id,
        "type": "environment",
        "name": limits.text("name", body["name"], limits.MAX_NAME, shortest=1),
        "description": _description(body.get("description")),
        "config": _config(body.get("config") or {"type": "cloud"}, {}),
        "metadata": limits.metadata(body.get("metadata", {})),
        "scope": _scope(body.get("scope")),
        "created_at": now,
        "updated_at": now,
        "archived_at": None,
    }


def update_environment(stored: Mapping[str, Any], body: Mapping[str, Any], now: str) -> Doc:
    """`stored` with a change, or `stored` itself where nothing changes (spec section 2.3).

    What is absent stays, and so does a name, config or part of a config that is null. A description
    that is null is cleared. A metadata value that is null or empty deletes its key.
    """
    if stored["archived_at"] is not None:
        raise InvalidRequest(
            f"environment `{stored['id']}` is archived and cannot be updated.", code="environment_archived"
        )
    new = dict(stored)
    if body.get("name") is not None:
        new["name"] = limits.text("name", body["name"], limits.MAX_NAME, shortest=1)
    if "description" in body:
        new["description"] = _description(body["description"])
    if body.get("config") is not None:
        new["config"] = _config(body["config"], stored["config"])
    new["metadata"] = limits.patch_metadata(stored["metadata"], body.get("metadata"), empty_deletes=True)
    _scope(body.get("scope"))
    return dict(stored) if new == stored else new | {"updated_at": now}


def check_startable(environment: Mapping[str, Any]) -> None:
    """Raises `InvalidRequest` for an archived environment, `NotSupported` for what cannot run yet."""
    if environment["archived_at"] is not None:
        raise InvalidRequest(f"environment `{environment['id']}` is archived and starts no new sessions.")


def _description(given: str | None) -> str | None:
    return None if given is None else limits.text("description", given, limits.MAX_DESCRIPTION)


def _scope(given: str | None) -> str:
    if given == "account":
        raise InvalidRequest("scope: only 'organization' is possible here.")
    return "organization"


def _config(given: Mapping[str, Any], stored: Mapping[str, Any]) -> Doc:
    """`given` with what it leaves out from `stored`, which is empty for a new environment."""
    if stored and given["type"] != stored["type"]:
        raise InvalidRequest(
            f"config.type: it is {stored['type']!r} for good; create another environment.",
            code="invalid_config_type_change",
        )
    if given["type"] == "self_hosted":
        raise NotSupported("config.type self_hosted")
    networking = _networking(given.get("networking"), stored.get("networking"))
    lists = _packages(given.get("packages") or {}, stored.get("packages") or {})
    if (
        packages.wanted(lists)
        and networking["type"] == "limited"
        and not networking["allow_package_managers"]
    ):
        raise InvalidRequest(
            "config.packages: packages need networking.allow_package_managers where networking is limited."
        )
    return {"type": "cloud", "networking": networking, "packages": lists}


def _networking(given: Mapping[str, Any] | None, stored: Mapping[str, Any] | None) -> Doc:
    stored = stored or {"type": "unrestricted"}
    given = given or stored
    if given["type"] == "unrestricted":
        return {"type": "unrestricted"}
    base = stored if stored["type"] == "limited" else {}
    whole = {**base, **{key: value for key, value in given.items() if value is not None}}
    return {
        "type": "limited",
        "allowed_hosts": limits.hosts("config.networking.allowed_hosts", whole.get("allowed_hosts")),
        **{switch: whole.get(switch, False) for switch in SWITCHES},
    }


def _packages(given: Mapping[str, Any], stored: Mapping[str, Any]) -> Doc:
    whole = {**stored, **{key: value for key, value in given.items() if value is not None}}
    lists = {manager: packages.checked(manager, whole.get(manager) or []) for manager in MANAGERS}
    return {"type": "packages", **lists}

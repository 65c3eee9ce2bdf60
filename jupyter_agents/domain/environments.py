"""Environments: what a create request makes of the stored object. Source: spec section 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_agents.domain import limits
from jupyter_agents.errors import InvalidRequest, NotSupported

MANAGERS = ("apt", "cargo", "gem", "go", "npm", "pip")

Doc = dict[str, Any]


def create_environment(body: Mapping[str, Any], environment_id: str, now: str) -> Doc:
    """A new environment, every default resolved."""
    description = body.get("description")
    return {
        "id": environment_id,
        "type": "environment",
        "name": limits.text("name", body["name"], limits.MAX_NAME, shortest=1),
        "description": None
        if description is None
        else limits.text("description", description, limits.MAX_DESCRIPTION),
        "config": _config(body.get("config") or {"type": "cloud"}),
        "metadata": limits.metadata(body.get("metadata", {})),
        "scope": body.get("scope") or "organization",
        "created_at": now,
        "updated_at": now,
        "archived_at": None,
    }


def _config(config: Mapping[str, Any]) -> Doc:
    if config["type"] == "self_hosted":
        raise NotSupported("config.type self_hosted")
    networking = _networking(config.get("networking") or {"type": "unrestricted"})
    packages = {m: list((config.get("packages") or {}).get(m) or []) for m in MANAGERS}
    wanted = [m for m in MANAGERS if packages[m]]
    if wanted and networking["type"] == "limited" and not networking["allow_package_managers"]:
        raise InvalidRequest(
            "config.packages: packages need networking.allow_package_managers where networking is limited."
        )
    if wanted:
        raise NotSupported(f"config.packages.{wanted[0]}")
    return {"type": "cloud", "networking": networking, "packages": {"type": "packages", **packages}}


def _networking(given: Mapping[str, Any]) -> Doc:
    if given["type"] == "unrestricted":
        return {"type": "unrestricted"}
    for feature in ("allow_package_managers", "allow_mcp_servers"):
        if given.get(feature):
            raise NotSupported(f"config.networking.{feature}")
    return {
        "type": "limited",
        "allowed_hosts": limits.hosts("config.networking.allowed_hosts", given.get("allowed_hosts")),
        "allow_mcp_servers": False,
        "allow_package_managers": False,
    }


def allowed_hosts(environment: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The hosts that a sandbox may reach; None is every public host."""
    networking = environment["config"]["networking"]
    return None if networking["type"] == "unrestricted" else tuple(networking["allowed_hosts"])

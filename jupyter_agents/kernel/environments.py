"""A definition of an environment, and environments by name.

A definition is the whole configuration: what it does not give is the default, and the default of the
network is none. Source: spec section 2, docs/decisions.md "metadata keys".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from jupyter_agents.kernel.client import Connection
from jupyter_agents.kernel.problems import AgentError, did_you_mean

if TYPE_CHECKING:
    from jupyter_agents import wire

PREFIX = "jupyter-agents/"
MANAGERS = ("apt", "cargo", "gem", "go", "npm", "pip")
TIMES = ("call_timeout", "idle_timeout", "stop_timeout")
SETTINGS = (
    *("sandbox", "image", "cpus", "memory", "pids", "open_files", "file_size", "disk", "hosting"),
    *TIMES,
)
"""Fields that are kept in the metadata, below `PREFIX`."""

Packages = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class EnvironmentDefinition:
    """What ``env`` says of an environment.

    network: ``none``, ``all``, or the hosts that may be reached. packages: lists by package manager.
    cpus, pids, open_files: numbers. memory, file_size, disk: sizes such as ``1GiB``. call_timeout,
    idle_timeout, stop_timeout: seconds, or ``300s``. sandbox: ``auto``, ``docker``, ``bubblewrap`` or
    ``landlock``. hosting: ``ephemeral``, ``long-running``, ``hybrid`` or ``shared``. config: the API's
    object, in place of network and packages.
    """

    name: str
    network: str | Sequence[str] | None = None
    packages: Packages | None = None
    image: str | None = None
    cpus: float | str | None = None
    memory: str | int | None = None
    pids: int | str | None = None
    disk: str | int | None = None
    sandbox: str | None = None
    open_files: int | str | None = None
    file_size: str | int | None = None
    call_timeout: float | str | None = None
    idle_timeout: float | str | None = None
    stop_timeout: float | str | None = None
    hosting: str | None = None
    description: str | None = None
    config: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Every field of the API's request but the name. Raises `AgentError` for a wrong shape."""
        settings = {name: getattr(self, name) for name in SETTINGS}
        keys = {key(name): _word(name, value) for name, value in settings.items() if value is not None}
        return {
            "description": self.description,
            "config": self._config(),
            "metadata": {**{name: _word(name, value) for name, value in self.metadata.items()}, **keys},
        }

    def _config(self) -> dict[str, Any]:
        if self.config is not None and (self.network is not None or self.packages is not None):
            raise AgentError("config is the API's own form of network and packages: give one of them.")
        given = dict(self.config or {"type": "cloud"})
        if given.get("type", "cloud") != "cloud":
            return given
        lists = packages(self.packages if self.config is None else given.get("packages"))
        networking = given.get("networking") or network(self.network, bool(any(lists.values())))
        if not isinstance(networking, dict):
            raise AgentError("config.networking: expected an object with 'type'.")
        if networking.get("type") == "limited":
            closed = {"allowed_hosts": [], "allow_package_managers": False, "allow_mcp_servers": False}
            networking = closed | networking
        return {**given, "type": "cloud", "networking": networking, "packages": lists}


FIELDS = tuple(one.name for one in fields(EnvironmentDefinition) if one.name != "name")


def key(name: str) -> str:
    """The metadata key of a setting."""
    return PREFIX + name.replace("_", "-")


def network(given: str | Sequence[str] | None, installs: bool) -> dict[str, Any]:
    """The API's ``networking``. installs: whether packages are wanted, for which mirrors must be reached."""
    if given == "all":
        return {"type": "unrestricted"}
    text = ",".join(given) if isinstance(given, list | tuple) else str(given or "none")
    hosts = [] if text == "none" else [host.strip() for host in text.split(",") if host.strip()]
    if "all" in hosts or "none" in hosts:
        raise AgentError("network: none and all stand alone; otherwise give hosts such as api.example.org.")
    return {"type": "limited", "allowed_hosts": hosts, "allow_package_managers": installs}


def packages(given: Any) -> dict[str, list[str]]:
    """The API's ``packages``, every manager named. Raises `AgentError` for an unknown manager."""
    if not isinstance(given or {}, Mapping):
        raise AgentError("packages: expected lists by manager, such as 'pip: [pandas]'.")
    wanted = {manager: names for manager, names in (given or {}).items() if manager != "type"}
    for manager, names in wanted.items():
        if manager not in MANAGERS:
            raise AgentError(
                f"There is no package manager {manager!r}.{did_you_mean(manager, MANAGERS)} "
                f"Known: {', '.join(MANAGERS)}."
            )
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise AgentError(f"packages.{manager}: expected a list of names.")
    return {manager: list(wanted.get(manager, ())) for manager in MANAGERS}


def packages_option(texts: Sequence[str]) -> Packages | None:
    """The lists in ``pip:pandas,numpy`` and its repetitions; a name without a manager is pip's."""
    found: dict[str, list[str]] = {}
    for text in texts:
        manager, colon, names = text.partition(":")
        if not colon:
            manager, names = "pip", text
        found.setdefault(manager.strip(), []).extend(n.strip() for n in names.split(",") if n.strip())
    packages(found)
    return found or None


def from_fields(name: str, given: Mapping[str, Any], options: Mapping[str, Any]) -> EnvironmentDefinition:
    """The definition in `given`, the YAML's fields, and in `options`, those of the line.

    Raises `AgentError` for an unknown field, one that is given in both, and a name that differs.
    """
    plain = {key.replace("-", "_"): value for key, value in given.items()}
    own = plain.pop("name", name)
    if own != name:
        raise AgentError(f"The YAML names the environment {own!r}, the line {name!r}.")
    for word in plain:
        if word not in FIELDS:
            shown = [one.replace("_", "-") for one in FIELDS]
            raise AgentError(
                f"An environment has no field {word!r}.{did_you_mean(word, shown)} "
                f"The fields are {', '.join(shown)}."
            )
    wanted = {word: value for word, value in options.items() if value is not None}
    for word in wanted:
        if word in plain:
            raise AgentError(f"{word.replace('_', '-')} is given twice: as an option and in the YAML.")
    for word in ("config", "metadata"):
        if not isinstance(plain.get(word) or {}, dict):
            raise AgentError(f"{word}: expected an object.")
    return EnvironmentDefinition(name, **{k: v for k, v in plain.items() if v is not None}, **wanted)


def shown(value: Any) -> str:
    """A field's value in one line."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {shown(one)}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


async def all_environments(connection: Connection) -> list[wire.Environment]:
    """Every environment that is not archived."""
    return [found async for found in connection.sdk.beta.environments.list(limit=100)]


async def define(
    connection: Connection, definition: EnvironmentDefinition
) -> tuple[wire.Environment, list[str] | None]:
    """Create or update an environment; which of its fields changed, None where it is new."""
    body: Any = definition.body()
    environments = connection.sdk.beta.environments
    known = [one for one in await all_environments(connection) if one.name == definition.name]
    if not known:
        return await environments.create(name=definition.name, **body), None
    gone = dict.fromkeys(known[0].metadata.keys() - body["metadata"].keys())
    body["metadata"] = {**body["metadata"], **gone}
    updated = await environments.update(known[0].id, **body)
    old, new = fields_of(known[0]), fields_of(updated)
    return updated, [word for word in FIELDS if old.get(word) != new.get(word)]


def fields_of(environment: Any) -> dict[str, Any]:
    """The definition that an environment of the server has, without what is empty."""
    doc = environment.to_dict(mode="json")
    config, metadata = doc["config"], doc["metadata"]
    found: dict[str, Any] = {"config": config} if config["type"] != "cloud" else _cloud(config)
    found |= {name: metadata[key(name)] for name in SETTINGS if key(name) in metadata}
    own = {key(name) for name in SETTINGS}
    found["metadata"] = {name: value for name, value in metadata.items() if name not in own}
    found["description"] = doc.get("description")
    return {word: found[word] for word in FIELDS if found.get(word)}


def _cloud(config: Mapping[str, Any]) -> dict[str, Any]:
    networking = config["networking"]
    lists = {manager: config["packages"][manager] for manager in MANAGERS if config["packages"].get(manager)}
    if networking["type"] == "unrestricted":
        return {"network": "all", "packages": lists}
    if networking.get("allow_mcp_servers") or networking.get("allow_package_managers", False) != bool(lists):
        return {"config": {"type": "cloud", "networking": networking, "packages": lists}}
    return {"network": networking.get("allowed_hosts") or "none", "packages": lists}


def _word(name: str, value: Any) -> Any:
    """A metadata value, which is a text on the wire."""
    if name in TIMES and isinstance(value, int | float):
        return f"{value:g}s"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value) if isinstance(value, int) else value

"""``%agent define``, ``env``, ``diff`` and ``agents``: say what an agent and its environment are."""

from __future__ import annotations

from typing import Any

from jupyter_agents.kernel import agents, definition, environments
from jupyter_agents.kernel.command import Command
from jupyter_agents.kernel.options import define_parser, env_parser
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.sheet import Sheet
from jupyter_agents.kernel.sidebyside import SideBySide

MOST = 1_000


class Defining(Command):
    """The subcommands about definitions."""

    def define(self, line: str, body: str | None = None) -> None:
        """``%agent define NAME ...``, and ``%%agent define NAME`` with YAML in `body`."""
        given = vars(define_parser().parse(line))
        name, fields = given.pop("name"), _fields(given.pop("file"), body)
        if given.pop("_tools", None) and "tools" in fields:
            raise AgentError("tools is given twice: as an option and in the YAML.")
        wanted = definition.from_fields(name, fields, given)
        definition.all_tools(wanted.tools)
        connection = self._notebook.connect()
        agent, change = self._wait(self._notebook.define(connection, wanted))
        self._say(f"{agent.name}: version {agent.version} ({change}), {agent.model.id}, {agent.id}")

    def env(self, line: str, body: str | None = None) -> Sheet | None:
        """``%agent env NAME ...``, and ``%%agent env NAME`` with YAML; without a name, the list."""
        given = vars(env_parser().parse(line))
        name, fields = given.pop("name"), _fields(given.pop("file"), body)
        given["packages"] = environments.packages_option(given["packages"] or ())
        name = name or fields.get("name")
        if name is None and not fields and not any(given.values()):
            return self._environments()
        if not isinstance(name, str) or not name:
            raise AgentError("The environment needs a name: %agent env NAME, or 'name:' in the YAML.")
        wanted = environments.from_fields(name, fields, given)
        wanted.body()
        connection = self._notebook.connect()
        self._say(self._wait(self._notebook.define_environment(connection, wanted)))
        return None

    def diff(self, line: str) -> SideBySide:
        """``%agent diff NAME [FROM [TO]]``: two versions; by default the last two."""
        words = line.split()
        if not 1 <= len(words) <= 3 or not all(word.isdigit() for word in words[1:]):
            raise AgentError("Usage: %agent diff NAME [FROM [TO]], such as %agent diff coder 1 2")
        return self._wait(self._diff(words[0], [int(word) for word in words[1:]]))

    def agents(self, line: str) -> Sheet:
        """``%agent agents``: every agent of the server, the newest of each name."""
        return self._wait(self._agents())

    async def _diff(self, name: str, asked: list[int]) -> SideBySide:
        connection = self._notebook.connection
        agent = await agents.need_agent(connection, name)
        newest = agent.version
        if newest == 1:
            raise AgentError(f"{name} has one version only: there is nothing to compare it with.")
        first, last = (*asked, *([newest - 1, newest] if not asked else [newest]))[:2]
        for version in (first, last):
            if not 1 <= version <= newest:
                raise AgentError(f"{name} has no version {version}; its versions are 1 to {newest}.")
        texts = [await self._text(connection, agent.id, version) for version in (first, last)]
        return SideBySide((f"{name}, version {first}", f"{name}, version {last}"), texts[0], texts[1])

    async def _text(self, connection: Any, id: str, version: int) -> str:
        from jupyter_agents.kernel import yaml_text

        agent = await connection.sdk.beta.agents.retrieve(id, version=version)
        return yaml_text.write(definition.fields_of(agent))

    async def _agents(self) -> Sheet:
        connection = self._notebook.connection
        newest: dict[str, Any] = {}
        async for agent in connection.sdk.beta.agents.list(limit=100):
            known = newest.get(agent.name)
            if known is None or agent.created_at > known.created_at:
                newest[agent.name] = agent
            if len(newest) >= MOST:
                break
        rows = [
            (name, f"{agent.version}", str(agent.model.id), agent.description or "", agent.id)
            for name, agent in sorted(newest.items())
        ]
        note = "" if rows else "There are none yet; %agent define NAME makes one."
        return Sheet(
            "Agents", ("name", "version", "model", "description", "id"), rows, numbers=(1,), note=note
        )

    def _environments(self) -> Sheet:
        self._notebook.connect()
        found = self._wait(environments.all_environments(self._notebook.connection))
        rows = []
        for one in sorted(found, key=lambda one: one.name):
            fields = environments.fields_of(one)
            text = environments.shown(fields.pop("network", fields.pop("config", "none")))
            rest = "; ".join(
                f"{name.replace('_', '-')} {environments.shown(value)}" for name, value in fields.items()
            )
            rows.append((one.name, text, rest, one.id))
        note = "" if rows else "There are none yet; %agent env NAME makes one."
        return Sheet("Environments", ("name", "network", "settings", "id"), rows, note=note)


def _fields(file: str | None, body: str | None) -> dict[str, Any]:
    """The YAML's fields, from a file or from the cell."""
    from jupyter_agents.kernel import yaml_text

    if file is not None and body is not None:
        raise AgentError("A definition comes from the cell or from --file, not from both.")
    if file is not None:
        return yaml_text.read_file(file)
    return {} if body is None else yaml_text.read(body, "the cell", first_line=2)

"""A run as plain SDK code: what ``run.code()`` gives.

The code needs the ``anthropic`` package alone, and runs as it is against this server or the hosted
service: where it goes is said by environment variables, and no token stands in it.

Source: docs/runs.md; spec sections 1 to 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pprint import pformat
from typing import TYPE_CHECKING, Any

from jupyter_agents.cell.fold import fold
from jupyter_agents.cell.transcript import Transcript
from jupyter_agents.kernel.agents import MAX_TURNS

if TYPE_CHECKING:
    from jupyter_agents.kernel.session import AgentSession

Doc = dict[str, Any]

AGENT = ("name", "model", "system", "description", "tools", "mcp_servers", "skills", "multiagent")
OURS = "jupyter-agents/"
KEPT = (MAX_TURNS, f"{OURS}notebook", f"{OURS}notebook-folder")
TOKEN = "GITHUB_TOKEN"

HEAD = '''\
"""{title}

Needs: pip install anthropic. Against this server:
    ANTHROPIC_BASE_URL={base_url}
    ANTHROPIC_AUTH_TOKEN=<the server's token>
Against the hosted service: ANTHROPIC_API_KEY alone.
"""

{imports}
import anthropic

client = anthropic.Anthropic()
'''

ENVIRONMENT = """
known = client.beta.environments.list()
environment = next((found for found in known if found.name == {name!r}), None)
if environment is None:
    environment = client.beta.environments.create({given})
"""

FOLLOW = """
for message in messages:
    with client.beta.sessions.events.stream(session.id) as events:
        client.beta.sessions.events.send(
            session.id, events=[{"type": "user.message", "content": message}]
        )
        for event in events:
            if event.type == "agent.message":
                print(*(block.text for block in event.content if block.type == "text"), sep="\\n")
            elif event.type in ("agent.tool_use", "agent.mcp_tool_use", "agent.custom_tool_use"):
                print(f"[{event.name}] {event.input}")
            elif event.type == "session.error":
                print(f"error: {event.error.message}")
            elif event.type == "session.status_idle":
                if event.stop_reason.type == "requires_action":
                    raise SystemExit(f"{session.id} waits for an answer to {event.stop_reason.event_ids}")
                break
            elif event.type in ("session.status_terminated", "session.deleted"):
                raise SystemExit(f"{session.id} has ended")
"""


async def code(session: AgentSession, turn: int) -> str:
    """The code of `session` up to its turn number `turn`, counted from 1."""
    sdk = session.connection.sdk.beta
    resource: Doc = (await session.refresh()).to_dict(mode="json")
    agent = await sdk.agents.retrieve(session.resource.agent.id, version=session.resource.agent.version)
    environment = await sdk.environments.retrieve(session.resource.environment_id)
    names: dict[str, str] = {}
    for mounted in resource["resources"]:
        if mounted["type"] == "file":
            names[mounted["file_id"]] = (await sdk.files.retrieve_metadata(mounted["file_id"])).filename
    return script(
        resource,
        agent.to_dict(mode="json"),
        environment.to_dict(mode="json"),
        names,
        messages([event.to_dict(mode="json") for event in await session.history()], turn),
        session.connection.base_url,
    )


def messages(events: Iterable[Mapping[str, Any]], turns: int) -> list[list[Doc]]:
    """The content of each message that began one of the first `turns` turns, or steered it."""
    found: list[list[Doc]] = []
    turn: Transcript | None = None
    count = 0
    for event in events:
        if event["type"] == "user.message":
            if turn is None or turn.over:
                turn, count = Transcript(event["id"]), count + 1
            if count > turns:
                break
            found.append(list(event["content"]))
        if turn is not None:
            turn = fold(turn, event)
    return found


def script(
    session: Mapping[str, Any],
    agent: Mapping[str, Any],
    environment: Mapping[str, Any],
    names: Mapping[str, str],
    messages: Sequence[Sequence[Doc]],
    base_url: str,
) -> str:
    """The code, from the wire's JSON of the session, its agent and its environment.

    Parameters
    ----------
    names:
        The file names of the mounted files, by their id.
    messages:
        The content of each user message, in their order.
    """
    resources = [_resource(one, names) for one in session["resources"]]
    mounted = "".join(f"    {resource},\n" for resource in resources)
    made = session["agent"] | {"metadata": agent["metadata"]}
    given = {key: made[key] for key in (*AGENT, "metadata") if made.get(key)}
    options = {"environment_id": "environment.id", "agent": '{"type": "agent", "id": agent.id}'}
    options |= {"resources": "resources"} if resources else {}
    metadata = {key: value for key, value in session["metadata"].items() if _goes(key)}
    options |= {
        key: _literal(value)
        for key, value in (("budget", session.get("budget")), ("metadata", metadata))
        if value
    }
    arguments = "".join(f"    {key}={value},\n" for key, value in options.items())
    parts = [
        HEAD.format(title=_title(agent), base_url=base_url, imports=_imports(session["resources"])),
        f"agent = client.beta.agents.create({_arguments(given, '    ')})\n",
        ENVIRONMENT.format(name=environment["name"], given=_arguments(_environment(environment), " " * 8)),
        f"\nresources = [\n{mounted}]\n" if mounted else "",
        f"\nsession = client.beta.sessions.create(\n{arguments})\n",
        f"\nmessages = {_literal([list(message) for message in messages])}\n",
        FOLLOW,
    ]
    return "".join(parts)


def _title(agent: Mapping[str, Any]) -> str:
    name = "".join(letter for letter in agent["name"] if letter.isalnum() or letter in " -_")
    return f"The agent {name[:60]}, and what it was asked."


def _imports(resources: Sequence[Mapping[str, Any]]) -> str:
    kinds = {resource["type"] for resource in resources}
    lines = ["import os"] if "github_repository" in kinds else []
    lines += ["from pathlib import Path"] if "file" in kinds else []
    return "".join(f"{line}\n" for line in lines)


def _environment(environment: Mapping[str, Any]) -> Doc:
    return {
        key: environment[key] for key in ("name", "description", "config", "metadata") if environment[key]
    }


def _resource(resource: Mapping[str, Any], names: Mapping[str, str]) -> str:
    given = {key: resource[key] for key in ("type", "mount_path", "url", "checkout") if resource.get(key)}
    literal = _literal(given)
    if resource["type"] == "file":
        upload = f"client.beta.files.upload(file=Path({names[resource['file_id']]!r})).id"
        return f"{literal[:-1]}, 'file_id': {upload}}}"
    if resource["type"] == "github_repository":
        return f"{literal[:-1]}, 'authorization_token': os.environ[{TOKEN!r}]}}"
    return _literal(dict(resource))


def _goes(key: str) -> bool:
    return key in KEPT or not key.startswith(OURS)


def _arguments(given: Mapping[str, Any], indent: str) -> str:
    lines = "".join(f"{indent}{key}={_literal(value, indent)},\n" for key, value in given.items())
    return f"\n{lines}{indent[4:]}"


def _literal(value: Any, indent: str = "") -> str:
    return pformat(value, width=100, sort_dicts=False).replace("\n", f"\n{indent}")

"""Every operation that this server answers, with the SDK's types of what goes in and comes out.

The OpenAPI document is made from this table; a test holds it against the routes. Source: the SDK's
methods under ``client.beta``, whose names are the operations' names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jupyter_agents import wire

Kind = Literal["json", "page", "stream", "bytes"]


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    path: with its parameters in braces. query, body: ``*Params`` types of the SDK. answer: the
    SDK's model; of a ``page`` that of its items. upload: the body is ``multipart/form-data``.
    """

    name: str
    method: Literal["get", "post", "delete"]
    path: str
    answer: Any = None
    query: Any = None
    body: Any = None
    kind: Kind = "json"
    upload: bool = False

    @property
    def statuses(self) -> Sequence[int]:
        """The HTTP statuses of its errors."""
        named = (404,) if "{" in self.path or self.body is not None else ()
        written = (409, 413) if self.method == "post" else (409,) if self.method == "delete" else ()
        return sorted((400, 401, 403, 429, *named, *written))


OPERATIONS: tuple[Operation, ...] = (
    Operation("agents.create", "post", "/v1/agents", wire.Agent, body=wire.AgentCreate),
    Operation("agents.list", "get", "/v1/agents", wire.Agent, wire.AgentList, kind="page"),
    Operation("agents.retrieve", "get", "/v1/agents/{agent_id}", wire.Agent, wire.AgentRetrieve),
    Operation("agents.update", "post", "/v1/agents/{agent_id}", wire.Agent, body=wire.AgentUpdate),
    Operation("agents.archive", "post", "/v1/agents/{agent_id}/archive", wire.Agent),
    Operation(
        "agents.versions.list",
        "get",
        "/v1/agents/{agent_id}/versions",
        wire.Agent,
        wire.AgentVersionList,
        kind="page",
    ),
    Operation(
        "environments.create", "post", "/v1/environments", wire.Environment, body=wire.EnvironmentCreate
    ),
    Operation(
        "environments.list", "get", "/v1/environments", wire.Environment, wire.EnvironmentList, kind="page"
    ),
    Operation("environments.retrieve", "get", "/v1/environments/{environment_id}", wire.Environment),
    Operation(
        "environments.update",
        "post",
        "/v1/environments/{environment_id}",
        wire.Environment,
        body=wire.EnvironmentUpdate,
    ),
    Operation("environments.delete", "delete", "/v1/environments/{environment_id}", wire.EnvironmentDeleted),
    Operation("environments.archive", "post", "/v1/environments/{environment_id}/archive", wire.Environment),
    Operation("sessions.create", "post", "/v1/sessions", wire.Session, body=wire.SessionCreate),
    Operation("sessions.list", "get", "/v1/sessions", wire.Session, wire.SessionList, kind="page"),
    Operation("sessions.retrieve", "get", "/v1/sessions/{session_id}", wire.Session),
    Operation("sessions.update", "post", "/v1/sessions/{session_id}", wire.Session, body=wire.SessionUpdate),
    Operation("sessions.delete", "delete", "/v1/sessions/{session_id}", wire.SessionDeleted),
    Operation("sessions.archive", "post", "/v1/sessions/{session_id}/archive", wire.Session),
    Operation(
        "sessions.events.send",
        "post",
        "/v1/sessions/{session_id}/events",
        wire.EventsSent,
        body=wire.EventSend,
    ),
    Operation(
        "sessions.events.list",
        "get",
        "/v1/sessions/{session_id}/events",
        wire.Event,
        wire.EventList,
        kind="page",
    ),
    Operation(
        "sessions.events.stream",
        "get",
        "/v1/sessions/{session_id}/events/stream",
        wire.StreamEvent,
        wire.EventStream,
        kind="stream",
    ),
    Operation(
        "sessions.resources.add",
        "post",
        "/v1/sessions/{session_id}/resources",
        wire.Resource,
        body=wire.ResourceAdd,
    ),
    Operation(
        "sessions.resources.list",
        "get",
        "/v1/sessions/{session_id}/resources",
        wire.Resource,
        wire.ResourceList,
        kind="page",
    ),
    Operation(
        "sessions.resources.retrieve",
        "get",
        "/v1/sessions/{session_id}/resources/{resource_id}",
        wire.Resource,
    ),
    Operation(
        "sessions.resources.update",
        "post",
        "/v1/sessions/{session_id}/resources/{resource_id}",
        wire.Resource,
        body=wire.ResourceUpdate,
    ),
    Operation(
        "sessions.resources.delete",
        "delete",
        "/v1/sessions/{session_id}/resources/{resource_id}",
        wire.ResourceDeleted,
    ),
    Operation(
        "sessions.threads.list",
        "get",
        "/v1/sessions/{session_id}/threads",
        wire.Thread,
        wire.ThreadList,
        kind="page",
    ),
    Operation(
        "sessions.threads.retrieve", "get", "/v1/sessions/{session_id}/threads/{thread_id}", wire.Thread
    ),
    Operation(
        "sessions.threads.archive",
        "post",
        "/v1/sessions/{session_id}/threads/{thread_id}/archive",
        wire.Thread,
    ),
    Operation(
        "sessions.threads.events.list",
        "get",
        "/v1/sessions/{session_id}/threads/{thread_id}/events",
        wire.Event,
        wire.ThreadEventList,
        kind="page",
    ),
    Operation(
        "sessions.threads.events.stream",
        "get",
        "/v1/sessions/{session_id}/threads/{thread_id}/stream",
        wire.ThreadStreamEvent,
        wire.ThreadEventStream,
        kind="stream",
    ),
    Operation("files.upload", "post", "/v1/files", wire.File, upload=True),
    Operation("files.list", "get", "/v1/files", wire.File, wire.FileList, kind="page"),
    Operation("files.retrieve_metadata", "get", "/v1/files/{file_id}", wire.File),
    Operation("files.download", "get", "/v1/files/{file_id}/content", kind="bytes"),
    Operation("files.delete", "delete", "/v1/files/{file_id}", wire.FileDeleted),
)

"""The SDK's types are the wire: its request and response types under short names.

This is the only module that names ``BetaManagedAgents*``; `strict` makes validators of its request
types. Source: the installed ``anthropic`` package, which is the authority on wire types.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, cast, get_args

from anthropic.types import beta
from anthropic.types.beta import agents, sessions
from anthropic.types.beta.sessions import threads
from pydantic import Field, TypeAdapter

from jupyter_agents.strict import Validator, allow_null, body_type, parameters, query, strict

AgentCreate = beta.AgentCreateParams
AgentUpdate = beta.AgentUpdateParams
AgentList = beta.AgentListParams
AgentRetrieve = beta.AgentRetrieveParams
AgentVersionList = agents.VersionListParams
EnvironmentCreate = beta.EnvironmentCreateParams
EnvironmentUpdate = beta.EnvironmentUpdateParams
EnvironmentList = beta.EnvironmentListParams
SessionCreate = beta.SessionCreateParams
SessionUpdate = beta.SessionUpdateParams
SessionList = beta.SessionListParams
EventSend = sessions.EventSendParams
EventList = sessions.EventListParams
EventStream = sessions.EventStreamParams
ResourceAdd = sessions.ResourceAddParams
ResourceList = sessions.ResourceListParams
ResourceUpdate = sessions.ResourceUpdateParams
ThreadList = sessions.ThreadListParams
ThreadEventList = threads.EventListParams
ThreadEventStream = threads.EventStreamParams
FileList = beta.FileListParams

Agent = beta.BetaManagedAgentsAgent
Environment = beta.BetaEnvironment
Session = beta.BetaManagedAgentsSession
File = beta.BetaFileMetadata
FileResource = sessions.BetaManagedAgentsFileResource
RepositoryResource = sessions.BetaManagedAgentsGitHubRepositoryResource
Event = sessions.BetaManagedAgentsSessionEvent
StreamEvent = sessions.BetaManagedAgentsStreamSessionEvents
EventsSent = sessions.BetaManagedAgentsSendSessionEvents
Thread = sessions.BetaManagedAgentsSessionThread
ThreadStreamEvent = sessions.BetaManagedAgentsStreamSessionThreadEvents
Resource = sessions.BetaManagedAgentsSessionResource
EnvironmentDeleted = beta.BetaEnvironmentDeleteResponse
SessionDeleted = beta.BetaManagedAgentsDeletedSession
ResourceDeleted = sessions.BetaManagedAgentsDeleteSessionResource
FileDeleted = beta.BetaDeletedFile

DOMAINS = ("allowed_domains", "blocked_domains")

# Fields that may be null (spec sections 1.3 and 3.1) though the SDK's types do not say so.
allow_null(beta.BetaManagedAgentsAgentWithOverridesParams, "model", "tools", "mcp_servers", "skills")
allow_null(beta.BetaManagedAgentsWebSearchToolConfigParams, *DOMAINS)
allow_null(beta.BetaManagedAgentsWebFetchToolConfigParams, *DOMAINS)

__all__ = ["Validator", "body_type", "parameters", "query", "strict"]


def members(union: Any) -> tuple[Any, ...]:
    """The members of one of the SDK's annotated unions."""
    return get_args(get_args(union)[0])


def literal(model: Any, field: str = "type") -> str:
    """The one value that `field` of an SDK model may have."""
    return cast(str, get_args(model.model_fields[field].annotation)[0])


def event_adapter() -> TypeAdapter[Any]:
    """Reads one stored event; tagged, so that it takes microseconds (docs/architecture.md)."""
    tagged: Any = Annotated[get_args(Event)[0], Field(discriminator="type")]
    return TypeAdapter(tagged)


@cache
def event_types() -> tuple[str, ...]:
    """Every event type the SDK knows, as the ``types[]`` filter takes them."""
    return cast("tuple[str, ...]", get_args(sessions.BetaManagedAgentsSessionEventType))

from __future__ import annotations

import time
from typing import Any

import anthropic
import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from tests.support import NO_NETWORK, Server


def named(server: Server, name: str = "", **options: Any) -> Any:
    return server.client.beta.environments.create(name=name or f"e-{time.monotonic_ns()}", **options)


def test_an_environment_comes_back(server: Server) -> None:
    made = named(server, config=NO_NETWORK, description="d", metadata={"k": "v"})
    assert server.client.beta.environments.retrieve(made.id) == made
    assert made.config.networking.type == "limited"


def test_a_name_is_taken_once(server: Server) -> None:
    made = named(server)
    with pytest.raises(anthropic.ConflictError, match=made.id):
        named(server, made.name)


def test_lists_are_paged_newest_first(server: Server) -> None:
    made = [named(server).id for _ in range(4)]
    assert [e.id for e in server.client.beta.environments.list(limit=3)][:4] == made[::-1]


@pytest.mark.parametrize("metadata", [{"jupyter-agents/cpus": "many"}, {"jupyter-agents/nonsense": "1"}])
def test_metadata_that_cannot_be_served_is_refused(server: Server, metadata: dict[str, str]) -> None:
    with pytest.raises(anthropic.BadRequestError, match="jupyter-agents/"):
        named(server, metadata=metadata)


def test_an_update_changes_what_it_names(server: Server) -> None:
    environments = server.client.beta.environments
    packages: Any = {"pip": ["pandas==2.2.0"]}
    made = named(server, description="d", metadata={"k": "v"}, config={"type": "cloud", "packages": packages})
    network: Any = {"type": "limited", "allowed_hosts": ["a.example"], "allow_package_managers": True}
    new = environments.update(
        made.id, config={"type": "cloud", "networking": network}, description=None, metadata={"k": ""}
    )
    assert environments.retrieve(made.id) == new
    config: Any = new.config
    assert (config.networking.allowed_hosts, config.packages.pip) == (["a.example"], ["pandas==2.2.0"])
    assert (new.description, new.metadata, new.name) == (None, {}, made.name)
    assert new.updated_at > made.updated_at
    assert environments.update(made.id, name=made.name) == new


def test_an_update_that_is_refused_changes_nothing(server: Server) -> None:
    environments, other = server.client.beta.environments, named(server)
    made = named(server, config=NO_NETWORK)
    with pytest.raises(anthropic.ConflictError, match=other.id):
        environments.update(made.id, name=other.name)
    refused: list[tuple[Any, str]] = [
        ({"config": {"type": "self_hosted"}}, "invalid_config_type_change"),
        ({"metadata": {"k": "v" * 513}}, "invalid_metadata"),
        ({"metadata": {"jupyter-agents/cpus": "many"}}, "jupyter-agents/cpus"),
        ({"config": {"type": "cloud", "packages": {"pip": ["x"]}}}, "allow_package_managers"),
        ({"scope": "account"}, "scope"),
        ({"name": ""}, "name"),
    ]
    for body, said in refused:
        with pytest.raises(anthropic.BadRequestError, match=said):
            environments.update(made.id, **body)
    assert environments.retrieve(made.id) == made


def test_archiving_is_final_and_frees_the_name(server: Server) -> None:
    environments, made = server.client.beta.environments, named(server)
    archived = environments.archive(made.id)
    assert archived.archived_at is not None and environments.archive(made.id) == archived
    with pytest.raises(anthropic.BadRequestError, match="environment_archived"):
        environments.update(made.id, name="other")
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        server.client.beta.sessions.create(agent=server.agent().id, environment_id=made.id)
    assert made.id not in [e.id for e in environments.list(limit=100)]
    assert made.id in [e.id for e in environments.list(limit=100, include_archived=True)]
    assert named(server, made.name).id != made.id
    assert environments.delete(made.id).type == "environment_deleted"


def test_a_session_goes_on_when_its_environment_is_archived(server: Server, scripted: ScriptedModel) -> None:
    session = server.session()
    server.client.beta.environments.archive(session.environment_id)
    scripted.script[:] = [[call("bash", command="echo $((40+2))")], [say("Done.")]]
    heard = server.turn(session.id, "go")
    (result,) = [event for event in heard if event.type == "agent.tool_result"]
    assert (result.content[0].text, result.is_error) == ("42\n", False)


def test_deleting_needs_that_no_session_refers_to_it(server: Server) -> None:
    environments, session = server.client.beta.environments, server.session()
    server.client.beta.sessions.archive(session.id)
    with pytest.raises(anthropic.ConflictError, match="sessions: 1") as caught:
        environments.delete(session.environment_id)
    assert caught.value.response.headers["x-should-retry"] == "false"
    server.client.beta.sessions.delete(session.id)
    gone = environments.delete(session.environment_id)
    assert (gone.id, gone.type) == (session.environment_id, "environment_deleted")
    for again in (environments.delete, environments.retrieve, environments.archive):
        with pytest.raises(anthropic.NotFoundError) as missing:
            again(session.environment_id)
        body: Any = missing.value.body
        assert body["error"]["details"]["error_code"] == "environment_not_found"


def test_an_update_reaches_the_next_sandbox(server: Server, scripted: ScriptedModel) -> None:
    environments, agent = server.client.beta.environments, server.agent()
    made = named(server, config=NO_NETWORK)
    sessions = [server.client.beta.sessions.create(agent=agent.id, environment_id=made.id) for _ in range(2)]
    proxy = 'echo "${HTTPS_PROXY:-none}"'
    seen = []
    for session in sessions:
        for _ in range(2):
            scripted.script[:] = [[call("bash", command=proxy)], [say("Done.")]]
            heard = server.turn(session.id, "go")
            seen += [e.content[0].text.strip() for e in heard if e.type == "agent.tool_result"]
            environments.update(made.id, config={"type": "cloud", "networking": {"type": "unrestricted"}})
    assert seen[:2] == ["none", "none"] and seen[2] == seen[3] != "none"


def test_a_session_is_refused_packages_that_its_sandbox_cannot_install(server: Server) -> None:
    packages: Any = {"apt": ["jq"], "pip": ["pandas"]}
    made = named(server, config={"type": "cloud", "packages": packages})
    said = r"config\.packages\.apt: bubblewrap sandboxes install npm and pip packages only\. Use Docker"
    with pytest.raises(anthropic.BadRequestError, match=said):
        server.client.beta.sessions.create(agent=server.agent().id, environment_id=made.id)
    for name in ("jq; id", "--allow-unauthenticated", "jq\nRUN id"):
        with pytest.raises(anthropic.BadRequestError, match=r"config\.packages\.apt\.0: .*such as jq"):
            named(server, config={"type": "cloud", "packages": {"apt": [name]}})

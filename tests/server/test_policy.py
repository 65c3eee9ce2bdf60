from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
from traitlets.config import Config

from jupyter_agents.errors import UserError
from jupyter_agents.server.traits import Traits
from jupyter_agents.testing import ScriptedModel, call, say
from tests.support import NO_NETWORK, Home, Server, serving

TRAITS = {
    "allowed_models": ["claude-haiku-*"],
    "default_model": "claude-haiku-4-5",
    "allowed_endpoints": ["https://models.example.com"],
    "allowed_images": ["python:*"],
    "image": "python:3.12",
    "allowed_sandboxes": ["bubblewrap"],
    "max_memory": "4GiB",
}

OPEN = {"allow_unsafe": True, "allowed_sandboxes": ["bubblewrap", "unsafe"], "sandbox": "auto"}


@pytest.fixture(scope="module")
def closed(_scripted_model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(Home(tmp_path_factory.mktemp("closed"), _scripted_model.url, TRAITS)) as running:
        yield running


@pytest.fixture
def open_home(scripted: ScriptedModel) -> Iterator[Home]:
    """Folders that the sandbox's user may enter, as a sandbox that sees the host's paths needs them."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        home = Home(Path(folder), scripted.url, OPEN, {"ANTHROPIC_API_KEY": "sk-test-0123456789"})
        home.data.mkdir(mode=0o711)
        yield home


def refused(make: Any, *given: Any, **options: Any) -> str:
    with pytest.raises(anthropic.BadRequestError) as caught:
        make(*given, **options)
    body: Any = caught.value.body
    assert body["error"]["type"] == "invalid_request_error"
    message: str = body["error"]["message"]
    return message


def test_agents_and_sessions_name_an_allowed_model(closed: Server) -> None:
    agents, sessions = closed.client.beta.agents, closed.client.beta.sessions
    agent = agents.create(name="a", model="claude-haiku-4-5")
    environment = closed.client.beta.environments.create(name="models", config=NO_NETWORK)
    other: Any = {"type": "agent_with_overrides", "id": agent.id, "model": "claude-opus-4-7"}
    session = sessions.create(agent=agent.id, environment_id=environment.id)
    for said in (
        refused(agents.create, name="b", model="claude-opus-4-7"),
        refused(agents.update, agent.id, version=1, model="claude-opus-4-7"),
        refused(sessions.create, agent=other, environment_id=environment.id),
    ):
        assert said == (
            "model: the model 'claude-opus-4-7' is not allowed here. "
            "Allowed are: claude-haiku-* (JupyterAgents.allowed_models)."
        )
    assert agents.retrieve(agent.id) == agent
    assert sessions.retrieve(session.id).agent.model.id == "claude-haiku-4-5"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("image", "node:22", "jupyter-agents/image: the image 'node:22' is not allowed here."),
        ("sandbox", "docker", "jupyter-agents/sandbox: the kind of sandbox 'docker' is not allowed here."),
        ("sandbox", "unsafe", "jupyter-agents/sandbox: unsafe runs tools with no isolation"),
        ("memory", "5GiB", "jupyter-agents/memory: 5GiB is above the ceiling of 4GiB"),
    ],
)
def test_environments_and_sessions_ask_for_what_is_allowed(
    closed: Server, key: str, value: str, said: str
) -> None:
    environments = closed.client.beta.environments
    metadata = {f"jupyter-agents/{key}": value}
    agent = closed.client.beta.agents.create(name="a", model="claude-haiku-4-5")
    made = environments.create(name=f"{key}-{value}", config=NO_NETWORK)
    assert said in refused(environments.create, name="other", metadata=metadata)
    assert said in refused(environments.update, made.id, metadata=metadata)
    assert said in refused(
        closed.client.beta.sessions.create, agent=agent.id, environment_id=made.id, metadata=metadata
    )
    assert environments.retrieve(made.id) == made


def test_an_endpoint_that_is_not_allowed_is_not_asked(closed: Server, scripted: ScriptedModel) -> None:
    status = closed.request("GET", "local/status").json()["model"]
    assert status["ready"] is False
    assert status["problem"] == (
        f"The model endpoint {scripted.url} is not allowed here. "
        "Allowed are: https://models.example.com (JupyterAgents.allowed_endpoints)."
    )
    session = closed.session(tools=[], model="claude-haiku-4-5")
    heard = closed.turn(session.id, "hello")
    assert [e.error.message for e in heard if e.type == "session.error"] == [status["problem"]]
    assert scripted.requests == []


def test_what_is_not_allowed_is_not_probed_either(closed: Server) -> None:
    probes = closed.request("GET", "local/doctor").json()["probes"]
    assert [probe["kind"] for probe in probes] == ["bubblewrap"]


def test_a_session_may_ask_for_no_isolation_and_its_own_limits_where_that_is_allowed(
    open_home: Home, scripted: ScriptedModel
) -> None:
    limits = {"sandbox": "unsafe", "open-files": "300", "file-size": "2MiB", "call-timeout": "1s"}
    with serving(open_home) as running:
        assert [probe["kind"] for probe in running.request("GET", "local/doctor").json()["probes"]] == [
            "bubblewrap"
        ]
        session = running.session(metadata={f"jupyter-agents/{k}": v for k, v in limits.items()})
        commands = ("ulimit -n; ulimit -f", "env | grep -c sk-test || true", "sleep 60")
        scripted.script[:] = [*([call("bash", command=command)] for command in commands), [say("Done.")]]
        heard = running.turn(session.id, "go")
        results = [e for e in heard if e.type == "agent.tool_result"]
        assert len(results) == 3, heard
        shown, none, late = (result.content[0].text for result in results)
        assert (shown, none) == ("300\n2048\n", "0\n")
        assert late.startswith("bash: ") and "1" in late.splitlines()[0]
        found = running.request("GET", f"local/sessions/{session.id}/sandbox").json()
        assert found["kind"] == "unsafe"
        assert found["notes"][0].startswith("No isolation: ")


@pytest.mark.parametrize(
    ("traits", "said"),
    [
        ({"allowed_models": ["claude-haiku-*"]}, "default_model: the model 'claude-opus-4-7' is not allowed"),
        ({"allowed_images": []}, "image: the image 'jupyter-agents/sandbox:latest' is not allowed"),
        ({"sandbox": "docker", "allowed_sandboxes": ["landlock"]}, "sandbox: the kind of sandbox 'docker'"),
        ({"sandbox": "unsafe"}, "sandbox: unsafe runs tools with no isolation"),
    ],
)
def test_a_default_that_the_policy_refuses_is_an_error_that_names_the_trait(
    traits: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=f"^JupyterAgents.{said}"):
        Traits(config=Config(Traits=traits)).runtime_config("/tmp")


def test_unsafe_is_the_default_only_where_it_is_allowed_too() -> None:
    made = Traits(config=Config(Traits={"sandbox": "unsafe", "allow_unsafe": True})).runtime_config("/tmp")
    assert (made.defaults.sandbox, made.policy.unsafe) == ("unsafe", True)


def test_a_server_that_a_kernel_started_ends_where_that_is_not_allowed() -> None:
    traits = Traits(config=Config(Traits={"allow_embedded": False}))
    traits.check_embedded(False)
    with pytest.raises(UserError, match="allow_embedded"):
        traits.check_embedded(True)
    Traits().check_embedded(True)

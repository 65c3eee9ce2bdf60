from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jupyter_agents.domain.policy import Policy
from jupyter_agents.domain.settings import Settings
from jupyter_agents.errors import InvalidRequest

CLOSED = Policy(
    models=("claude-haiku-*", "qwen3"),
    endpoints=("https://models.example.com", "http://127.0.0.1:8000/v1/"),
    images=("python:3.*", "registry.example.com/team/*"),
    sandboxes=("docker", "bubblewrap"),
)


@pytest.mark.parametrize(
    ("model", "allowed"),
    [("qwen3", True), ("claude-haiku-4-5", True), ("claude-opus-4-7", False), ("qwen35", False), ("", False)],
)
def test_models(model: str, allowed: bool) -> None:
    assert (CLOSED.model_problem(model) is None) == allowed
    if not allowed:
        with pytest.raises(InvalidRequest, match=r"^model: the model .* Allowed are: claude-haiku-"):
            CLOSED.check_agent({"model": {"id": model}})


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://models.example.com", True),
        ("https://models.example.com/", True),
        ("https://MODELS.example.com:443/v1", True),
        ("http://127.0.0.1:8000", True),
        ("http://models.example.com", False),
        ("https://models.example.com:8443", False),
        ("https://models.example.com.other.example", False),
        ("https://models.example.com@other.example", False),
        ("https://models.example.com/other", False),
        ("http://127.0.0.1:8001", False),
    ],
)
def test_endpoints(url: str, allowed: bool) -> None:
    problem = CLOSED.endpoint_problem(url)
    assert (problem is None) == allowed
    assert allowed or (problem is not None and url in problem and "allowed_endpoints" in problem)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"image": "python:3.12"}, None),
        ({"image": "registry.example.com/team/a/b:1"}, None),
        ({"sandbox": "docker"}, None),
        ({"image": "python:2.7"}, "jupyter-agents/image: the image 'python:2.7' is not allowed here."),
        ({"image": "other.example.com/python:3.12"}, "jupyter-agents/image"),
        ({"sandbox": "landlock"}, "jupyter-agents/sandbox: the kind of sandbox 'landlock' is not allowed"),
        ({"sandbox": "unsafe"}, "jupyter-agents/sandbox: unsafe runs tools with no isolation"),
    ],
)
def test_what_a_sandbox_is_asked_for(changes: dict[str, Any], said: str | None) -> None:
    asked = replace(Settings(), **changes)
    if said is None:
        CLOSED.check_settings(asked)
        return
    with pytest.raises(InvalidRequest) as caught:
        CLOSED.check_settings(asked)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("policy", "kinds"),
    [
        (Policy(), {"docker", "bubblewrap", "landlock"}),
        (Policy(unsafe=True), {"docker", "bubblewrap", "landlock", "unsafe"}),
        (Policy(sandboxes=("docker",), unsafe=True), {"docker"}),
        (Policy(sandboxes=("unsafe",)), set()),
        (Policy(sandboxes=()), set()),
    ],
)
def test_which_kinds_have_a_place(policy: Policy, kinds: set[str]) -> None:
    every = ("docker", "bubblewrap", "landlock", "unsafe")
    assert {kind for kind in every if policy.allows_kind(kind)} == kinds


def test_an_empty_list_allows_nothing_and_a_star_everything() -> None:
    assert "None is allowed (JupyterAgents.allowed_models)" in str(Policy(models=()).model_problem("m"))
    assert Policy(endpoints=()).endpoint_problem("http://a") is not None
    for problem in (Policy().model_problem("m"), Policy().endpoint_problem("x"), Policy().image_problem("i")):
        assert problem is None

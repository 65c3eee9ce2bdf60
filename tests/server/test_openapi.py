"""The OpenAPI document holds what the server does: every route stands in it, and random requests made
from it meet no fault and no status that it does not name."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from jupyter_agents.server import agents, environments, events, files, resources, sessions, threads, unbuilt
from jupyter_agents.server.openapi import document
from jupyter_agents.server.operations import OPERATIONS
from tests.support import TOKEN, Server

MODULES: tuple[ModuleType, ...] = (agents, environments, sessions, events, threads, files, resources)
METHODS = ("get", "post", "delete")
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
ENDLESS = r"\.stream$"

api = schemathesis.openapi.from_dict(document())
there: dict[str, str] = {}
"""Ids of objects that the server has, by the name of the path's parameter."""


@pytest.fixture(autouse=True)
def objects(server: Server) -> None:
    session = server.session()
    file = server.client.beta.files.upload(file=("a.txt", b"text"))
    there.update(
        agent_id=session.agent.id,
        environment_id=session.environment_id,
        session_id=session.id,
        file_id=file.id,
    )


@api.hook
def map_path_parameters(context: Any, path_parameters: dict[str, str] | None) -> dict[str, str] | None:
    """Half of the ids are of objects that are there."""
    return path_parameters and {
        name: there.get(name, value) if len(value) % 2 else value for name, value in path_parameters.items()
    }


def served() -> set[tuple[str, str]]:
    """Every method of every route that stands for one of the SDK's."""
    return {
        (method, re.sub(r"\(\[\^/\]\+\)", "{}", path))
        for module in MODULES
        for path, handler in module.ROUTES
        for method in METHODS
        if method in vars(handler)
    }


def test_every_route_is_an_operation_and_the_other_way_round() -> None:
    listed = {
        (operation.method, re.sub(r"\{\w+\}", "{}", operation.path))
        for operation in OPERATIONS
        if not any(re.fullmatch(pattern, operation.path[1:]) for pattern in unbuilt.FEATURES)
    }
    assert listed == served()


def test_the_document_is_served(server: Server) -> None:
    found = server.request("GET", "openapi.json").json()
    assert found["paths"] == document()["paths"]
    assert found["components"]["schemas"].keys() == document()["components"]["schemas"].keys()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_the_sdk_has_a_method_of_that_name(server: Server, operation: Any) -> None:
    found: Any = server.client.beta
    for name in operation.name.split("."):
        found = getattr(found, name)
    assert callable(found)


@api.exclude(operation_id_regex=ENDLESS).parametrize()
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_random_requests_are_answered_as_documented(case: Any, server: Server) -> None:
    case.call_and_validate(base_url=server.url, headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKS)

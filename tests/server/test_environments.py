from __future__ import annotations

import time
from typing import Any

import anthropic
import pytest

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

from __future__ import annotations

import pytest

from jupyter_agents import errors
from jupyter_agents.errors import ApiError

LEAVES = [
    found
    for found in vars(errors).values()
    if isinstance(found, type) and issubclass(found, ApiError) and found is not ApiError
]


@pytest.mark.parametrize("error", LEAVES, ids=lambda error: error.__name__)
def test_the_body_is_the_wires(error: type[ApiError]) -> None:
    made = error("what was wrong")
    body = made.body("req_1")
    assert body["type"] == "error" and body["request_id"] == "req_1"
    assert body["error"]["type"] == error.type and "what was wrong" in body["error"]["message"]
    assert 400 <= error.status < 600


def test_a_code_stands_in_the_details() -> None:
    body = errors.NotFound("gone", code="file_expired").body("req_1")
    assert body["error"]["details"] == {"error_code": "file_expired"}
    assert errors.NotSupported("vaults").body("req_1")["error"]["details"] == {"error_code": "not_supported"}


@pytest.mark.parametrize("error", LEAVES, ids=lambda error: error.__name__)
def test_every_class_stands_in_the_drawn_tree(error: type) -> None:
    assert error.__name__ in (errors.__doc__ or "")


def test_the_three_kinds_of_sandbox_trouble_are_apart() -> None:
    assert not issubclass(errors.LimitExceeded, errors.SandboxUnavailable)
    assert not issubclass(errors.SandboxUnavailable, errors.LimitExceeded)
    assert not issubclass(errors.SandboxError, ApiError)

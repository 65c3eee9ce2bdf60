"""The SDK's methods and request types, each served or refused with a reason: an SDK that grows is noticed."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import anthropic
import pytest
from anthropic.types import beta

from jupyter_agents.server.operations import OPERATIONS
from tests.support import Server

NOT_BUILT = "known, not built: 400 not_supported"
ELSEWHERE = "another service's: there is nothing at its paths here"
REFUSED = {
    "deployments": NOT_BUILT,
    "deployment_runs": NOT_BUILT,
    "dreams": NOT_BUILT,
    "environments.work": NOT_BUILT,
    "memory_stores": NOT_BUILT,
    "skills": NOT_BUILT,
    "vaults": NOT_BUILT,
    "messages": ELSEWHERE,
    "models": ELSEWHERE,
    "organization": ELSEWHERE,
    "tunnels": ELSEWHERE,
    "user_profiles": ELSEWHERE,
    "webhooks": "reads what a server of webhooks sent; no request",
}
SERVED = {operation.name for operation in OPERATIONS}
FAMILIES = ("agents", "environments", "sessions", "sessions.threads", "files")


def methods(resource: Any, *path: str) -> Iterator[str]:
    """Dotted names of every method below one of the SDK's resources."""
    for name in dir(type(resource)):
        if name.startswith("_") or name in ("with_raw_response", "with_streaming_response"):
            continue
        found = getattr(resource, name)
        if inspect.ismethod(found):
            yield ".".join((*path, name))
        elif isinstance(found, anthropic.resources.Beta.__base__):  # type: ignore[arg-type]
            yield from methods(found, *path, name)


SDK = anthropic.Anthropic(api_key="none", base_url="http://127.0.0.1:9")
METHODS = sorted(methods(SDK.beta))


def refusal(name: str) -> str | None:
    return next((why for part, why in REFUSED.items() if name == part or name.startswith(f"{part}.")), None)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_the_sdk_is_served_or_refused(name: str) -> None:
    assert (name in SERVED) != (refusal(name) is not None)


def test_nothing_is_listed_that_the_sdk_does_not_have() -> None:
    assert set(METHODS) >= SERVED
    assert all(any(name.startswith(part) for name in METHODS) for part in REFUSED)


@pytest.mark.parametrize(
    "path", ["deployments", "deployment_runs", "dreams", "memory_stores", "skills", "vaults"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_not_built_says_so(server: Server, method: str, path: str) -> None:
    answer = server.request(method, f"v1/{path}", json={} if method == "POST" else None)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["details"] == {"error_code": "not_supported"}
    assert path in error["message"]


@pytest.mark.parametrize("path", ["messages", "models", "organizations/api_keys", "tunnels"])
def test_what_is_elsewhere_is_not_found(server: Server, path: str) -> None:
    answer = server.request("GET", f"v1/{path}")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")


def params_types() -> Iterator[Any]:
    """The request types of the families that are served, without the parts that they are made of."""
    packages = [f"{beta.__name__}.{family}" for family in FAMILIES]
    found = [import_module(name) for name in packages if _is_package(name)]
    for package in (beta, *found):
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.endswith("_params") and not module.name.startswith("beta_"):
                name = "".join(part.capitalize() for part in module.name.split("_"))
                made = getattr(package, name, None)
                if made is not None and (package is not beta or name.startswith(_PREFIXES)):
                    yield made


_PREFIXES = ("Agent", "Environment", "Session", "File")


def _is_package(name: str) -> bool:
    try:
        return hasattr(import_module(name), "__path__")
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("params", list(params_types()), ids=lambda params: params.__name__)
def test_every_request_type_is_read(params: Any) -> None:
    read = {id(found) for operation in OPERATIONS for found in (operation.query, operation.body)}
    uploads = {"FileUploadParams": "multipart: its two parts are read by name"}
    work = params.__module__.split(".")[-1].startswith("work_")
    assert id(params) in read or params.__name__ in uploads or (work and refusal("environments.work"))

from __future__ import annotations

import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from jupyter_agents.errors import InvalidRequest
from jupyter_agents.runtime.endpoint import LOCAL_KEY, PUBLIC, Endpoint, is_loopback


def made(folder: Path, trait: str = "", **environment: str) -> Endpoint:
    return Endpoint(folder, trait, environment)


def test_the_address_is_the_traits_else_ours_else_the_sdks_else_the_public_one(tmp_path: Path) -> None:
    ours, sdks = "http://ours", "http://sdks"
    both = {"JUPYTER_AGENTS_MODEL_URL": ours, "ANTHROPIC_BASE_URL": sdks}
    assert made(tmp_path, "http://trait", **both).base_url == "http://trait"
    assert made(tmp_path, **both).base_url == ours
    assert made(tmp_path, ANTHROPIC_BASE_URL=sdks).base_url == sdks
    assert made(tmp_path).base_url == PUBLIC
    assert made(tmp_path, "http://a/v1/").base_url == "http://a"


def test_the_key_is_the_logins_else_the_environments(tmp_path: Path) -> None:
    endpoint = made(tmp_path, ANTHROPIC_API_KEY="sk-env")
    assert endpoint.key() == ("sk-env", "environment")
    endpoint.login(" sk-login\n".strip())
    assert endpoint.key() == ("sk-login", "login")
    assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600
    endpoint.logout()
    endpoint.logout()
    assert endpoint.key() == ("sk-env", "environment")


def test_a_local_endpoint_needs_no_key(tmp_path: Path) -> None:
    endpoint = made(tmp_path, "http://localhost:11434")
    assert endpoint.key() == (LOCAL_KEY, "dummy") and endpoint.problem() is None


def test_without_a_key_it_says_what_to_do(tmp_path: Path) -> None:
    endpoint = made(tmp_path)
    problem = endpoint.problem()
    assert problem and "%agent login" in problem and "ANTHROPIC_API_KEY" in problem
    status = endpoint.status("claude-opus-4-7")
    assert (status["key"], status["ready"], status["problem"]) == ("none", False, problem)


@pytest.mark.parametrize("key", ["", "  ", "two\nlines", "é", "x" * 1001, "\x00"])
def test_what_is_no_key_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(InvalidRequest, match="api_key"):
        made(tmp_path).login(key)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"api_key": 5}', "\x00"])
def test_a_broken_credentials_file_is_no_key(tmp_path: Path, content: str) -> None:
    (tmp_path / "credentials.json").write_text(content)
    assert made(tmp_path).key() == (None, "none")


@pytest.mark.parametrize("url", ["ftp://a", "nonsense", "http://", "http://a:99999999", "http://[::1"])
def test_an_address_that_is_none_says_so(tmp_path: Path, url: str) -> None:
    problem = made(tmp_path, url).problem()
    assert problem and "not an http(s) address" in problem


@pytest.mark.parametrize(
    ("own", "url", "same"),
    [
        ("http://127.0.0.1:8888/jupyter-agents", "http://127.0.0.1:8888/jupyter-agents", True),
        ("http://127.0.0.1:8888/jupyter-agents", "http://localhost:8888/jupyter-agents/v1", True),
        ("http://localhost:8888/jupyter-agents", "http://[::1]:8888/jupyter-agents/", True),
        (
            f"http://{socket.gethostname()}:8888/base/jupyter-agents",
            "http://127.0.0.1:8888/base/jupyter-agents",
            True,
        ),
        ("http://127.0.0.1:8888/jupyter-agents", "http://127.0.0.1:8889/jupyter-agents", False),
        ("http://127.0.0.1:8888/jupyter-agents", "http://127.0.0.1:8888/jupyter-agents-proxy", False),
        ("http://127.0.0.1:8888/jupyter-agents", "http://127.0.0.1:8888/ollama", False),
        ("http://hub.example/jupyter-agents", "http://other.example/jupyter-agents", False),
    ],
)
def test_an_endpoint_that_is_this_server_is_refused(tmp_path: Path, own: str, url: str, same: bool) -> None:
    endpoint = made(tmp_path, url)
    endpoint.own_urls = (own,)
    assert bool(endpoint.problem()) == same


async def test_one_client_for_each_address_and_key(tmp_path: Path) -> None:
    endpoint = made(tmp_path, "http://localhost:1")
    first = endpoint.client()
    assert endpoint.client() is first
    endpoint.login("sk-new")
    assert endpoint.client() is not first and endpoint.client().api_key == "sk-new"
    await endpoint.close()


async def test_the_client_is_there_before_the_first_request(tmp_path: Path) -> None:
    made(tmp_path).prepare()
    endpoint = made(tmp_path, "http://localhost:1")
    endpoint.prepare()
    with patch("anthropic.AsyncAnthropic", side_effect=AssertionError("another one")):
        assert not endpoint.client().is_closed()
    await endpoint.close()


async def test_threads_that_ask_at_once_get_the_same_client(tmp_path: Path) -> None:
    endpoint = made(tmp_path, "http://127.0.0.1:1")
    together = threading.Barrier(8)

    def ask() -> Any:
        together.wait()
        return endpoint.client()

    with ThreadPoolExecutor(8) as pool:
        clients = [task.result() for task in [pool.submit(ask) for _ in range(8)]]
    assert all(client is clients[0] for client in clients)
    await endpoint.close()


async def test_no_proxy_stands_before_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")
    near, far = made(tmp_path, "http://127.0.0.1:1"), made(tmp_path, "http://far.example")
    assert not near.client()._client.trust_env and far.client()._client.trust_env
    await near.close()
    await far.close()


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("::1", True),
        ("10.0.0.1", False),
        (None, False),
    ],
)
def test_what_is_this_machine(host: str | None, here: bool) -> None:
    assert is_loopback(host) == here

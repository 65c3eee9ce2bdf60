"""Which server a kernel talks to."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from jupyter_agents.errors import UserError
from jupyter_agents.kernel import client

NAMES = (
    *("JUPYTER_AGENTS_URL", "JUPYTER_AGENTS_TOKEN", "JPY_PARENT_PID"),
    *("JUPYTERHUB_SERVICE_URL", "JUPYTERHUB_API_TOKEN"),
)


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))


def running(folder: Path, pid: int, **more: object) -> None:
    info = {
        "pid": pid,
        "url": "http://localhost:8890/base/",
        "port": 8890,
        "hostname": "localhost",
        "token": "secret",
        "sock": "",
        **more,
    }
    (folder / f"jpserver-{pid}.json").write_text(json.dumps(info))


def test_nothing_is_found_where_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.find() is None
    monkeypatch.setenv("JPY_PARENT_PID", "4242")
    assert client.find() is None


def test_the_server_that_started_this_kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    running(tmp_path, 4242)
    running(tmp_path, 4243, url="http://localhost:1/", token="other")
    monkeypatch.setenv("JPY_PARENT_PID", "4242")
    found = client.find()
    assert found == client.Address(
        "http://localhost:8890/base/", "secret", "this Jupyter server", parent=True
    )
    assert client.Connection(found).base_url == "http://localhost:8890/base/jupyter-agents"


def test_a_server_on_every_address_is_reached_over_loopback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    running(tmp_path, 4242, url="http://my-host:8890/base/", hostname="0.0.0.0")
    monkeypatch.setenv("JPY_PARENT_PID", "4242")
    found = client.find()
    assert found is not None
    assert found.url == "http://127.0.0.1:8890/base/"


@pytest.mark.parametrize("broken", [{"pid": 1}, {"sock": "/run/x.sock"}])
def test_a_file_that_does_not_fit_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: dict[str, object]
) -> None:
    running(tmp_path, 4242)
    path = tmp_path / "jpserver-4242.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **broken}))
    monkeypatch.setenv("JPY_PARENT_PID", "4242")
    assert client.find() is None


def test_own_variables_come_first_and_the_hub_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_URL", "http://0.0.0.0:8888/user/me/")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "hub")
    assert client.find() == client.Address("http://127.0.0.1:8888/user/me/", "hub", "JupyterHub")
    running(tmp_path, 4242)
    monkeypatch.setenv("JPY_PARENT_PID", "4242")
    assert client.find().token == "secret"  # type: ignore[union-attr]
    monkeypatch.setenv("JUPYTER_AGENTS_URL", "http://far.example/jupyter-agents/")
    monkeypatch.setenv("JUPYTER_AGENTS_TOKEN", "own")
    found = client.find()
    assert found == client.Address("http://far.example/", "own", "JUPYTER_AGENTS_URL")
    assert not found.is_local


def test_an_address_without_a_token_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_AGENTS_URL", "http://127.0.0.1:1")
    with pytest.raises(UserError, match="JUPYTER_AGENTS_TOKEN"):
        client.find()


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "token": self.headers["Authorization"]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/base/"
        server.shutdown()
        thread.join()


async def test_loopback_passes_no_proxy(monkeypatch: pytest.MonkeyPatch, echo: str) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    connection = client.connect(echo, "secret")
    expected = {"path": "/base/jupyter-agents/local/status", "token": "Bearer secret"}
    assert await connection.get("status") == expected
    await connection.sdk.close()
    with connection.client as sdk:
        assert sdk.get("/local/status", cast_to=object) == expected


@pytest.mark.parametrize(("scheme", "reads"), [("http", False), ("https", True)])
def test_certificates_are_read_only_where_they_are_needed(
    monkeypatch: pytest.MonkeyPatch, scheme: str, reads: bool
) -> None:
    read: list[object] = []
    original = ssl.SSLContext.load_verify_locations

    def load(self: ssl.SSLContext, *where: object, **more: object) -> None:
        read.append(where or more)
        original(self, *where, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", load)
    connection = client.Connection(client.Address(f"{scheme}://127.0.0.1:8888/", "t", "given"))
    assert connection.client.auth_token == connection.sdk.auth_token == "t"
    assert bool(read) is reads

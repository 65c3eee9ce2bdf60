"""A provider of an installed package, in a real server."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from tests.dists import install, install_example
from tests.support import Home, Server, serving

USER = [] if os.geteuid() else ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups"]
KEY = "jupyter-agents/sandbox"


@pytest.fixture
def opened() -> Iterator[Path]:
    """A folder that the sandbox's user may enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def running(folder: Path, url: str, **traits: Any) -> Iterator[Server]:
    """A server with the example and with a provider that cannot be imported."""
    site, temporary = folder / "site", folder / "temporary"
    install(install_example(site), "broken-sandboxes", {"broken": "not_there:Provider"})
    temporary.mkdir()
    temporary.chmod(0o1777)
    command = ["env", f"TMPDIR={temporary}", *USER, "sh", "-c"]
    traits = {"sandbox": "auto", "sandbox_options": {"by-command": {"command": command}}, **traits}
    home = Home(folder / "home", url, traits, {"PYTHONPATH": str(site)})
    home.data.mkdir(mode=0o711)
    with serving(home) as server:
        yield server


def results(heard: list[Any]) -> list[str]:
    return [event.content[0].text for event in heard if event.type == "agent.tool_result"]


def test_a_session_asks_for_it_by_name(opened: Path, scripted: ScriptedModel) -> None:
    with running(opened, scripted.url) as server:
        scripted.script[:] = [[call("bash", command="echo far >outputs/f; id -u")], [say("Done.")]]
        session = server.session(metadata={KEY: "by-command"})
        heard = server.turn(session.id, "go")
        assert results(heard) == [f"{os.geteuid() or 65532}\n"], heard
        found = server.request("GET", f"local/sessions/{session.id}/sandbox").json()
        assert found["kind"] == "by-command" and found["notes"][0].startswith("No isolation on the machine")
        assert [file.filename for file in server.client.beta.files.list(scope_id=session.id)] == ["f"]


def test_one_that_cannot_be_imported_ends_neither_the_server_nor_the_turn(
    opened: Path, scripted: ScriptedModel
) -> None:
    with running(opened, scripted.url) as server:
        probes = server.request("GET", "local/doctor").json()["probes"]
        assert [probe["kind"] for probe in probes] == ["docker", "bubblewrap", "landlock"]
        scripted.script[:] = [[call("bash", command="true")], [say("Done.")]]
        heard = server.turn(server.session(metadata={KEY: "broken"}).id, "go")
        [said] = results(heard)
        assert "'broken' was asked for and does not work: broken-sandboxes 1.0 cannot be loaded" in said
        assert "No module named 'not_there'" in said
        with pytest.raises(anthropic.BadRequestError, match="landlock, unsafe, broken, by-command"):
            server.session(metadata={KEY: "by_command"})


def test_auto_takes_it_where_the_administrator_lists_it(opened: Path, scripted: ScriptedModel) -> None:
    kinds = ["broken", "by-command", "bubblewrap"]
    with running(opened, scripted.url, auto_sandboxes=kinds) as server:
        found = server.request("GET", "local/doctor").json()
        assert [probe["kind"] for probe in found["probes"]] == kinds
        scripted.script[:] = [[call("bash", command="pwd")], [say("Done.")]]
        session = server.session()
        assert results(server.turn(session.id, "go"))[0].startswith(str(opened))


def test_the_policy_covers_it(opened: Path, scripted: ScriptedModel) -> None:
    with (
        running(opened, scripted.url, allowed_sandboxes=["bubblewrap"]) as server,
        pytest.raises(anthropic.BadRequestError, match="'by-command' is not allowed here"),
    ):
        server.session(metadata={KEY: "by-command"})

"""What all tests share: the scripted model, a real server, and a list of what the machine lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from jupyter_agents.testing import ScriptedModel
from tests.needs import PROBES, absent, need, required
from tests.support import Home, Server, serving

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


def pytest_configure(config: pytest.Config) -> None:
    unknown = required() - PROBES.keys()
    if unknown:
        raise pytest.UsageError(f"REQUIRE knows {', '.join(PROBES)}, not {', '.join(unknown)}")


def pytest_sessionstart(session: pytest.Session) -> None:
    missing = [f"{what} ({reason})" for what in sorted(required()) if (reason := absent(what))]
    if missing:
        pytest.exit(f"required and absent: {'; '.join(missing)}", returncode=1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lacking = {what: reason for what in PROBES if (reason := absent(what))}
    terminalreporter.section("optional parts of this machine")
    for what in PROBES:
        terminalreporter.line(f"{what}: {'absent, ' + lacking[what] if what in lacking else 'there'}")


@pytest.fixture(scope="session")
def _scripted_model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as model:
        yield model


@pytest.fixture
def scripted(_scripted_model: ScriptedModel) -> ScriptedModel:
    """The scripted model, with nothing in its script."""
    _scripted_model.script.clear()
    _scripted_model.requests.clear()
    return _scripted_model


@pytest.fixture(scope="session")
def _server(_scripted_model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    need("bwrap")
    folder = tmp_path_factory.mktemp("server")
    folder.parent.chmod(0o755)
    with serving(Home(folder, _scripted_model.url)) as running:
        yield running


@pytest.fixture
def server(_server: Server, scripted: ScriptedModel) -> Server:
    """A running server, whose model is `scripted`."""
    return _server


@pytest.fixture
def home(tmp_path: Path, scripted: ScriptedModel) -> Home:
    """Folders for a server of this test's own."""
    return Home(tmp_path, scripted.url)

"""The command line in this process, with a store and a configuration of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents import cli
from jupyter_agents.ids import IdSource, rfc3339, utc_now
from jupyter_agents.runtime.imports import import_run
from jupyter_agents.runtime.runfile import export
from jupyter_agents.store.catalog import Catalog, change_session
from jupyter_agents.store.database import Database
from tests.domain.talk import START, Talk, text

OWN = ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "JUPYTER_AGENTS_MODEL_URL", "JUPYTER_AGENTS_REPLAY")


@dataclass
class Shell:
    """Runs commands; `data` is the store, `config` Jupyter's configuration folder."""

    data: Path
    config: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self.capture.readouterr()
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as left:
            status = int(left.code or 0)
        said = self.capture.readouterr()
        return status, said.out, said.err

    def json(self, *arguments: str | Path) -> Any:
        """The JSON of a command that succeeds."""
        status, out, err = self(*arguments, "--json")
        assert status == 0, err
        return json.loads(out)

    def configure(self, **traits: Any) -> None:
        (self.config / "jupyter_server_config.json").write_text(json.dumps({"JupyterAgents": traits}))


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    for name in OWN:
        monkeypatch.delenv(name, raising=False)
    made = Shell(tmp_path / "data", tmp_path / "config", capsys)
    made.config.mkdir()
    monkeypatch.setenv("JUPYTER_AGENTS_DATA_DIR", str(made.data))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(made.config))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setattr(tempfile, "tempdir", str(made.config))
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    yield made


def conversation(**more: Any) -> Talk:
    """A turn with one call."""
    talk = Talk(title="Fibonacci", **more)
    talk.turn("write it")
    (call,) = talk.calls("allow")
    talk.result(call, "1 1 2 3")
    talk.ask()
    talk.answer(text("It is written."))
    talk.idle()
    return talk


def run_file(talk: Talk) -> str:
    return "".join(export(talk.records))


@pytest.fixture
def stored(shell: Shell) -> Callable[..., str]:
    """Puts a session that is over into the store; its id. days: how long ago it was imported."""

    def put(days: float = 0, **more: Any) -> str:
        shell.data.mkdir(exist_ok=True)
        database = Database(shell.data / "agents.db")
        text = run_file(conversation(**more))
        made = import_run(database, text, lambda: START + timedelta(hours=1), IdSource())
        source = Catalog(database).get("session", made.session_id)["imported"]
        source["at"] = rfc3339(utc_now() - timedelta(days=days))
        database.submit(lambda c: change_session(c, made.session_id, {"imported": source})).result()
        database.close()
        return made.session_id

    return put

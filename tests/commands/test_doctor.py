from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.testing import ScriptedModel
from tests.commands.conftest import Shell
from tests.dists import install, install_example
from tests.needs import need

KEY = "sk-very-secret"


def by_name(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"].strip(): check for check in report["checks"]}


def test_what_works_is_found_out_without_a_server(
    shell: Shell, scripted: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("bwrap")
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("JUPYTER_AGENTS_MODEL_URL", scripted.url)
    shell.configure(sandbox="bubblewrap", default_model="claude-haiku-4-5")
    report = shell.json("doctor")
    found = by_name(report)
    assert report["ready"] and found["sandbox"]["how"] == "bubblewrap: tools can run"
    assert found["docker"]["state"] == "note" and found["docker"]["todo"]
    assert found["model"]["state"] == "ok" and "claude-haiku-4-5" in found["model"]["how"]
    assert "key: environment" in found["model"]["how"] and KEY not in str(report)
    assert report["disk"]["used_bytes"].keys() == {"database", "blobs", "uploads", "runs", "other"}
    assert not shell.data.exists()


def test_nothing_that_can_run_tools_is_exit_status_1(shell: Shell) -> None:
    shell.configure(sandbox="docker")
    status, out, err = shell("doctor")
    assert (status, err) == (1, "") and "✗ sandbox" in out and "Nothing here can run tools." in out
    assert "There is no API key" in out and "-> " in out


def test_kinds_of_installed_packages_are_tried_too(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = install_example(tmp_path / "site")
    install(site, "broken-sandboxes", {"broken": "not_there:Provider", "docker": "not_there:Provider"})
    monkeypatch.syspath_prepend(str(site))
    command = {"command": ["env", f"TMPDIR={tmp_path}", "sh", "-c"]}
    shell.configure(sandbox="bubblewrap", sandbox_options={"by-command": command})
    report = shell.json("doctor")
    found = by_name(report)
    assert (found["by-command"]["state"], found["by-command"]["how"]) == ("ok", "env ran a command.")
    assert found["broken"]["state"] == "note"
    assert found["broken"]["how"] == (
        "broken-sandboxes 1.0 cannot be loaded: ModuleNotFoundError: No module named 'not_there'."
    )
    assert (
        found["sandbox provider"]["how"] == "broken-sandboxes 1.0 offers 'docker', a kind that is built in."
    )
    shell.configure(sandbox="bubblewrap", allowed_sandboxes=["bubblewrap"])
    assert not by_name(shell.json("doctor")).keys() & {"broken", "by-command"}

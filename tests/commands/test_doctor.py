from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.testing import ScriptedModel
from tests.commands.conftest import Shell
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

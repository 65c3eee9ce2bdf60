"""``%agent``: what is there, and what to do about what is missing."""

from __future__ import annotations

from typing import Any

from jupyter_agents import __version__
from jupyter_agents.kernel.status import state


def status(**changes: Any) -> dict[str, Any]:
    model = {
        "base_url": "https://models.example",
        "default_model": "m",
        "key": "login",
        "ready": True,
        "problem": None,
    }
    sandbox = {"kind": "bubblewrap", "ready": True, "reason": "", "passed_over": []}
    return {
        "version": __version__,
        "model": {**model, **changes.pop("model", {})},
        "sandbox": {**sandbox, **changes.pop("sandbox", {})},
        "replay": None,
        "sessions": {"running": 1, "idle": 2, "total": 3},
        **changes,
    }


def lines(found: dict[str, Any]) -> str:
    return repr(state(found, "http://127.0.0.1:1/jupyter-agents", "embedded", 1))


def test_all_is_well() -> None:
    text = lines(status())
    assert text.count("✓") == 4
    assert "✗" not in text


def test_a_missing_key_says_what_to_do() -> None:
    text = lines(
        status(model={"key": "none", "ready": False, "problem": "There is no key. Run %agent login."})
    )
    assert "There is no key" in text
    assert "%agent login" in text


def test_a_missing_sandbox_gives_the_remedies() -> None:
    probe = {"kind": "docker", "ok": False, "reason": "no engine", "remedy": "Start Docker."}
    text = lines(status(sandbox={"kind": None, "ready": False, "reason": "", "passed_over": [probe]}))
    assert "docker: no engine" in text
    assert "Start Docker." in text


def test_a_replay_needs_no_model() -> None:
    assert "no model is asked" in lines(status(replay="runs", model={"ready": False}))


def test_a_replay_without_run_files_is_a_fault() -> None:
    text = lines(status(replay="/nowhere", replay_problem="There is no run file (*.agentrun) at /nowhere."))
    assert "✗ model" in text and "no run file" in text


def test_an_endpoint_that_was_asked() -> None:
    text = lines(status(model={"answers": True, "how": "it answers", "todo": ""}))
    assert "✓ model" in text and "key from %agent login; it answers" in text
    text = lines(status(model={"answers": False, "how": "nothing answers there", "todo": "Check it."}))
    assert "✗ model" in text and "nothing answers there" in text and "Check it." in text


def test_a_page_without_the_front_end_is_no_fault_and_is_told_of() -> None:
    bare = repr(
        state(status(), "http://127.0.0.1:1/jupyter-agents", "this Jupyter server", 1, bare_page=True)
    )
    assert "✗" not in bare and "✓ page" in bare and "restart JupyterLab to see" in bare
    assert "page" not in lines(status())


def test_the_table_is_escaped() -> None:
    drawn = state(status(version="<b>"), "http://x", "<i>", 0)._repr_html_()
    assert "<b>" not in drawn
    assert "&lt;b&gt;" in drawn


def test_a_sandbox_that_was_asked_for_gives_its_own_remedy() -> None:
    sandbox = {
        "kind": None,
        "ready": False,
        "reason": "bwrap is missing.",
        "passed_over": [],
        "remedy": "Install it.",
    }
    assert "none: bwrap is missing.\n" in lines(status(sandbox=sandbox))
    assert "Install it." in lines(status(sandbox=sandbox))


def test_an_older_server_says_which_to_upgrade() -> None:
    text = lines(status(version="0.0.1"))
    assert "✗ server" in text
    assert "pip install -U jupyter-agents in that environment" in text


def test_a_local_endpoint_says_how_to_name_its_model() -> None:
    local = {"base_url": "http://localhost:11434", "default_model": "claude-opus-4-7", "key": "dummy"}
    text = lines(status(model=local))
    assert "✓ model" in text and "no key needed" in text
    assert "%agent define default --model NAME" in text
    assert "%agent define default" not in lines(status(model={**local, "default_model": "qwen"}))


def test_the_three_forms_agree() -> None:
    shown = state(status(version="0.0.1"), "http://x", "embedded", 0)
    for form in (repr(shown), shown._repr_html_(), shown._repr_markdown_()):
        assert "pip install" in form and "bubblewrap" in form

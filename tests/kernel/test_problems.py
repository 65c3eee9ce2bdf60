"""Errors as one sentence."""

from __future__ import annotations

import anthropic
import httpx2
import pytest

from jupyter_agents.errors import UserError
from jupyter_agents.kernel.problems import PROXIES, AgentError, did_you_mean, explain

REQUEST = httpx2.Request("GET", "http://127.0.0.1/")


def answer(status: int) -> httpx2.Response:
    return httpx2.Response(status, request=REQUEST)


def test_the_message_of_the_server_is_what_is_said() -> None:
    body = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "too long."},
    }
    error = anthropic.BadRequestError("400", response=answer(400), body=body)
    assert str(explain(error)) == "too long."


def test_what_is_said_of_other_errors() -> None:
    refused = anthropic.AuthenticationError("401", response=answer(401), body=None)
    assert "token" in str(explain(refused))
    gone = anthropic.APIConnectionError(request=httpx2.Request("GET", "http://me:secret@127.0.0.1:8/x"))
    assert "notebook, http://127.0.0.1:8, cannot be reached" in str(explain(gone))
    assert "in time" in str(explain(anthropic.APITimeoutError(request=REQUEST)))
    assert str(explain(UserError("plain"))) == "plain"
    assert str(explain(FileNotFoundError(2, "No such file", "x"))) == "No such file: x"


def test_an_answer_that_is_not_ours_names_what_stands_between() -> None:
    page = anthropic.InternalServerError("<html>", response=answer(502), body="<html>Bad gateway")
    said = str(explain(page))
    assert "502" in said and "proxy" in said and "NO_PROXY" in said
    assert "<html>" not in said


def test_a_proxy_is_named_where_the_server_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    far = anthropic.APIConnectionError(request=httpx2.Request("GET", "http://hub.example/x"))
    assert "NO_PROXY" not in str(explain(far))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert "HTTPS_PROXY is set here" in str(explain(far))
    assert "add hub.example to NO_PROXY" in str(explain(far))
    assert "NO_PROXY" not in str(explain(anthropic.APIConnectionError(request=REQUEST)))


def test_a_fault_of_ours_stays_a_fault() -> None:
    with pytest.raises(ZeroDivisionError):
        explain(ZeroDivisionError())


def test_a_notebook_shows_the_message_alone() -> None:
    assert AgentError("what to do")._render_traceback_() == ["what to do"]


def test_close_matches() -> None:
    assert did_you_mean("codr", ["coder", "writer"]) == " Did you mean coder?"
    assert did_you_mean("xyz", ["coder"]) == ""

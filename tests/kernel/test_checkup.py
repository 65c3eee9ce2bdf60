"""``%agent doctor`` in words."""

from __future__ import annotations

import sys
from typing import Any

from jupyter_agents import __version__
from jupyter_agents.kernel.checkup import report
from tests.kernel.test_status import status

DOCKER = {"kind": "docker", "ok": False, "reason": "no engine", "remedy": "Start Docker."}
BUBBLEWRAP = {"kind": "bubblewrap", "ok": True, "reason": "", "remedy": None}


def found(**changes: Any) -> dict[str, Any]:
    return status(
        **{
            "probes": [DOCKER, BUBBLEWRAP],
            "disk": {"used_bytes": {"agents.db": 1_500, "runs": 500}, "free_bytes": 5_000_000_000},
            "data_dir": "/data",
            "python": sys.prefix,
            **changes,
        }
    )


def lines(doc: dict[str, Any]) -> str:
    return repr(report(doc, "http://127.0.0.1:1/jupyter-agents", "embedded"))


def test_all_is_well() -> None:
    text = lines(found())
    assert "Everything works." in text and "✗" not in text
    assert "not needed here: no engine" in text
    assert "bubblewrap works, and is used" in text
    assert "2.0 kB used in /data, 5.0 GB free" in text
    assert f"jupyter-agents {__version__}" in text


def test_no_sandbox_gives_every_remedy() -> None:
    probes = [DOCKER, {**BUBBLEWRAP, "ok": False, "reason": "no bwrap", "remedy": "Install it."}]
    text = lines(found(probes=probes, sandbox={"kind": None, "ready": False}))
    assert "✗ sandbox" in text
    for words in ("agents cannot run commands", "no engine", "Start Docker.", "no bwrap", "Install it."):
        assert words in text
    assert "One thing needs attention" in text


def test_another_environment_is_no_fault_and_is_named() -> None:
    text = lines(found(python="/opt/jupyter"))
    assert "The server runs in another environment, /opt/jupyter" in text
    assert "Everything works." in text


def test_a_full_disk() -> None:
    text = lines(found(disk={"used_bytes": {}, "free_bytes": 10_000_000}))
    assert "✗ disk" in text and "%agent delete" in text and "One thing needs attention" in text


def test_an_older_server_without_new_fields() -> None:
    doc = found(version="0.0.1")
    del doc["python"]
    text = lines(doc)
    assert "✗ server" in text and "restart Jupyter" in text


def test_a_page_without_the_front_end() -> None:
    text = repr(report(found(), "http://127.0.0.1:1/jupyter-agents", "this Jupyter server", bare_page=True))
    assert "reload the page" in text and "Everything works." in text

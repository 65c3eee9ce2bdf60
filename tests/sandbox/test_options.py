from __future__ import annotations

import json

from jupyter_agents.sandbox.base import Limits
from jupyter_agents.sandbox.options import Root, ToolhostOptions


def test_the_arguments_are_isolated_python_and_one_json_object() -> None:
    options = ToolhostOptions(
        roots=(Root("/workspace", "/real", writable=True), Root("/data")),
        env={"A": "b"},
        limits=Limits(pids=7, file_size=8, open_files=9, call_seconds=10),
        processes=11,
        uid=12,
        egress="/run/egress/x.sock",
    )
    *flags, path, text = options.arguments("/inside/t.pyz")
    assert flags == ["-I", "-S", "-W", "ignore"]
    assert path == "/inside/t.pyz"
    assert json.loads(text) == {
        "roots": [["/workspace", "/real", True], ["/data", "/data", False]],
        "env": {"A": "b"},
        "call_seconds": 10,
        "pids": 7,
        "rlimits": {"FSIZE": 8, "NOFILE": 9, "CORE": 0, "NPROC": 11},
        "uid": 12,
        "egress": "/run/egress/x.sock",
        "confine": None,
    }


def test_memory_is_never_limited_by_address_space() -> None:
    text = ToolhostOptions().arguments("t")[-1]
    assert set(json.loads(text)["rlimits"]) == {"FSIZE", "NOFILE", "CORE"}

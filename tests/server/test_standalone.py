from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import Home, serving


@pytest.mark.parametrize(
    ("traits", "said"),
    [
        (
            {"max_packages": "lots"},
            "JupyterAgents.max_packages: 'lots' is not a size such as 512MiB or 1GiB.",
        ),
        ({"memory": "1XB"}, "JupyterAgents.memory: '1XB' is not a size such as 512MiB or 1GiB."),
        ({"mcp_stdio": {"notes": 3}}, "JupyterAgents.mcp_stdio"),
    ],
)
def test_a_setting_that_cannot_be_used_ends_the_server_with_a_sentence(
    tmp_path: Path, traits: dict[str, Any], said: str
) -> None:
    home = Home(tmp_path, "http://127.0.0.1:9", traits)
    command = [sys.executable, "-m", "jupyter_agents.cli", "serve", "--root-dir", str(home.root)]
    command += ["--token-file", str(tmp_path / "token"), "--ready-file", str(tmp_path / "ready")]
    done = subprocess.run(command, env=home.environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.rstrip().splitlines()[-1].startswith("jupyter-agents: ")
    assert said in done.stderr.rstrip().splitlines()[-1]
    assert said in json.loads((tmp_path / "ready").read_text())["problem"]


def test_what_a_server_has_loaded_is_out_of_the_garbage_collectors_way(tmp_path: Path) -> None:
    home, told = Home(tmp_path / "home", "http://127.0.0.1:9"), tmp_path / "told"
    (home.folder / "config" / "jupyter_server_config.py").write_text(
        "import atexit, gc, pathlib\n"
        f"atexit.register(lambda: pathlib.Path({str(told)!r}).write_text(str(gc.get_freeze_count())))"
    )
    with serving(home) as server:
        assert server.request("GET", "local/status").status_code == 200
    assert int(told.read_text()) > 100_000

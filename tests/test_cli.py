from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_agents import cli

COMMANDS = ("doctor", "sessions", "export", "import", "gc", "quickstart", "serve")
HEAVY = ("anthropic", "pydantic", "tornado", "jupyter_server", "traitlets", "nbformat", "sqlalchemy")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_is_for_and_is_documented(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([command, "--help"])
    said = capsys.readouterr().out
    assert left.value.code == 0 and len(said.split("\n\n")[1]) > 30
    page = (Path(__file__).parent.parent / "docs" / "cli.md").read_text("utf-8")
    assert f"jupyter agents {command}" in page
    for option in set(re.findall(r"(--[a-z-]+)", said)) - {"--help"}:
        assert option in page, option


def test_help_imports_nothing_heavy() -> None:
    program = "import sys; from jupyter_agents import cli; cli._parser().format_help(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {name.split(".")[0] for name in done.stdout.split()} & set(HEAVY)


def test_no_command_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([])
    assert left.value.code == 2 and "COMMAND" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    command = f"{sys.executable} -m jupyter_agents.cli doctor --help | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in done.stderr

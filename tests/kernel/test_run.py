"""A run's files: read where they are, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_agents.errors import UserError
from jupyter_agents.kernel.run import RunFile


def made(name: str, workspace: Path | None) -> RunFile:
    return RunFile({"path": name, "size": 2, "kind": "created"}, workspace, None)


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("é")
    file = made("a.txt", tmp_path)
    assert (file.read_text(), file.read_bytes()) == ("é", "é".encode())
    assert (file.path, file.location) == ("a.txt", tmp_path / "a.txt")
    with open(file) as opened:
        assert opened.read() == "é"


@pytest.mark.parametrize("name", ["../secret", "link", "folder/secret"])
def test_no_way_leads_out_of_the_workspace(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("s")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "link").symlink_to("../secret")
    (workspace / "folder").symlink_to("..")
    with pytest.raises(UserError, match="leads out"):
        made(name, workspace).read_bytes()


def test_a_file_on_another_machine_says_so() -> None:
    with pytest.raises(UserError, match="not on this machine"):
        made("a.txt", None).read_bytes()

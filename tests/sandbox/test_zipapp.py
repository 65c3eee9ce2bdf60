from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jupyter_agents.sandbox.options import Root, ToolhostOptions
from jupyter_agents.sandbox.zipapp import SOURCES, toolhost_zipapp, write_zipapp

MODULES = sorted(SOURCES.glob("*.py"))
RUNTIME_GENERICS = {"dict", "list", "tuple", "set", "frozenset", "Callable", "Sequence", "Iterator"}


def test_it_is_the_same_every_time_and_holds_every_module() -> None:
    data = toolhost_zipapp()
    assert toolhost_zipapp() == data
    names = set(zipfile.ZipFile(io.BytesIO(data)).namelist())
    assert {f"toolhost/{path.name}" for path in MODULES} | {"__main__.py"} <= names


def test_it_is_written_as_a_whole_and_read_only(tmp_path: Path) -> None:
    path = write_zipapp(tmp_path)
    assert path.read_bytes() == toolhost_zipapp()
    assert path.stat().st_mode & 0o777 == 0o444
    assert write_zipapp(tmp_path) == path
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_the_modules_are_python_3_8_and_standard_library(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {name.name.partition(".")[0] for name in node.names} <= sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").partition(".")[0] in sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_generic_is_subscripted_at_run_time(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if getattr(node, field, None) is not None:
                setattr(node, field, None)
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert node.value.id not in RUNTIME_GENERICS, ast.unparse(node)


def test_it_answers_over_plain_pipes(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    workspace.mkdir()
    options = ToolhostOptions(
        roots=(Root("/workspace", str(workspace), writable=True),), env={"PATH": "/usr/bin:/bin"}
    )
    argv = [sys.executable, *options.arguments(str(write_zipapp(tmp_path)))]
    call = {"id": 1, "op": "call", "name": "write", "input": {"file_path": "a", "content": "x"}}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}) as process:
        assert process.stdin is not None and process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"hello": "toolhost", "protocol": 2}
        process.stdin.write(json.dumps(call).encode() + b"\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        process.stdin.close()
        assert process.wait(5) == 0
    assert answer == {
        "id": 1,
        "content": [{"type": "text", "text": "wrote 1 bytes to a"}],
        "is_error": False,
    }
    assert (workspace / "a").read_text() == "x"

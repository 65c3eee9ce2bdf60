from __future__ import annotations

import subprocess
import sys

import pytest

from jupyter_agents.runtime import mcp_relay
from jupyter_agents.runtime.mcp_bounds import Values
from jupyter_agents.runtime.mcp_relay import TOO_LARGE, Line


def run(program: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-I", mcp_relay.__file__, sys.executable, "-c", program]
    return subprocess.run(command, input=given, capture_output=True, timeout=30)


def test_input_output_errors_and_the_status_pass() -> None:
    found = run("import sys; print(input()); print('oh', file=sys.stderr); sys.exit(7)", b"hello\n")
    assert (found.stdout, found.stderr, found.returncode) == (b"hello\n", b"oh\n", 7)


def test_many_messages_pass() -> None:
    found = run("for i in range(200000): print('[1, 2, 3]')")
    assert found.stdout == b"[1, 2, 3]\n" * 200_000 and found.returncode == 0


@pytest.mark.parametrize("message", ["'x' * 100_000_000", "'[' + '[],' * 1_000_000 + '[]]'"])
def test_a_message_that_is_too_large_ends_the_program(message: str) -> None:
    found = run(f"import time; print({message}); time.sleep(60)")
    assert found.returncode == TOO_LARGE and len(found.stdout) < 9_000_000
    assert b"too large" in found.stderr


def test_a_command_that_is_not_there() -> None:
    command = [sys.executable, "-I", mcp_relay.__file__, "/nowhere/at-all"]
    found = subprocess.run(command, capture_output=True, timeout=30)
    assert found.returncode == 1 and b"No such file" in found.stderr


@pytest.mark.parametrize(
    ("chunks", "taken"),
    [
        ([b"12345", b"67890"], True),
        ([b"12345", b"678901"], False),
        ([b"12345\n", b"67890\n1234567890"], True),
        ([b"12345\n12345678901\n1"], False),
        ([b"[[[", b"]]]"], True),
        ([b"[[[[", b"]]]]"], False),
        ([b"[[\n[[", b"\n[["], True),
    ],
)
def test_each_line_is_measured_however_it_arrives(chunks: list[bytes], taken: bool) -> None:
    line = Line(Values, 10, 3)
    assert all([line.takes(chunk) for chunk in chunks]) == taken

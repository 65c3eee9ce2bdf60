"""Where there is no server, the kernel starts one that ends with it."""

from __future__ import annotations

import os
import re
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_agents.server.policy import NO_EMBEDDED
from jupyter_agents.testing import ScriptedModel, say
from tests.kernel.conftest import Kernel

END_SECONDS = 15.0


@pytest.fixture
def alone(bare_environment: dict[str, str], tmp_path: Path, model: ScriptedModel) -> Iterator[Kernel]:
    model.script[:] = [[say("Hello.")]]
    kernel = Kernel(bare_environment, tmp_path)
    kernel.run("%load_ext jupyter_agents")
    yield kernel
    kernel.close()


def server_pid(kernel: Kernel) -> int:
    code = "import jupyter_agents.kernel.client as c; c._embedded._process.pid"
    return int(kernel.run(code).results[0]["text/plain"])


def ended(pid: int) -> bool:
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def test_a_turn_without_any_server(alone: Kernel) -> None:
    answer = alone.run("%%agent\nHi")
    assert answer.status == "ok", answer.errors
    assert answer.transcript["steps"][-1]["markdown"] == "Hello."
    assert "(embedded)" in alone.run("%agent").results[0]["text/plain"]


def test_its_token_is_private_and_not_in_the_process_list(alone: Kernel) -> None:
    alone.run("%agent")
    command = Path(f"/proc/{server_pid(alone)}/cmdline").read_bytes().decode().split("\0")
    token_file = Path(command[command.index("--token-file") + 1])
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(token_file.parent.stat().st_mode) == 0o700
    assert token_file.read_text() not in " ".join(command)
    alone.client.shutdown()
    assert ended(int(alone.manager.provisioner.pid))  # type: ignore[union-attr]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_a_killed_kernel(alone: Kernel, how: signal.Signals) -> None:
    alone.run("%agent")
    pid = server_pid(alone)
    folder = Path(alone.run("str(c._embedded._folder)").results[0]["text/plain"].strip("'"))
    assert folder.is_dir()
    os.kill(int(alone.manager.provisioner.pid), how)  # type: ignore[union-attr]
    assert ended(pid)
    assert not folder.exists()


def test_an_interrupt_of_the_kernel_leaves_it_alive(alone: Kernel) -> None:
    alone.run("%agent")
    pid = server_pid(alone)
    alone.run("import time; time.sleep(30)", interrupt=[0.5])
    assert alone.run("%%agent\nHi").status == "ok"
    assert server_pid(alone) == pid


def test_a_dead_one_is_replaced_and_leaves_no_token(alone: Kernel) -> None:
    alone.run("%agent")
    os.kill(server_pid(alone), signal.SIGKILL)
    folder = Path(alone.run("str(c._embedded._folder)").results[0]["text/plain"].strip("'"))
    time.sleep(0.5)
    answer = alone.run("%%agent\nHi")
    assert answer.status == "ok", answer.errors
    assert not folder.exists()


def test_one_that_the_administrator_forbids_is_one_sentence_in_the_cell(
    bare_environment: dict[str, str], tmp_path: Path
) -> None:
    system = tmp_path / "system"
    system.mkdir()
    (system / "jupyter_server_config.json").write_text('{"JupyterAgents": {"allow_embedded": false}}')
    kernel = Kernel(bare_environment | {"JUPYTER_CONFIG_PATH": str(system)}, tmp_path)
    try:
        kernel.run("%load_ext jupyter_agents")
        answer = kernel.run("%%agent\nHi")
        assert answer.status == "error"
        assert answer.errors == [NO_EMBEDDED]
    finally:
        kernel.close()


def test_a_data_folder_that_cannot_be_used_is_named(bare_environment: dict[str, str], tmp_path: Path) -> None:
    kernel = Kernel(bare_environment | {"JUPYTER_AGENTS_DATA_DIR": "/proc/none"}, tmp_path)
    try:
        kernel.run("%load_ext jupyter_agents")
        answer = kernel.run("%agent")
        assert answer.status == "error"
        assert "The data folder /proc/none cannot be used" in answer.errors[0]
        assert "Set JUPYTER_AGENTS_DATA_DIR" in answer.errors[0]
    finally:
        kernel.close()


def test_one_that_cannot_start_says_why(bare_environment: dict[str, str], tmp_path: Path) -> None:
    broken = bare_environment | {"JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    (tmp_path / "config").mkdir()
    (tmp_path / "config/jupyter_server_config.py").write_text("raise SystemExit('no servers here')")
    kernel = Kernel(broken, tmp_path)
    try:
        kernel.run("%load_ext jupyter_agents")
        answer = kernel.run("%agent")
        assert answer.status == "error"
        assert "did not start" in answer.errors[0]
        assert re.search(r"embedded\.log", answer.errors[0])
    finally:
        kernel.close()


def test_an_address_without_a_token_is_said_by_the_cell_and_not_by_a_thread(
    bare_environment: dict[str, str], tmp_path: Path
) -> None:
    kernel = Kernel(bare_environment | {"JUPYTER_AGENTS_URL": "http://127.0.0.1:9"}, tmp_path)
    try:
        kernel.run("%load_ext jupyter_agents")
        warm = "import sys, threading\n"
        warm += "[t.join() for t in threading.enumerate() if t.name == 'jupyter-agents-import']\n"
        answer = kernel.run(warm + "print('anthropic' in sys.modules, __import__('gc').isenabled())")
        assert answer.printed == "True True\n"
        answer = kernel.run("%agent")
        assert answer.status == "error" and "JUPYTER_AGENTS_TOKEN" in answer.errors[0]
    finally:
        kernel.close()

from __future__ import annotations

import os
import subprocess

import pytest

from jupyter_agents.sandbox import reaper
from jupyter_agents.sandbox.reaper import process_alive, process_owner


def test_a_living_process_is_alive() -> None:
    assert process_owner() == process_owner(os.getpid())
    assert process_alive(process_owner()) and process_alive(process_owner(os.getppid()))


def test_an_ended_process_is_not_and_neither_is_its_number() -> None:
    process = subprocess.Popen(["sleep", "100"])
    owner = process_owner(process.pid)
    assert process_alive(owner)
    process.kill()
    process.wait()
    assert not process_alive(owner)
    boot, namespace, _, started = owner.split(":")
    assert not process_alive(f"{boot}:{namespace}:{os.getpid()}:{int(started) - 1}")


@pytest.mark.parametrize("owner", ["", "somebody", "a:b:c:d", "a:b:1", "::999999:1", ":x:1:1"])
def test_who_is_not_known_may_be_alive(owner: str) -> None:
    assert process_alive(owner)


def test_another_boot_is_dead_and_another_namespace_is_not_judged() -> None:
    boot, namespace, pid, started = process_owner().split(":")
    assert not process_alive(f"another:{namespace}:{pid}:{started}")
    assert process_alive(f"{boot}:another:{pid}:0")


def test_without_proc_the_process_table_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    monkeypatch.setattr(reaper, "_PROC", Path("/nonexistent"))
    process = subprocess.Popen(["sleep", "100"])
    owner = process_owner(process.pid)
    assert process_alive(owner) and process_alive(process_owner(1))
    process.kill()
    process.wait()
    assert not process_alive(owner)

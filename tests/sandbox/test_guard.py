from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from jupyter_agents.sandbox.base import Limits, SandboxSpec
from jupyter_agents.sandbox.guard import Guard, process_limit


@pytest.fixture
def spec(tmp_path: Path) -> SandboxSpec:
    return SandboxSpec("s", tmp_path, tmp_path)


async def test_without_a_control_group_the_user_is_told(spec: SandboxSpec) -> None:
    guard = Guard(spec, cgroups=False)
    assert guard.enter(["true"]) == ["true"]
    assert "limited by watching" in guard.notes[0]
    assert guard.limit_hit() is None
    await guard.close()


async def test_a_process_starts_inside_its_control_group(spec: SandboxSpec) -> None:
    guard = Guard(spec, cgroups=True)
    try:
        said = await _output(guard.enter(["cat", "/proc/self/cgroup"]))
        assert ("jupyter-agents-" in said) == (guard.notes == () or "cpu" in guard.notes[0])
    finally:
        await guard.close()


async def _output(argv: list[str]) -> str:
    import asyncio

    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    return said.decode()


def test_the_process_limit_leaves_room_for_what_runs_already(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.getuid() == 0:
        assert process_limit(Limits()) is None
    monkeypatch.setattr(os, "getuid", lambda: os.stat("/proc/self").st_uid or 1)
    limit = process_limit(Limits(pids=100))
    assert limit is not None and limit >= 100

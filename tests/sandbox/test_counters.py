from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_agents.sandbox import counters
from jupyter_agents.sandbox.base import Limits
from jupyter_agents.sandbox.counters import LimitWatch, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [(1024**3, "1 GiB"), (3 * 1024**3 // 2, "1.5 GiB"), (512 * 1024**2, "512 MiB")],
)
def test_size_text(size: int, text: str) -> None:
    assert size_text(size) == text


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("version", [1, 2])
def test_each_limit_is_said_once_per_hit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    groups, proc = tmp_path / "cgroup", tmp_path / "proc"
    monkeypatch.setattr(counters, "_MOUNT", groups)
    if version == 1:
        write(proc / "7" / "cgroup", "9:pids:/docker/a\n4:memory:/docker/a\n1:cpu,cpuacct:/x\n0::/\n")
        memory, pids = groups / "memory/docker/a/memory.oom_control", groups / "pids/docker/a/pids.events"
    else:
        write(proc / "7" / "cgroup", "0::/system.slice/a.scope\n")
        memory = groups / "system.slice/a.scope/memory.events"
        pids = groups / "system.slice/a.scope/pids.events"
    write(memory, "under_oom 0\noom_kill 2\n")
    write(pids, "max 0\n")
    watch = LimitWatch(7, Limits(memory=1024**3, pids=256), proc=proc)
    assert watch.hit() is None
    write(memory, "under_oom 0\noom_kill 3\n")
    assert watch.hit() == "out of memory (1 GiB)"
    assert watch.hit() is None
    write(pids, "max 9\n")
    write(memory, "oom_kill 5\n")
    assert watch.hit() == "out of memory (1 GiB), too many processes (256)"
    memory.unlink()
    write(pids, "nonsense\nmax x\n")
    assert watch.hit() is None


def test_a_container_that_cannot_be_seen_hits_nothing(tmp_path: Path) -> None:
    assert LimitWatch(0, Limits(), proc=tmp_path).hit() is None

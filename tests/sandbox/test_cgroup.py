from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_agents.sandbox import cgroup
from jupyter_agents.sandbox.base import Limits

LIMITS = Limits(cpus=0.5, memory=256 * 1024**2, pids=32)


class FakeSystem:
    """A directory that looks like /proc and /sys/fs/cgroup; made groups get their files at once."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.files: dict[str, str] = {}
        (root / "proc/self").mkdir(parents=True)
        mkdir = Path.mkdir
        system = self

        def make(path: Path, *arguments: object, **more: object) -> None:
            mkdir(path, *arguments, **more)  # type: ignore[arg-type]
            if path.name.startswith("jupyter-agents-"):
                for name, text in system.files.items():
                    if system.serves(path, name):
                        (path / name).write_text(text)

        monkeypatch.setattr(Path, "mkdir", make)
        monkeypatch.setattr(cgroup, "REMOVAL_SECONDS", 0)

    def serves(self, group: Path, name: str) -> bool:
        controller = name.partition(".")[0]
        return controller in ("cgroup", *group.relative_to(self.root).parts[3:4]) or (
            "unified" in str(group) and str(group.parent).endswith("slice")
        )

    def say(self, groups: str, mounts: str) -> None:
        (self.root / "proc/self/cgroup").write_text(groups)
        (self.root / "proc/self/mountinfo").write_text(mounts)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystem:
    return FakeSystem(tmp_path, monkeypatch)


def the_group(parent: Path) -> Path:
    [group] = parent.glob("jupyter-agents-*")
    return group


def test_version_1_uses_the_directory_of_each_controller(system: FakeSystem) -> None:
    system.say(
        "3:pids:/\n2:memory:/server\n1:cpu,cpuacct:/\n",
        "30 1 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "31 1 0:2 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
        "32 1 0:3 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
    )
    top = system.root / "sys/fs/cgroup"
    for place in ("memory/server", "pids", "cpu"):
        (top / place).mkdir(parents=True)
    system.files = {
        "memory.limit_in_bytes": "",
        "memory.memsw.limit_in_bytes": "",
        "memory.oom_control": "oom_kill_disable 0\noom_kill 0\n",
        "pids.max": "",
        "pids.events": "max 0\n",
        "cpu.cfs_quota_us": "",
        "cgroup.procs": "",
    }
    group = cgroup.make(LIMITS, root=system.root)
    assert group is not None and group.cpu
    memory, pids = the_group(top / "memory/server"), the_group(top / "pids")
    assert (memory / "memory.limit_in_bytes").read_text() == str(LIMITS.memory)
    assert (memory / "memory.memsw.limit_in_bytes").read_text() == str(LIMITS.memory)
    assert (pids / "pids.max").read_text() == "32"
    assert (the_group(top / "cpu") / "cpu.cfs_quota_us").read_text() == "50000"
    assert len(group.entrances) == 3

    assert group.limit_hit() is None
    (memory / "memory.oom_control").write_text("oom_kill_disable 0\noom_kill 2\n")
    assert group.limit_hit() == "out of memory (256 MiB): a process was killed"
    assert group.limit_hit() is None
    (pids / "pids.events").write_text("max 7\n")
    assert group.limit_hit() == "too many processes (32)"
    group.remove()


def test_version_2_goes_beside_a_group_that_holds_processes(system: FakeSystem) -> None:
    system.say(
        "0::/user.slice/app.slice/jupyter.scope\n",
        "30 1 0:1 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
    )
    app = system.root / "sys/fs/cgroup/unified/user.slice/app.slice"
    (app / "jupyter.scope").mkdir(parents=True)
    system.files = {
        "memory.max": "",
        "memory.swap.max": "",
        "memory.events": "oom_kill 0\n",
        "pids.max": "",
        "pids.events": "max 0\n",
        "cpu.max": "",
    }
    group = cgroup.make(LIMITS, root=system.root)
    assert group is not None and group.cpu
    made = the_group(app)
    assert list((app / "jupyter.scope").iterdir()) == []
    assert (made / "memory.max").read_text() == str(LIMITS.memory)
    assert (made / "memory.swap.max").read_text() == "0"
    assert (made / "cpu.max").read_text() == "50000 100000"
    group.remove()


def test_where_no_group_can_be_made_there_is_none(system: FakeSystem) -> None:
    assert cgroup.make(LIMITS, root=system.root) is None
    system.say("0::/a\n", "30 1 0:1 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n")
    (system.root / "sys/fs/cgroup/unified/a").mkdir(parents=True)
    assert cgroup.make(LIMITS, root=system.root) is None
    assert list((system.root / "sys/fs/cgroup/unified").rglob("jupyter-agents-*")) == []


def test_a_group_outside_of_what_is_mounted_is_not_used(system: FakeSystem) -> None:
    system.say(
        "2:memory:/docker/me\n1:pids:/elsewhere\n",
        "30 1 0:1 /docker/me /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "31 1 0:2 /docker/me /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
    )
    groups = cgroup.own_groups(system.root)
    assert groups == {"memory": system.root / "sys/fs/cgroup/memory/."}


def test_the_real_one_is_made_and_removed() -> None:
    group = cgroup.make(LIMITS)
    if group is None:
        assert os.geteuid() != 0 or not os.access("/sys/fs/cgroup", os.W_OK)
        return
    places = [Path(entrance).parent for entrance in group.entrances]
    assert all(place.is_dir() for place in places)
    group.remove()
    assert not any(place.exists() for place in places)

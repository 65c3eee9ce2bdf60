"""Both ends of the carriage for real: a toolhost in a folder of its own, beside the server's."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.sandbox import carriage as carriage_module
from jupyter_agents.sandbox.base import Limits, ToolResult
from jupyter_agents.sandbox.carriage import Carriage, walk
from jupyter_agents.sandbox.channel import ProcessChannel
from jupyter_agents.sandbox.options import Root, ToolhostOptions
from jupyter_agents.sandbox.tools import ToolhostSandbox, write_zipapp

MIB = 1024**2


class Both:
    """The workspace here and the one inside."""

    def __init__(self, top: Path, sandbox: ToolhostSandbox, disk: int) -> None:
        self.here, self.inside = top / "here", top / "inside"
        self.sandbox = sandbox
        self.asked: list[dict[str, Any]] = []
        self.carriage = Carriage(self.here, self.ask, Limits(disk=disk))

    async def ask(self, frame: dict[str, Any]) -> ToolResult:
        self.asked.append(frame)
        return await self.sandbox.ask(frame)

    def agree(self) -> bool:
        found = [
            {path: (top / path).read_bytes() for path in walk(top).files} for top in (self.here, self.inside)
        ]
        return found[0] == found[1] and walk(self.here).folders == walk(self.inside).folders


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    for name in ("here", "inside"):
        (tmp_path / name).mkdir()
    options = ToolhostOptions(roots=(Root("/workspace", str(tmp_path / "inside"), writable=True),))
    command = [sys.executable, *options.arguments(str(write_zipapp(tmp_path)))]
    sandbox = ToolhostSandbox(await ProcessChannel.start(command, what="It"), kind="bare")
    await sandbox.start()
    made = Both(tmp_path, sandbox, 64 * MIB)
    await made.carriage.begin(walk(made.here))
    yield made
    await sandbox.close()


async def test_what_the_user_changes_goes_in(both: Both) -> None:
    (both.here / "d/empty").mkdir(parents=True)
    (both.here / "d/f").write_text("one")
    (both.here / "run").write_text("#!/bin/sh\n")
    (both.here / "run").chmod(0o755)
    (both.here / "large").write_bytes(os.urandom(3 * MIB + 5))
    (both.here / "exact").write_bytes(os.urandom(2 * MIB))
    (both.here / "nothing").touch()
    await both.carriage.bring()
    assert both.agree()
    assert os.access(both.inside / "run", os.X_OK)
    assert (both.inside / "d/f").stat().st_mtime_ns == (both.here / "d/f").stat().st_mtime_ns
    (both.here / "d/f").unlink()
    (both.here / "d/f").mkdir()
    (both.here / "d/empty").rmdir()
    (both.here / "d/empty").write_text("a file now")
    (both.here / "run").rename(both.here / "ran")
    await both.carriage.bring()
    assert both.agree()
    both.asked.clear()
    await both.carriage.bring()
    assert both.asked == []


async def test_what_the_agent_changes_arrives(both: Both) -> None:
    (both.inside / "a/b/c").mkdir(parents=True)
    (both.inside / "a/b/c/f").write_text("one")
    (both.inside / "nothing").touch()
    (both.inside / "large").write_bytes(os.urandom(20 * MIB + 1))
    for number in range(40):
        (both.inside / f"{number}.txt").write_text(str(number))
    assert await both.carriage.fetch() == ([], None)
    assert both.agree()
    (both.inside / "a/b/c/f").unlink()
    (both.inside / "a/b/c").rmdir()
    (both.inside / "a/b/c").write_text("a file now")
    (both.inside / "large").write_text("small")
    for number in range(40):
        (both.inside / f"{number}.txt").unlink()
    await both.carriage.fetch()
    assert both.agree()
    both.asked.clear()
    await both.carriage.bring()
    await both.carriage.fetch()
    assert [frame["op"] for frame in both.asked] == ["list"]


async def test_where_both_changed_a_file_the_users_stays_and_goes_in(both: Both) -> None:
    for name in ("f", "g"):
        (both.here / name).write_text("old")
    await both.carriage.bring()
    (both.inside / "f").write_text("the agent's")
    (both.inside / "g").unlink()
    for name in ("f", "g"):
        (both.here / name).write_text("the user's")
    await both.carriage.fetch()
    assert (both.here / "f").read_text() == (both.here / "g").read_text() == "the user's"
    await both.carriage.bring()
    assert (both.inside / "f").read_text() == (both.inside / "g").read_text() == "the user's"


async def test_links_and_devices_stay_where_they_are(both: Both) -> None:
    os.mkfifo(both.inside / "fifo")
    (both.inside / "link").symlink_to("/etc/passwd")
    (both.inside / "folder").symlink_to("/etc")
    (both.here / "mine").symlink_to("/etc/passwd")
    await both.carriage.bring()
    await both.carriage.fetch()
    assert os.listdir(both.here) == ["mine"]
    assert not (both.inside / "mine").exists()


async def test_a_file_that_turns_into_a_link_inside_is_gone_here(both: Both) -> None:
    (both.inside / "f").write_text("f")
    await both.carriage.fetch()
    (both.inside / "f").unlink()
    (both.inside / "f").symlink_to("/etc/passwd")
    await both.carriage.fetch()
    assert os.listdir(both.here) == []


async def test_through_a_link_here_nothing_arrives(both: Both) -> None:
    (both.here / "d").symlink_to(both.here.parent)
    (both.inside / "d").mkdir()
    (both.inside / "d/f").write_text("f")
    said, _ = await both.carriage.fetch()
    assert "'d/f'" in said[0]
    assert not (both.here.parent / "f").exists()


async def test_what_is_too_large_is_said_once(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carriage_module, "FILE_BYTES", MIB)
    (both.inside / "large").write_bytes(bytes(2 * MIB))
    (both.here / "mine").write_bytes(bytes(2 * MIB))
    await both.carriage.bring()
    said, _ = await both.carriage.fetch()
    assert "'mine'" in said[0] and "'large'" in said[0] and "1 MiB" in said[0]
    assert await both.carriage.fetch() == ([], None)
    assert os.listdir(both.here) == ["mine"] and os.listdir(both.inside) == ["large"]


async def test_what_is_beyond_the_disk_limit_does_not_arrive(both: Both) -> None:
    (both.inside / "a").write_bytes(os.urandom(40 * MIB))
    (both.inside / "b").write_bytes(os.urandom(40 * MIB))
    assert await both.carriage.overfull()
    said, hit = await both.carriage.fetch()
    assert hit == "out of disk space (64 MiB)" and "'b'" in said[0]
    assert os.listdir(both.here) == ["a"]
    (both.inside / "b").unlink()
    assert await both.carriage.fetch() == ([], None)


async def test_sparse_files_take_no_more_than_the_limit_here(both: Both) -> None:
    for number in range(5):
        with (both.inside / f"{number}").open("wb") as file:
            file.truncate(30 * MIB)
    await both.carriage.fetch()
    assert sorted(os.listdir(both.here)) == ["0", "1"]


async def test_with_too_many_files_nothing_is_taken_for_removed(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        (both.inside / f"{number}").write_text("x")
    await both.carriage.fetch()
    monkeypatch.setattr(carriage_module.listing, "FILES", 5)
    (both.inside / "new").write_text("x")
    said, _ = await both.carriage.fetch()
    assert "more than 5 files" in said[0]
    assert len(os.listdir(both.here)) == 6
    await both.carriage.bring()
    assert len(os.listdir(both.inside)) == 7


async def test_a_file_that_is_written_all_the_time_arrives_as_it_is(both: Both) -> None:
    running = asyncio.create_task(
        both.sandbox.call(
            "bash", {"command": "while sleep 0.01; do date +%N >beat; done", "timeout_ms": 2000}
        )
    )
    while not (both.here / "beat").exists():
        await asyncio.sleep(0.05)
        await both.carriage.fetch()
    await running
    await both.carriage.fetch()
    assert both.agree()


async def test_a_folder_inside_that_cannot_be_written_is_said(both: Both) -> None:
    (both.inside / "d").write_text("in the way")
    (both.here / "d").mkdir()
    (both.here / "d/f").write_text("f")
    await both.carriage.bring()
    said, _ = await both.carriage.fetch()
    assert "'d/f'" in said[0]

"""The kind without isolation: what is kept all the same. Its abuse is not tried: it would reach the host."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from conformance import BEAT, MIB, UID, Box, Kind, beats, open_box, said

from jupyter_agents.sandbox.base import Limits, Mount
from jupyter_agents.sandbox.choose import choose
from jupyter_agents.sandbox.unsafe import NOTES, UnsafeProvider

UNSAFE = Kind(name="unsafe", own_paths=False)


@pytest.fixture
async def plain() -> AsyncIterator[Box]:
    async with open_box(UNSAFE, provider=UnsafeProvider(), files={"data.csv": "a,b\n"}) as box:
        yield box


async def test_it_says_that_nothing_is_isolated(plain: Box) -> None:
    assert (plain.sandbox.kind, plain.sandbox.notes[:2]) == ("unsafe", NOTES)
    assert NOTES[0].startswith("No isolation: ")


async def test_the_tools_work_in_one_workspace(plain: Box) -> None:
    assert await plain.good("x=1; pwd; echo one >f") == f"{plain.workspace}\n"
    assert await plain.good("echo $x; id -u") == f"1\n{UID if os.geteuid() == 0 else os.geteuid()}\n"
    assert said(await plain.call("read", file_path="/workspace/f")) == ("one\n", False)
    assert said(await plain.call("read", file_path="/mnt/session/uploads/data.csv")) == ("a,b\n", False)
    assert said(await plain.call("read", file_path="/etc/passwd"))[1]


async def test_a_file_is_added_while_it_runs(plain: Box) -> None:
    source = plain.spec.uploads / "e.txt"
    source.write_text("e\n")
    await plain.sandbox.add_file(Mount(source, "/data/e.txt"))
    assert said(await plain.call("read", file_path="/data/e.txt")) == ("e\n", False)


async def test_nothing_of_the_servers_environment_is_in_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-0123456789")
    async with open_box(UNSAFE, provider=UnsafeProvider()) as box:
        text = await box.good("env; cat /proc/self/environ /proc/$PPID/environ | tr '\\0' '\\n'")
        assert "sk-test" not in text
        assert "ANTHROPIC" not in text


@pytest.mark.parametrize("cgroups", [True, False])
async def test_closing_ends_daemons_too(cgroups: bool) -> None:
    async with open_box(UNSAFE, provider=UnsafeProvider(cgroups=cgroups)) as box:
        await box.good(BEAT)
        assert await beats(box.workspace / "beat")
        await box.sandbox.close()
        assert not await beats(box.workspace / "beat")


async def test_limits_are_kept_and_named_by_watching() -> None:
    limits = Limits(memory=128 * MIB, pids=40, open_files=256, call_seconds=20)
    async with open_box(UNSAFE, provider=UnsafeProvider(cgroups=False), limits=limits) as box:
        (box.workspace / "hog.py").write_text(
            "x = []\nfor _ in range(60):\n    x.append(b'1' * (8 << 20)); __import__('time').sleep(0.02)"
        )
        for command, named in (
            ("python3 hog.py", "out of memory (128 MiB)"),
            ("for i in $(seq 120); do sleep 30 & done; wait", "too many processes (40)"),
            ("python3 -c 'x = [open(\"/dev/null\") for _ in range(300)]'", "256 open files"),
        ):
            text, is_error = await box.bash(command)
            assert is_error, command
            assert named in text
        assert await box.good("echo on") == "on\n"


async def test_it_is_taken_when_it_is_asked_for_and_never_by_itself() -> None:
    provider = UnsafeProvider()
    named, auto = await choose([provider], "unsafe"), await choose([provider])
    assert (named.provider, auto.provider, auto.probes) == (provider, None, ())


async def test_a_workspace_that_its_user_cannot_enter_is_said(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        return
    from jupyter_agents.errors import SandboxUnavailable
    from jupyter_agents.sandbox.base import SandboxSpec

    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(SandboxUnavailable, match="cannot enter"):
        await UnsafeProvider().start(SandboxSpec("s", closed / "workspace", closed / "uploads"))

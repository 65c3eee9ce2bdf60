"""The contract of `Sandbox` and `SandboxProvider`, for every provider that works here."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from conformance import MIB, UID, Box, Kind, box, every_kind, make_provider, open_box, open_path, said

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Limits, Mount

__all__ = ["box", "open_path"]

pytestmark = every_kind


async def test_bash_keeps_its_state_between_calls(box: Box) -> None:
    await box.good("cd /tmp; x=1; f() { echo f$x; }; export Y=2; declare -A m; m[a]=b")
    assert await box.good("pwd; f; sh -c 'echo $Y'; echo \"${m[a]}\"") == "/tmp\nf1\n2\nb\n"


async def test_bash_starts_in_the_workspace(box: Box) -> None:
    assert await box.good("pwd") == f"{box.home}\n"


async def test_output_is_stdout_and_stderr_in_order_with_its_newlines(box: Box) -> None:
    text = await box.good("echo one; echo two >&2; printf '\\e[31mred\\e[0m'; printf '\\n\\n'")
    assert text == "one\ntwo\nred\n\n"


async def test_a_failing_command_is_an_error_with_its_output(box: Box) -> None:
    assert await box.bash("echo so; false") == ("so\n", True)


async def test_no_output_is_said(box: Box) -> None:
    assert await box.bash("true") == ("(no output)", False)


async def test_restart_gives_a_fresh_shell(box: Box) -> None:
    await box.good("cd /; x=1")
    assert said(await box.call("bash", restart=True)) == ("bash session restarted", False)
    assert await box.good('echo "<$x>"; pwd') == f"<>\n{box.home}\n"


async def test_an_input_that_is_no_command_is_refused(box: Box) -> None:
    assert said(await box.call("bash")) == ("bash: command is required", True)
    assert said(await box.call("bash", command=3)) == ("bash: command must be a string", True)
    assert said(await box.call("bash", command="a\0b"))[1]
    assert said(await box.call("nosuch")) == ("nosuch: there is no such tool", True)


async def test_a_timeout_ends_the_call_and_says_that_the_shell_is_new(box: Box) -> None:
    await box.good("x=1")
    start = time.monotonic()
    text, is_error = await box.bash("echo before; sleep 60", timeout_ms=300)
    assert is_error
    assert text.startswith("bash: bash command timed out after 0.3s\n[A fresh shell was started")
    assert text.endswith("Output until then:\nbefore\n")
    assert time.monotonic() - start < 3
    assert await box.good('echo "<$x>"') == "<>\n"


async def test_a_timeout_spares_background_jobs_of_earlier_calls(box: Box) -> None:
    await box.good("(while sleep 0.05; do date +%N >beat; done) >/dev/null 2>&1 & echo $!")
    await box.bash("sleep 60 & sleep 60", timeout_ms=200)
    before = (box.workspace / "beat").read_text()
    await asyncio.sleep(0.4)
    assert (box.workspace / "beat").read_text() != before


async def test_cancel_ends_every_open_call_within_half_a_second(box: Box) -> None:
    await box.good("(while sleep 0.05; do date +%N >beat; done) >/dev/null 2>&1 &")
    calls = [asyncio.create_task(box.bash(f"trap '' TERM; sleep 60 & sleep 6{n}")) for n in range(3)]
    await asyncio.sleep(0.3)
    start = time.monotonic()
    await box.sandbox.cancel()
    results = [await call for call in calls]
    assert time.monotonic() - start < 0.5
    assert all(is_error and text.startswith("bash: interrupted") for text, is_error in results)
    before = (box.workspace / "beat").read_text()
    assert await box.good("echo on") == "on\n"
    await asyncio.sleep(0.3)
    assert (box.workspace / "beat").read_text() != before


async def test_a_cancelled_task_stops_its_command(box: Box) -> None:
    call = asyncio.create_task(box.bash("sleep 0.5; echo late >late"))
    await asyncio.sleep(0.2)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await box.good("echo next") == "next\n"
    await asyncio.sleep(0.5)
    assert not (box.workspace / "late").exists()


async def test_file_tools_go_on_while_bash_runs(box: Box) -> None:
    slow = asyncio.create_task(box.bash("sleep 0.5; echo slow"))
    start = time.monotonic()
    assert said(await box.call("write", file_path="a", content="x"))[0] == "wrote 1 bytes to a"
    assert time.monotonic() - start < 0.4
    assert await slow == ("slow\n", False)


async def test_bash_calls_run_one_after_the_other(box: Box) -> None:
    results = await asyncio.gather(*(box.good(f"echo {n}; sleep 0.02; echo {n}") for n in range(5)))
    assert results == [f"{n}\n{n}\n" for n in range(5)]


async def test_bash_and_the_file_tools_and_the_host_see_one_workspace(box: Box) -> None:
    await box.good("mkdir -p d; printf 'one\\ntwo\\n' >d/f; echo out >outputs/o")
    assert said(await box.call("read", file_path="/workspace/d/f")) == ("one\ntwo\n", False)
    assert said(await box.call("read", file_path="/mnt/session/outputs/o")) == ("out\n", False)
    assert said(await box.call("glob", pattern="d/*")) == ("/workspace/d/f", False)
    assert said(await box.call("grep", pattern="tw.", path="d")) == ("/workspace/d/f:2:two\n", False)
    edited = await box.call("edit", file_path="d/f", old_string="two", new_string="2")
    assert said(edited) == ("edited d/f (1 replacement(s))", False)
    assert (box.workspace / "d/f").read_text() == "one\n2\n"
    assert (box.workspace / "outputs/o").read_text() == "out\n"


async def test_files_belong_to_the_sandbox_user(box: Box) -> None:
    await box.good("touch from_bash")
    await box.call("write", file_path="from_write", content="")
    uid = UID if os.geteuid() == 0 else os.geteuid()
    assert {(box.workspace / name).stat().st_uid for name in ("from_bash", "from_write")} == {uid}


async def test_uploads_can_be_read_and_not_written(box: Box) -> None:
    read = await box.call("read", file_path="/mnt/session/uploads/data.csv")
    assert said(read) == ("a,b\n1,2\n", False)
    write = await box.call("write", file_path="/mnt/session/uploads/data.csv", content="x")
    message = "write: /mnt/session/uploads/data.csv is inside read-only directory /mnt/session/uploads"
    assert said(write) == (message, True)
    place = "/mnt/session/uploads" if box.kind.own_paths else str(box.spec.uploads)
    assert await box.good(f"cat {place}/data.csv") == "a,b\n1,2\n"
    for command in (f"echo x >{place}/data.csv", f"rm -f {place}/data.csv", f"touch {place}/new"):
        assert (await box.bash(command))[1]
    assert (box.spec.uploads / "data.csv").read_text() == "a,b\n1,2\n"


async def test_an_upload_can_be_added_while_it_runs(box: Box) -> None:
    source = box.spec.uploads / "later.txt"
    source.write_text("later\n")
    await box.sandbox.add_file(Mount(source, "/mnt/session/uploads/later.txt"))
    read = await box.call("read", file_path="/mnt/session/uploads/later.txt")
    assert said(read) == ("later\n", False)


async def test_a_file_added_below_the_workspace_is_a_read_only_copy(box: Box) -> None:
    source = box.spec.uploads / "x.txt"
    source.write_text("x\n")
    await box.sandbox.add_file(Mount(source, "/workspace/in/x.txt"))
    assert await box.good("cat in/x.txt") == "x\n"
    assert (await box.bash("echo y >in/x.txt"))[1]
    assert source.read_text() == "x\n"


async def test_a_file_added_elsewhere_can_be_read_by_the_file_tools_at_once(box: Box) -> None:
    source = box.spec.uploads / "e.txt"
    source.write_text("e\n")
    await box.sandbox.add_file(Mount(source, "/data/e.txt"))
    assert said(await box.call("read", file_path="/data/e.txt")) == ("e\n", False)


async def test_mounts_are_there_from_the_start(kind: Kind, open_path: Path) -> None:
    source = open_path / "m.txt"
    source.write_text("mount\n")
    mounts = (Mount(source, "/data/m.txt"), Mount(source, "/workspace/in/m.txt"))
    async with open_box(kind, mounts=mounts) as box:
        assert said(await box.call("read", file_path="/data/m.txt")) == ("mount\n", False)
        assert await box.good("cat in/m.txt") == "mount\n"
        assert said(await box.call("write", file_path="/data/m.txt", content="x"))[1]
        if kind.own_paths:
            assert await box.good("cat /data/m.txt") == "mount\n"


async def test_a_call_is_limited_in_time(kind: Kind) -> None:
    async with open_box(kind, limits=Limits(call_seconds=0.5)) as box:
        text, is_error = await box.bash("sleep 60")
        assert is_error
        assert "0.5" in text
        assert await box.good("echo on") == "on\n"


async def test_a_sandbox_that_is_closed_answers_no_call(box: Box) -> None:
    waiting = asyncio.create_task(box.bash("sleep 60"))
    await asyncio.sleep(0.1)
    await asyncio.gather(box.sandbox.close(), box.sandbox.close())
    with pytest.raises(SandboxUnavailable):
        await waiting
    with pytest.raises(SandboxUnavailable):
        await box.bash("true")
    assert not box.sandbox.alive


async def test_close_ends_every_process(box: Box) -> None:
    await box.good("setsid sh -c 'while sleep 0.05; do date +%N >beat; done' >/dev/null 2>&1 &")
    await asyncio.sleep(0.3)
    await box.sandbox.close()
    before = (box.workspace / "beat").read_text()
    await asyncio.sleep(0.3)
    assert (box.workspace / "beat").read_text() == before


async def test_the_provider_closes_its_sandboxes_and_says_that_it_works(kind: Kind) -> None:
    async with open_box(kind) as box:
        pass
    assert not box.sandbox.alive
    provider = make_provider(kind, Path("/tmp"))
    probe = await provider.probe()
    await provider.close()
    assert (probe.kind, probe.ok) == (kind.name, True)


async def test_two_sandboxes_are_apart(kind: Kind) -> None:
    async with open_box(kind) as one, open_box(kind) as other:
        await one.good("echo secret >mine; echo secret >$HOME/mine; sleep 60 >/dev/null 2>&1 &")
        text, is_error = await other.bash(f"cat {one.home}/mine")
        assert is_error
        assert "secret" not in text
        assert (await other.bash("cat $HOME/mine"))[1]
        if kind.proc:
            assert "sleep" not in await other.good("cat /proc/*/comm 2>/dev/null || true")


async def test_the_home_and_temporary_directories_can_be_written(box: Box) -> None:
    command = 'echo a >"$HOME/a" && echo b >"${TMPDIR:-/tmp}/b" && cat "$HOME/a" "${TMPDIR:-/tmp}/b"'
    assert await box.good(command) == "a\nb\n"
    assert await box.good("mktemp >/dev/null && echo made") == "made\n"


async def test_variables_of_the_spec_reach_the_tools(kind: Kind) -> None:
    async with open_box(kind, env={"SPEC_SAYS": "hi"}) as box:
        assert await box.good("echo $SPEC_SAYS; sh -c 'echo $SPEC_SAYS'") == "hi\nhi\n"


async def test_usual_programs_work(box: Box) -> None:
    command = (
        "cat <(echo subst) && python3 -c 'import json, asyncio; asyncio.run(asyncio.sleep(0)); print(1)' && "
        "git init -q r && git -C r -c user.name=a -c user.email=b commit -q --allow-empty -m m && "
        "git -C r log --format=%s && mkdir t && echo 'echo ran' >t/x && chmod +x t/x && cp -p t/x t/y && "
        "touch -d 2001-01-01 t/y && tar cf t.tar t && rm -r t && tar xf t.tar && t/x && stat -c %A%y t/y"
    )
    expected = ["subst", "1", "m", "ran", "-rwxr-xr-x2001-01-01", "00:00:00.000000000", "+0000"]
    assert (await box.good(command)).split() == expected


async def test_large_files_come_back_as_blocks(box: Box) -> None:
    data = os.urandom(3 * MIB)
    (box.workspace / "p.png").write_bytes(data)
    (box.workspace / "d.pdf").write_bytes(data)
    for name, kind, media_type in (("p.png", "image", "image/png"), ("d.pdf", "document", "application/pdf")):
        [block] = (await box.call("read", file_path=name)).content
        assert (block["type"], block["source"]["media_type"]) == (kind, media_type)
        assert len(block["source"]["data"]) == 4 * MIB


async def test_what_it_takes_of_memory_is_known_running_and_paused(box: Box) -> None:
    before = await box.sandbox.memory()
    assert before is not None and before > MIB
    await box.good("x=$(head -c 40000000 /dev/zero | tr '\\0' x)")
    after = await box.sandbox.memory()
    assert after is not None and after > before + 30 * MIB
    assert await box.sandbox.pause()
    assert (await box.sandbox.memory() or 0) > before + 30 * MIB
    await box.sandbox.close()
    assert await box.sandbox.memory() is None

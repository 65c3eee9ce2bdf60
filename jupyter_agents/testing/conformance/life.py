"""The contract of a sandbox's life: closing, what it takes, what is in it."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Limits
from jupyter_agents.testing.conformance.box import BEAT, MIB, Box, Opening
from jupyter_agents.testing.conformance.fixtures import Fixtures


class LifeChecks(Fixtures):
    """What a sandbox promises from its start to its end."""

    async def test_a_call_is_limited_in_time(self, opening: Opening) -> None:
        async with opening(limits=Limits(call_seconds=0.5)) as box:
            text, is_error = await box.bash("sleep 60")
            assert is_error
            assert "0.5" in text
            assert await box.good("echo on") == "on\n"

    async def test_a_sandbox_that_is_closed_answers_no_call(self, box: Box) -> None:
        waiting = asyncio.create_task(box.bash("sleep 60"))
        await asyncio.sleep(0.1)
        await asyncio.gather(box.sandbox.close(), box.sandbox.close())
        with pytest.raises(SandboxUnavailable):
            await waiting
        with pytest.raises(SandboxUnavailable):
            await box.bash("true")
        assert not box.sandbox.alive

    async def test_close_ends_every_process(self, box: Box) -> None:
        await box.good(BEAT)
        await box.sandbox.close()
        before = (box.workspace / "beat").read_text()
        await asyncio.sleep(0.3)
        assert (box.workspace / "beat").read_text() == before

    async def test_the_provider_closes_its_sandboxes_and_says_that_it_works(self, opening: Opening) -> None:
        async with opening() as box:
            probe = await opening.provider.probe()
            await opening.provider.close()
            assert not box.sandbox.alive
        assert (probe.kind, probe.ok) == (opening.provider.kind, True), probe.reason

    async def test_the_home_and_temporary_directories_can_be_written(self, box: Box) -> None:
        command = 'echo a >"$HOME/a" && echo b >"${TMPDIR:-/tmp}/b" && cat "$HOME/a" "${TMPDIR:-/tmp}/b"'
        assert await box.good(command) == "a\nb\n"
        assert await box.good("mktemp >/dev/null && echo made") == "made\n"

    async def test_variables_of_the_spec_reach_the_tools(self, opening: Opening) -> None:
        async with opening(env={"SPEC_SAYS": "hi"}) as box:
            assert await box.good("echo $SPEC_SAYS; sh -c 'echo $SPEC_SAYS'") == "hi\nhi\n"

    async def test_usual_programs_work(self, box: Box) -> None:
        command = (
            "cat <(echo subst) && "
            "python3 -c 'import json, asyncio; asyncio.run(asyncio.sleep(0)); print(1)' && "
            "git init -q r && git -C r -c user.name=a -c user.email=b commit -q --allow-empty -m m && "
            "git -C r log --format=%s && mkdir t && echo 'echo ran' >t/x && chmod +x t/x && cp -p t/x t/y && "
            "touch -d 2001-01-01 t/y && tar cf t.tar t && rm -r t && tar xf t.tar && t/x && stat -c %A%y t/y"
        )
        expected = ["subst", "1", "m", "ran", "-rwxr-xr-x2001-01-01", "00:00:00.000000000", "+0000"]
        assert (await box.good(command)).split() == expected

    async def test_what_it_takes_of_memory_is_known_running_and_paused(self, box: Box) -> None:
        before = await box.sandbox.memory()
        if not box.capabilities.memory:
            assert before is None
            return
        assert before is not None and before > MIB
        await box.good("x=$(head -c 40000000 /dev/zero | tr '\\0' x)")
        after = await box.sandbox.memory()
        assert after is not None and after > before + 30 * MIB
        assert await box.sandbox.pause()
        assert (await box.sandbox.memory() or 0) > before + 30 * MIB
        await box.sandbox.close()
        assert await box.sandbox.memory() is None

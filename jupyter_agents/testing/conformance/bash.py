"""The contract of calls: `bash`, its output, its shell, its ends."""

from __future__ import annotations

import asyncio
import time

import pytest

from jupyter_agents.testing.conformance.box import BEAT, Box, said
from jupyter_agents.testing.conformance.fixtures import Fixtures


class BashChecks(Fixtures):
    """What a call of `bash` promises."""

    async def test_bash_keeps_its_state_between_calls(self, box: Box) -> None:
        await box.good("cd /tmp; x=1; f() { echo f$x; }; export Y=2; declare -A m; m[a]=b")
        assert await box.good("pwd; f; sh -c 'echo $Y'; echo \"${m[a]}\"") == "/tmp\nf1\n2\nb\n"

    async def test_bash_starts_in_the_workspace(self, box: Box) -> None:
        assert await box.good("pwd") == f"{box.home}\n"

    async def test_output_is_stdout_and_stderr_in_order_with_its_newlines(self, box: Box) -> None:
        text = await box.good("echo one; echo two >&2; printf '\\e[31mred\\e[0m'; printf '\\n\\n'")
        assert text == "one\ntwo\nred\n\n"

    async def test_a_failing_command_is_an_error_with_its_output(self, box: Box) -> None:
        assert await box.bash("echo so; false") == ("so\n", True)

    async def test_no_output_is_said(self, box: Box) -> None:
        assert await box.bash("true") == ("(no output)", False)

    async def test_restart_gives_a_fresh_shell(self, box: Box) -> None:
        await box.good("cd /; x=1")
        assert said(await box.call("bash", restart=True)) == ("bash session restarted", False)
        assert await box.good('echo "<$x>"; pwd') == f"<>\n{box.home}\n"

    async def test_an_input_that_is_no_command_is_refused(self, box: Box) -> None:
        assert said(await box.call("bash")) == ("bash: command is required", True)
        assert said(await box.call("bash", command=3)) == ("bash: command must be a string", True)
        assert said(await box.call("bash", command="a\0b"))[1]
        assert said(await box.call("nosuch")) == ("nosuch: there is no such tool", True)

    async def test_a_timeout_ends_the_call_and_says_that_the_shell_is_new(self, box: Box) -> None:
        await box.good("x=1")
        start = time.monotonic()
        text, is_error = await box.bash("echo before; sleep 60", timeout_ms=300)
        assert is_error
        assert text.startswith("bash: bash command timed out after 0.3s\n[A fresh shell was started")
        assert text.endswith("Output until then:\nbefore\n")
        assert time.monotonic() - start < 3
        assert await box.good('echo "<$x>"') == "<>\n"

    async def test_a_timeout_spares_background_jobs_of_earlier_calls(self, box: Box) -> None:
        await box.good(BEAT)
        await box.bash("sleep 60 & sleep 60", timeout_ms=200)
        assert await box.beats()

    async def test_cancel_ends_every_open_call_within_half_a_second(self, box: Box) -> None:
        await box.good(BEAT)
        calls = [asyncio.create_task(box.bash(f"trap '' TERM; sleep 60 & sleep 6{n}")) for n in range(3)]
        await asyncio.sleep(0.3)
        start = time.monotonic()
        await box.sandbox.cancel()
        results = [await call for call in calls]
        assert time.monotonic() - start < 0.5
        assert all(is_error and text.startswith("bash: interrupted") for text, is_error in results)
        assert await box.beats()

    async def test_a_cancelled_task_stops_its_command(self, box: Box) -> None:
        call = asyncio.create_task(box.bash("sleep 0.5; echo late >late"))
        await asyncio.sleep(0.2)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await box.good("echo next") == "next\n"
        await asyncio.sleep(0.5)
        assert await box.good("ls") == "outputs\n"

    async def test_file_tools_go_on_while_bash_runs(self, box: Box) -> None:
        slow = asyncio.create_task(box.bash("sleep 0.5; echo slow"))
        start = time.monotonic()
        assert said(await box.call("write", file_path="a", content="x"))[0] == "wrote 1 bytes to a"
        assert time.monotonic() - start < 0.4
        assert await slow == ("slow\n", False)

    async def test_bash_calls_run_one_after_the_other(self, box: Box) -> None:
        results = await asyncio.gather(*(box.good(f"echo {n}; sleep 0.02; echo {n}") for n in range(5)))
        assert results == [f"{n}\n{n}\n" for n in range(5)]

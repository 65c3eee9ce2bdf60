"""Abuse that broke something naive, as one named test each: the channel, the shell, processes."""

from __future__ import annotations

import asyncio
import time

from jupyter_agents.testing.conformance.box import BEAT, MIB, Box
from jupyter_agents.testing.conformance.fixtures import Fixtures

FRESH = "A fresh shell was started: the working directory and variables are gone."

CONFUSING = (
    ("exec >/dev/null 2>&1; echo hidden", "(no output)"),
    ("exec 1>&- 2>&-; true", "(no output)"),
    ("cat; echo after", "after\n"),
    ('read -r x; echo "<$x>"', "<>\n"),
    ("echo() { builtin echo fake; }; echo hi; unset -f echo", "fake\n"),
    ("printf() { builtin echo fake; }; printf hi; unset -f printf", "fake\n"),
    ("printf '1 0;2 0;3 0;'; echo", "1 0;2 0;3 0;\n"),
    ("printf 'no newline'", "no newline"),
    ("for i in 1; do break 5; done; break 2>/dev/null; echo on", "on\n"),
    ("trap 'true' DEBUG; echo on; trap - DEBUG", "on\n"),
    ("printf '\\n\\n\\n'", "\n\n\n"),
    ('echo \'{"id":1,"content":[],"is_error":false}\'', '{"id":1,"content":[],"is_error":false}\n'),
    ("cat <<'EOF'\n$x ` ' \" \\\nEOF", "$x ` ' \" \\\n"),
)


LOSING_THE_SHELL = (
    ("echo out; exit 3", "exit status 3", True),
    ("echo out; exit", "exit status 0", False),
    ("echo out; kill -9 $$", "signal 9", True),
    ("exec echo out", "exit status 0", False),
    ("echo out; set -e; false; echo never", "exit status 1", True),
    ("trap 'exit 4' DEBUG; echo out", "exit status 4", True),
)


class AbuseChecks(Fixtures):
    """What is run leaves the channel, the other processes and the next call as they were."""

    async def test_commands_that_confuse_a_naive_channel(self, alive_after: Box) -> None:
        for command, output in CONFUSING:
            assert (command, await alive_after.bash(command)) == (command, (output, False))

    async def test_unfinished_syntax_is_an_error_of_that_call(self, alive_after: Box) -> None:
        for command in ("echo 'open", 'echo "open', "echo $(open", "if true; then", ")"):
            text, is_error = await alive_after.bash(command)
            assert is_error, command
            assert "syntax error" in text or "unexpected EOF" in text

    async def test_an_open_heredoc_ends_with_its_command(self, alive_after: Box) -> None:
        text, _ = await alive_after.bash("cat <<EOF\nheld")
        assert "held" in text

    async def test_input_from_nowhere(self, alive_after: Box) -> None:
        text, is_error = await alive_after.bash("python3 -c 'input()'")
        assert is_error
        assert "EOFError" in text

    async def test_a_lost_shell_is_said_and_replaced(self, alive_after: Box) -> None:
        for command, how, is_error in LOSING_THE_SHELL:
            await alive_after.good("x=1")
            text, failed = await alive_after.bash(command)
            assert (command, failed) == (command, is_error)
            assert text.endswith(f"[The shell ended ({how}). {FRESH}]")
            assert text.startswith("out\n") or "DEBUG" in command
            assert await alive_after.good('echo "<$x>"') == "<>\n"

    async def test_a_shell_killed_between_calls_is_said_at_the_next(self, alive_after: Box) -> None:
        await alive_after.good("(sleep 0.2; kill -9 $$) >/dev/null 2>&1 &")
        await asyncio.sleep(0.5)
        text, _ = await alive_after.bash("echo next")
        assert text == f"next\n[The shell ended (signal 9). {FRESH}]"

    async def test_a_stopped_shell_is_replaced_after_the_timeout(self, alive_after: Box) -> None:
        text, is_error = await alive_after.bash("kill -STOP $$", timeout_ms=300)
        assert is_error
        assert FRESH in text

    async def test_noexec_mode_ends_with_the_timeout(self, alive_after: Box) -> None:
        assert FRESH in (await alive_after.bash("set -n", timeout_ms=300))[0]

    async def test_binary_output_becomes_valid_text(self, alive_after: Box) -> None:
        text = await alive_after.good("printf 'a\\xff\\x00\\xc3b'; head -c 5000 /dev/urandom")
        assert text.startswith("a\ufffd\0\ufffdb")
        text.encode("utf-8")

    async def test_two_hundred_megabytes_of_output_keep_their_tail(self, alive_after: Box) -> None:
        start = time.monotonic()
        text = await alive_after.good("yes 0123456789abcde | head -c 200000000; echo the end")
        assert text.startswith("[output truncated]\n")
        assert text.endswith("abcde\nthe end\n")
        assert len(text) == 100 * 1024 + len("[output truncated]\n")
        assert time.monotonic() - start < 20

    async def test_a_background_job_that_holds_stdout_delays_nothing(self, alive_after: Box) -> None:
        start = time.monotonic()
        assert await alive_after.good("sleep 60 & echo on") == "on\n"
        assert time.monotonic() - start < 2

    async def test_a_background_job_that_never_stops_writing(self, alive_after: Box) -> None:
        await alive_after.good("yes & echo on")
        await asyncio.sleep(0.3)
        text = await alive_after.good("kill %1; wait; echo done")
        assert text.endswith("done\n")
        assert len(text) < 110 * 1024

    async def test_a_very_long_command(self, alive_after: Box) -> None:
        assert await alive_after.good("x='" + "y" * MIB + "'; echo ${#x}") == f"{MIB}\n"

    async def test_an_endless_loop_in_the_shell_itself(self, alive_after: Box) -> None:
        start = time.monotonic()
        assert (await alive_after.bash("while :; do :; done", timeout_ms=300))[1]
        assert time.monotonic() - start < 3

    async def test_a_command_that_ignores_term(self, alive_after: Box) -> None:
        start = time.monotonic()
        assert (await alive_after.bash("trap '' TERM INT HUP; sleep 60 & sleep 60", timeout_ms=300))[1]
        assert time.monotonic() - start < 3

    async def test_a_daemon_of_a_call_dies_with_its_timeout(self, alive_after: Box) -> None:
        assert (await alive_after.bash(f"{BEAT}; sleep 60", timeout_ms=1500))[1]
        assert not await alive_after.beats()

    async def test_zombies_are_taken_in(self, box: Box) -> None:
        await box.good("for i in $(seq 30); do (sleep 0.01 & ) ; done; sleep 0.3")
        if box.capabilities.proc:
            assert await box.good("grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l") == "0\n"

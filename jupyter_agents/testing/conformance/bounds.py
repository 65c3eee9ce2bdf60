"""Limits: memory, processes, files, disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from jupyter_agents.domain.settings import LEAST
from jupyter_agents.sandbox.base import Limits
from jupyter_agents.testing.conformance.box import MIB, Box, Opening, said
from jupyter_agents.testing.conformance.fixtures import Fixtures


@contextlib.asynccontextmanager
async def small(opening: Opening, **limits: int) -> AsyncIterator[Box]:
    """A sandbox with `limits` that must answer one more command in the end."""
    async with opening(limits=Limits(**limits)) as box:
        yield box
        assert await box.good("echo still here") == "still here\n"


class BoundsChecks(Fixtures):
    """A limit that is hit is an error that names it, and the sandbox goes on."""

    async def test_a_memory_hog_is_an_error_that_names_the_limit(self, opening: Opening) -> None:
        async with small(opening, memory=128 * MIB) as box:
            hog = "python3 -c 'x = [bytearray(1 << 20) for _ in range(4000)]; print(len(x) + 1)'"
            text, is_error = await box.bash(hog, timeout_ms=60_000)
            assert is_error
            assert "out of memory (128 MiB)" in text
            assert "4001" not in text

    async def test_a_file_cannot_grow_beyond_its_limit(self, opening: Opening) -> None:
        async with small(opening, file_size=4 * MIB) as box:
            text, is_error = await box.bash("head -c 9000000 /dev/zero >big")
            assert is_error
            assert "File size limit exceeded" in text
            assert text.endswith("[limit: 4 MiB in one file]")
            assert (box.workspace / "big").stat().st_size == 4 * MIB
            big = await box.call("write", file_path="w", content="x" * 5 * MIB)
            assert said(big) == ("write: w: file too large\n[limit: 4 MiB in one file]", True)

    async def test_the_least_that_may_be_asked_for_is_enough_to_work(self, opening: Opening) -> None:
        least = {key.replace("-", "_"): value for key, value in LEAST.items()}
        async with small(opening, **least) as box:
            assert await box.good("echo one | cat | tee f") == "one\n"
            assert said(await box.call("read", file_path="f")) == ("one\n", False)

    async def test_too_many_open_files_are_an_error_that_names_the_limit(self, opening: Opening) -> None:
        async with small(opening, open_files=256) as box:
            text, is_error = await box.bash(
                "/usr/bin/python3 -c 'x = [open(\"/dev/null\") for _ in range(300)]'"
            )
            assert is_error
            assert "Too many open files" in text
            assert text.endswith("[limit: 256 open files in a process]")

    async def test_what_others_put_in_the_workspace_counts_against_its_limit(self, opening: Opening) -> None:
        async with small(opening, disk=64 * MIB) as box:
            for name in ("old", "older"):
                (box.workspace / name).write_bytes(os.urandom(48 * MIB))
            command = "for i in $(seq 20); do head -c 20000000 /dev/zero >f$i; sync f$i; sleep 0.1; done"
            text, is_error = await box.bash(command, timeout_ms=60_000)
            assert is_error
            assert "out of disk space (64 MiB)" in text
            await box.good("rm -f f*")

    async def test_a_filled_disk_is_an_error_that_names_the_limit(self, opening: Opening) -> None:
        async with small(opening, disk=64 * MIB) as box:
            command = "for i in $(seq 100); do head -c 20000000 /dev/zero >f$i; sync f$i; sleep 0.05; done"
            text, is_error = await box.bash(command, timeout_ms=60_000)
            assert is_error
            assert "out of disk space (64 MiB)" in text
            await box.good("rm f*")

    async def test_temporary_directories_are_bounded(self, opening: Opening) -> None:
        async with small(opening, memory=256 * MIB) as box:
            if not box.capabilities.own_paths:
                return
            text, is_error = await box.bash("head -c 600000000 /dev/zero >/tmp/big; rm -f /tmp/big")
            assert "No space left" in text or is_error

    async def test_a_fork_bomb_that_outlives_its_command(self, opening: Opening) -> None:
        async with opening(limits=Limits(pids=64)) as box:
            await box.bash("b() { b | b & }; b 2>/dev/null", timeout_ms=3000)
            calm = 0
            for _ in range(40):
                text, _ = await box.bash("ls >/dev/null; echo called", timeout_ms=5000)
                calm = calm + 1 if text == "called\n" else 0
                if calm == 3:
                    break
                await asyncio.sleep(0.1)
            assert calm == 3

    async def test_too_many_processes_are_an_error_that_names_the_limit(self, opening: Opening) -> None:
        async with small(opening, pids=64) as box:
            text, is_error = await box.bash(
                "for i in $(seq 200); do sleep 30 & done; wait", timeout_ms=20_000
            )
            assert is_error
            assert "too many processes (64)" in text

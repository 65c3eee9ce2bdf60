"""Isolation: what must be out of reach from inside."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Network
from jupyter_agents.testing.conformance.box import Box, Opening
from jupyter_agents.testing.conformance.fixtures import Fixtures

DOORS = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
numbers = {"x86_64": (425, 321, 250, 272, 308), "aarch64": (425, 280, 219, 97, 268)}[os.uname().machine]
for number in numbers:
    result = libc.syscall(number, 0x10000000, 0, 0, 0, 0)
    print(result, ctypes.get_errno() in (errno.EPERM, errno.ENOSYS))
"""


class IsolationChecks(Fixtures):
    """A sandbox reaches no file, process, service or secret of its host, nor another sandbox."""

    async def test_no_secret_of_the_host_is_inside(
        self, opening: Opening, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-0123456789")
        async with opening() as box:
            text = await box.good(
                "env; cat /proc/*/environ /proc/*/task/*/environ 2>/dev/null | tr '\\0' '\\n'; "
                "grep -rsl sk-test-0123456789 /proc/[0-9]*/cmdline /etc /run 2>/dev/null; true"
            )
        assert "sk-test" not in text
        assert "ANTHROPIC" not in text

    async def test_the_host_is_out_of_reach(self, alive_after: Box, open_path: Path) -> None:
        secret = open_path / "secret"
        secret.write_text("host secret")
        secret.chmod(0o666)
        for command in (f"cat {secret}", f"echo x >{secret}", f"rm {secret}", f"chmod 777 {open_path}"):
            text, is_error = await alive_after.bash(command)
            assert is_error, command
            assert "host secret" not in text
        assert secret.read_text() == "host secret"
        assert os.stat(open_path).st_mode & 0o777 == 0o755

    async def test_no_door_of_the_kernel_is_open(self, alive_after: Box) -> None:
        """The first is io_uring, which older engines leave open: in a network of its own, no way out."""
        (alive_after.workspace / "doors.py").write_text(DOORS)
        lines = (await alive_after.good("/usr/bin/python3 doors.py")).splitlines()
        assert lines[1:] == ["-1 True"] * 4
        assert lines[0] == "-1 True" or alive_after.capabilities.io_uring

    @pytest.fixture
    def loopback_server(self) -> Iterator[int]:
        """The port of a service of this machine that nobody may reach."""
        listener = socket.create_server(("127.0.0.1", 0))
        reached = threading.Event()

        def accept() -> None:
            with contextlib.suppress(OSError):
                listener.accept()[0].close()
                reached.set()

        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()[1]
        assert not reached.is_set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()

    @pytest.mark.parametrize(
        "network", [None, Network(), Network(("example.com",))], ids=["none", "all", "list"]
    )
    async def test_services_of_the_host_cannot_be_reached(
        self, opening: Opening, network: Network | None, loopback_server: int
    ) -> None:
        async with opening(network=network) as box:
            address = f"127.0.0.1/{loopback_server}"
            assert (await box.bash(f"(: >/dev/tcp/{address})"))[1]
            if network is not None and box.capabilities.network:
                through = f"curl -sf -m 5 -x http://127.0.0.1:3128 http://127.0.0.1:{loopback_server}/"
                assert (await box.bash(through))[1]

    async def test_two_sandboxes_are_apart(self, opening: Opening) -> None:
        async with opening() as one, opening() as other:
            await one.good("echo secret >mine; echo secret >$HOME/mine; sleep 60 >/dev/null 2>&1 &")
            text, is_error = await other.bash(f"cat {one.home}/mine")
            assert is_error
            assert "secret" not in text
            assert (await other.bash("cat $HOME/mine"))[1]
            if one.capabilities.proc:
                assert "sleep" not in await other.good("cat /proc/*/comm 2>/dev/null || true")

    async def test_killing_everything_ends_at_most_this_sandbox(self, opening: Opening) -> None:
        async with opening() as box:
            with contextlib.suppress(SandboxUnavailable):
                await box.bash("kill -9 -1; sleep 1; echo survived", timeout_ms=3000)
            with contextlib.suppress(SandboxUnavailable):
                assert await box.good("echo on") == "on\n"
        async with opening() as box:
            assert await box.good("echo new") == "new\n"

    async def test_signals_do_not_reach_processes_outside(self, alive_after: Box) -> None:
        text, is_error = await alive_after.bash(f"kill -0 {os.getpid()}")
        assert is_error, text

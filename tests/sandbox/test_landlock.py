from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from conformance import BEAT, HERE, beats, open_box, open_path, run_as_user, said

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox import landlock
from jupyter_agents.sandbox.base import Network, SandboxSpec
from jupyter_agents.sandbox.landlock import LandlockProvider
from tests.needs import need

__all__ = ["open_path"]

KIND = next((kind for kind in HERE if kind.name == "landlock"), None)


@pytest.fixture(autouse=True)
def _needs_landlock() -> None:
    need("landlock")


async def test_an_old_kernel_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for abi, words in ((0, "has no Landlock"), (5, "is version 5; 6 is needed")):
        monkeypatch.setattr(landlock, "landlock_abi", lambda abi=abi: abi)
        probe = await LandlockProvider().probe()
        assert not probe.ok
        assert words in probe.reason
        assert probe.remedy


async def test_a_server_that_is_not_root_has_it_too(open_path: Path) -> None:
    command = "id -u; touch made; chmod 750 made; stat -c %a made; echo x >../x; kill -0 $PPID; true"
    text, _, _ = await asyncio.to_thread(run_as_user, "landlock", open_path, command)
    user = os.stat(open_path).st_uid
    assert text.startswith(f"{user}\n750\n")
    assert "Permission denied" in text
    assert "Operation not permitted" in text
    assert not (open_path / "x").exists()


async def test_it_dies_with_its_server(open_path: Path) -> None:
    await asyncio.to_thread(run_as_user, "landlock", open_path, BEAT, "die")
    await asyncio.sleep(0.3)
    assert not await beats(open_path / "workspace/beat")


async def test_modes_and_times_change_inside_only(open_path: Path) -> None:
    assert KIND is not None
    outside = open_path / "file"
    outside.write_text("x")
    os.utime(outside, (1, 1))
    if os.geteuid() == 0:
        os.chown(outside, 65532, 65532)
    outside.chmod(0o644)
    async with open_box(KIND) as box:
        await box.good("echo x >f; mkdir d; ln -s /etc ln")
        await box.good("chmod 4755 f; touch -d @100 f d; touch -h -d @100 ln; cd d; chmod 700 ../f; cd ..")
        assert await box.good("stat -c '%a %Y' f") == "700 100\n"
        assert await box.good("stat -c '%a %Y' d") == "755 100\n"
        for command in (
            f"chmod 777 {outside}",
            f"touch {outside}",
            f"touch -d @5 {outside}",
            f"ln -sf {outside} link; chmod 777 link",
            f"cd {open_path}; chmod 777 file",
            "python3 -c 'import os; os.chmod(\"/proc/self/fd/0\", 0o777)'",
            "chmod 644 nosuch",
        ):
            assert (await box.bash(command))[1], command
            await box.good(f"cd {box.home}")
        text, _ = await box.bash("chmod 644 nosuch")
        assert "No such file or directory" in text
    found = outside.stat()
    assert (found.st_mode & 0o7777, found.st_mtime) == (0o644, 1)


async def test_owners_and_attributes_cannot_be_changed() -> None:
    assert KIND is not None
    async with open_box(KIND) as box:
        script = (
            "import os\n"
            "open('f', 'w').close()\n"
            "for change in (lambda: os.chown('f', os.getuid(), os.getgid()), "
            "lambda: os.setxattr('f', 'user.a', b'1')):\n"
            "    try:\n"
            "        change()\n"
            "    except OSError as e:\n"
            "        print(e.strerror)\n"
        )
        await box.call("write", file_path="s.py", content=script)
        assert await box.good("/usr/bin/python3 s.py") == "Operation not permitted\nOperation not supported\n"


async def test_there_is_no_socket_at_all() -> None:
    assert KIND is not None
    async with open_box(KIND, network=Network()) as box:
        script = (
            "import socket\n"
            "for family, kind in ((1, 1), (2, 1), (2, 2), (10, 1), (16, 3), (17, 3), (40, 1)):\n"
            "    try:\n"
            "        socket.socket(family, kind)\n"
            "        print(family)\n"
            "    except PermissionError:\n"
            "        pass\n"
            "socket.socketpair()\n"
        )
        await box.call("write", file_path="s.py", content=script)
        assert await box.good("/usr/bin/python3 s.py") == "(no output)"
        assert any("no network" in note for note in box.sandbox.notes)


async def test_other_processes_cannot_be_seen_or_touched() -> None:
    assert KIND is not None
    async with open_box(KIND) as box:
        for command in (
            "cat /proc/1/cmdline",
            "ls /proc",
            f"cat /proc/{os.getpid()}/environ",
            f"kill -0 {os.getpid()}",
            "kill -9 $PPID",
            f"prlimit --pid {os.getpid()} --nofile=10",
            f"renice -n 5 -p {os.getpid()}",
        ):
            assert (await box.bash(command))[1], command
        assert await box.good("grep -q MemTotal /proc/meminfo && echo read") == "read\n"


async def test_the_toolhost_outlives_an_attack_on_all_processes() -> None:
    assert KIND is not None
    async with open_box(KIND) as box:
        assert await box.good("kill -9 -1; echo out") == "out\n"
        assert await box.good("echo on") == "on\n"


async def test_a_workspace_that_its_user_cannot_reach_is_refused(open_path: Path) -> None:
    if os.geteuid() != 0:
        return
    closed = open_path / "closed"
    closed.mkdir(mode=0o700)
    spec = SandboxSpec("s", closed / "workspace", open_path / "uploads")
    with pytest.raises(SandboxUnavailable, match=r"cannot enter .*closed"):
        await LandlockProvider().start(spec)


async def test_the_file_tools_take_real_and_virtual_paths() -> None:
    assert KIND is not None
    async with open_box(KIND) as box:
        await box.good("echo x >f; echo y >outputs/g")
        for path in ("f", "/workspace/f", str(box.workspace / "f")):
            assert said(await box.call("read", file_path=path)) == ("x\n", False)
        found = said(await box.call("glob", pattern="*", path="/mnt/session/outputs"))
        assert found == ("/mnt/session/outputs/g", False)
        assert said(await box.call("grep", pattern="x")) == ("/workspace/f:1:x\n", False)
        assert said(await box.call("read", file_path="/mnt/session/outputs/g")) == ("y\n", False)

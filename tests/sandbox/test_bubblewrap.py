from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from conformance import BEAT, HERE, UID, beats, open_box, open_path, run_as_user

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Mount, Network, SandboxSpec
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.sandbox.egress import Egress, start_egress
from tests.needs import need

__all__ = ["open_path"]


@pytest.fixture(autouse=True)
def _needs_bubblewrap() -> None:
    need("bwrap")


KIND = next((kind for kind in HERE if kind.name == "bubblewrap"), None)


def spec_in(top: Path, **more: object) -> SandboxSpec:
    return SandboxSpec("s", top / "workspace", top / "uploads", **more)  # type: ignore[arg-type]


async def test_a_server_that_is_not_root_has_it_too(open_path: Path) -> None:
    command = "id -u; touch made && cat /proc/self/status | grep -E 'CapEff|NoNewPrivs' | cut -f2; ulimit -c"
    text, is_error, notes = await asyncio.to_thread(run_as_user, "bubblewrap", open_path, command)
    user = os.stat(open_path).st_uid
    assert (text, is_error) == (f"{user}\n0000000000000000\n1\n0\n", False)
    assert (open_path / "workspace/made").stat().st_uid == user
    assert any("limited by watching" in note for note in notes) or os.geteuid() != 0


async def test_it_dies_with_its_server(open_path: Path) -> None:
    await asyncio.to_thread(run_as_user, "bubblewrap", open_path, BEAT, "die")
    await asyncio.sleep(0.2)
    assert not await beats(open_path / "workspace/beat")


async def test_only_what_is_needed_can_be_seen() -> None:
    assert KIND is not None
    async with open_box(KIND) as box:
        top = (await box.good("ls -A / | tr '\\n' ' '")).split()
        assert {"root", "var", "mnt", "workspace", "usr"} & set(top) >= {"mnt", "workspace", "usr"}
        assert not {"boot", "media", "opt", "srv", "sys"} & set(top) - {"opt"}
        assert await box.good("ls -A /home /mnt/session /root/.ssh 2>/dev/null | tr '\\n' ' '") != ""
        assert (await box.bash("cat /etc/shadow"))[1]
        text = await box.good("tr '\\0' ' ' </proc/1/cmdline; cat /proc/1/environ 2>/dev/null; true")
        assert str(box.workspace) not in text
        assert "PYTEST" not in text
        for place in ("/", "/usr", "/etc", "/run", "/dev", "/mnt", "/home"):
            assert (await box.bash(f"touch {place}/x"))[1], place
        assert await box.good("cat /proc/self/status | grep Seccomp: | cut -f2") == "2\n"


async def test_there_is_no_way_around_the_network_namespace() -> None:
    assert KIND is not None
    async with open_box(KIND) as box:
        script = (
            "import socket\n"
            "for family in (40, 17, 38, 30):\n"
            "    try:\n"
            "        socket.socket(family, socket.SOCK_STREAM if family == 40 else socket.SOCK_RAW)\n"
            "        print(family)\n"
            "    except OSError:\n"
            "        pass\n"
        )
        await box.call("write", file_path="s.py", content=script)
        assert await box.good("python3 s.py") == "(no output)"
        assert await box.good("cat /proc/net/dev | tail -n +3 | cut -d: -f1") == "    lo\n"


async def test_the_egress_proxy_is_the_way_out() -> None:
    assert KIND is not None
    seen: list[tuple[str, int | None]] = []

    async def egress(spec: SandboxSpec, network: Network, directory: Path, uid: int | None) -> Egress:
        seen.append((spec.session_id, uid))
        return await start_egress(network, directory, uid=uid)

    provider = BubblewrapProvider(start_egress=egress)
    async with open_box(KIND, network=Network(()), provider=provider) as box:
        text = await box.good("curl -s -m 5 http://example.com/; echo; env | grep -c -i _proxy=")
        assert "example.com was refused" in text
        assert text.endswith("\n8\n")
        assert (await box.bash("curl -s -m 5 https://example.com/"))[1]
        assert seen == [(box.spec.session_id, UID if os.geteuid() == 0 else None)]
    async with open_box(KIND) as box:
        assert await box.good("env | grep -c -i proxy= || true") == "0\n"


async def test_the_notebooks_python_is_first(open_path: Path) -> None:
    assert KIND is not None
    async with open_box(KIND, python=(Path(sys.prefix), Path(sys.base_prefix))) as box:
        text = await box.good(
            "python3 -c 'import sys, anthropic; print(sys.prefix)'; touch $(dirname $(which pip))/x; true"
        )
        assert text.splitlines()[0] == sys.prefix
        assert "Read-only file system" in text


async def test_configuration_in_a_python_prefix_is_hidden(open_path: Path) -> None:
    assert KIND is not None
    prefix = open_path / "env"
    (prefix / "etc/jupyter").mkdir(parents=True)
    (prefix / "bin").mkdir()
    (prefix / "etc/jupyter/jupyter_server_config.json").write_text("token")
    (prefix / "pip.conf").write_text("password")
    (prefix / "bin/tool").write_text("#!/bin/sh\necho tool\n")
    (prefix / "bin/tool").chmod(0o755)
    async with open_box(KIND, python=(prefix,)) as box:
        assert await box.good(f"tool; find {prefix}/etc -type f; cat {prefix}/pip.conf") == "tool\n"


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "/usr/bin/python3", "/proc/x", "/", "relative", "/a/../dev/x"]
)
async def test_mounts_over_the_system_are_refused(open_path: Path, target: str) -> None:
    source = open_path / "m"
    source.write_text("x")
    with pytest.raises(SandboxUnavailable, match="cannot be mounted"):
        await BubblewrapProvider().start(spec_in(open_path, mounts=(Mount(source, target),)))


async def test_outputs_that_lead_elsewhere_are_refused(open_path: Path) -> None:
    (open_path / "workspace").mkdir()
    (open_path / "workspace/outputs").symlink_to("/etc")
    with pytest.raises(SandboxUnavailable, match="is a link"):
        await BubblewrapProvider().start(spec_in(open_path))


async def test_a_file_that_is_mounted_nowhere_comes_with_the_next_start(open_path: Path) -> None:
    source = open_path / "m"
    source.write_text("x")
    sandbox = await BubblewrapProvider().start(spec_in(open_path))
    with pytest.raises(SandboxUnavailable, match="starts again"):
        await sandbox.add_file(Mount(source, "/data/m"))
    await sandbox.close()


async def test_a_missing_or_broken_bwrap_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nosuch")
    probe = await BubblewrapProvider().probe()
    assert (probe.ok, probe.reason) == (False, "bubblewrap (bwrap) is not installed.")
    assert probe.remedy
    for says, reason in (
        ("bubblewrap 0.4.1", "older than 0.5"),
        ("bubblewrap 9.9.9", "bubblewrap ended: No"),
    ):
        fake = tmp_path / says.replace(" ", "-")
        fake.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo {says} && exit\necho No permissions >&2\nexit 1\n'
        )
        fake.chmod(0o755)
        probe = await BubblewrapProvider(str(fake)).probe()
        assert not probe.ok
        assert reason in probe.reason


async def test_a_failed_start_leaves_nothing(open_path: Path) -> None:
    before = set(os.listdir("/tmp"))
    fake = open_path / "bwrap"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo bubblewrap 9.9.9 && exit\nexit 1\n')
    fake.chmod(0o755)
    with pytest.raises(SandboxUnavailable):
        await BubblewrapProvider(str(fake)).start(spec_in(open_path, network=Network()))
    made = set(os.listdir("/tmp")) - before
    assert [name for name in made if name.startswith(f"jupyter-agents-{os.getpid()}-")] == []

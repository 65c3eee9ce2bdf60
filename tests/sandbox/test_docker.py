from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

from jupyter_agents.errors import SandboxError, SandboxUnavailable
from jupyter_agents.sandbox import docker as docker_module
from jupyter_agents.sandbox.base import Limits, Mount, Network, Refusal, Sandbox, SandboxSpec
from jupyter_agents.sandbox.container import LABEL_OWNER, LABEL_SESSION
from jupyter_agents.sandbox.dial import Stream
from jupyter_agents.sandbox.docker import DockerProvider
from jupyter_agents.sandbox.egress import Egress, start_egress
from jupyter_agents.sandbox.reaper import process_owner
from jupyter_agents.sandbox.workspace import make_workspace
from jupyter_agents.testing.images import HOST_MOUNTS, import_host_image

MIB = 1024**2

Run = Callable[[str], Awaitable[tuple[str, bool]]]


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    try:
        made = docker.from_env()
    except DockerException as error:
        if "docker" in os.environ.get("REQUIRE", "").split(","):
            raise
        pytest.skip(f"no Docker engine: {error}")
    yield made
    made.close()


@pytest.fixture(scope="module")
def image(client: docker.DockerClient) -> str:
    return import_host_image(client)


@contextlib.asynccontextmanager
async def closing(provider: DockerProvider) -> AsyncIterator[DockerProvider]:
    try:
        yield provider
    finally:
        await provider.close()


@pytest.fixture
async def provider(image: str, tmp_path: Path) -> AsyncIterator[DockerProvider]:
    (tmp_path / "run").mkdir()
    made = DockerProvider(image=image, mounts=HOST_MOUNTS, directory=tmp_path / "run")
    yield made
    await made.close()
    assert list((tmp_path / "run").iterdir()) == []


@pytest.fixture
def spec(tmp_path: Path) -> SandboxSpec:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    tmp_path.chmod(0o755)
    workspace = make_workspace(tmp_path, tmp_path / "work", uid=65532)
    return SandboxSpec(f"sesn_01{secrets.token_hex(11)}", workspace, uploads)


@pytest.fixture
async def sandbox(provider: DockerProvider, spec: SandboxSpec) -> AsyncIterator[Sandbox]:
    made = await provider.start(spec)
    yield made
    await made.close()


async def bash(sandbox: Sandbox, command: str) -> tuple[str, bool]:
    result = await sandbox.call("bash", {"command": command})
    return "".join(str(block["text"]) for block in result.content), result.is_error


def containers(client: docker.DockerClient, spec: SandboxSpec) -> list[str]:
    label = f"{LABEL_SESSION}={spec.session_id}"
    found = client.api.containers(all=True, filters={"label": label})
    return [str(container["Id"]) for container in found]


async def test_a_probe_runs_a_command(provider: DockerProvider) -> None:
    probe = await provider.probe()
    assert probe.ok and probe.kind == "docker" and "ran a command" in probe.reason


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_without_an_engine_the_probe_says_so(tmp_path: Path) -> None:
    def nothing() -> docker.DockerClient:
        return docker.DockerClient(base_url=f"unix://{tmp_path}/none.sock", version="auto")

    probe = await DockerProvider(client_factory=nothing).probe()
    assert not probe.ok and probe.reason == "No Docker engine: nothing answers at its socket."
    assert "Start Docker" in probe.remedy
    gc.collect()


async def test_without_permission_the_probe_says_so() -> None:
    def denied() -> docker.DockerClient:
        raise DockerException("PermissionError(13, 'Permission denied')")

    probe = await DockerProvider(client_factory=denied).probe()
    assert not probe.ok and "may not use its socket" in probe.reason


async def test_an_engine_that_cannot_be_attached_to_is_refused_in_words() -> None:
    def elsewhere() -> docker.DockerClient:
        made = docker.from_env()
        made.api.base_url = "http+docker://ssh"
        made.info = lambda: {}
        return made

    probe = await DockerProvider(client_factory=elsewhere).probe()
    assert not probe.ok and "no container can be attached" in probe.reason
    assert "ssh -nNT -L" in probe.remedy


async def test_a_missing_image_names_the_way_to_build_it(client: docker.DockerClient) -> None:
    async with closing(DockerProvider(image="jupyter-agents/no-such-image:x")) as provider:
        probe = await provider.probe()
    assert not probe.ok
    assert probe.reason == "There is no image jupyter-agents/no-such-image:x."
    assert "make image" in probe.remedy


async def test_an_image_without_python_is_refused_in_words(
    client: docker.DockerClient, image: str, spec: SandboxSpec
) -> None:
    async with closing(DockerProvider(image=image)) as provider:
        with pytest.raises(SandboxUnavailable) as caught:
            await provider.start(spec)
    assert str(caught.value) == (
        f"The image {image} has no python3. Name one that has python3 and bash in jupyter-agents/image."
    )
    assert containers(client, spec) == []


async def test_what_is_wrong_with_an_image_is_said_without_a_container(image: str) -> None:
    async with closing(DockerProvider(image=image, mounts=HOST_MOUNTS)) as provider:
        assert await provider.image_problem(image) is None
        said = await provider.image_problem("no-such-image:x")
        assert said is not None and "no image no-such-image:x. Pull it with `docker pull" in said
        assert await provider.image_problem("NO image") is not None


async def test_without_an_engine_nothing_is_said_of_an_image() -> None:
    def nowhere() -> docker.DockerClient:
        raise DockerException("nothing answers")

    assert await DockerProvider(client_factory=nowhere).image_problem("any") is None


async def test_an_unknown_runtime_is_refused_in_words(image: str, spec: SandboxSpec) -> None:
    made = DockerProvider(image=image, mounts=HOST_MOUNTS, runtime="nonsense")
    async with closing(made) as provider:
        with pytest.raises(SandboxUnavailable, match="nonsense"):
            await provider.start(spec)


async def test_a_probe_that_takes_too_long_is_given_up(
    provider: DockerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_module, "PROBE_SECONDS", 0.01)
    probe = await provider.probe()
    assert not probe.ok and probe.reason == "No answer within 0.01 s."


async def test_who_the_tools_are(sandbox: Sandbox) -> None:
    uid = 65532 if os.geteuid() == 0 else os.geteuid()
    text, _ = await bash(sandbox, "id -u; pwd; grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status")
    lines = text.split()
    assert lines[:2] == [str(uid), "/workspace"]
    assert lines[2:] == ["CapBnd:", "0" * 16, "NoNewPrivs:", "1", "Seccomp:", "2"]


async def test_nothing_of_the_server_shows_inside(
    provider: DockerProvider, spec: SandboxSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:sk-secret@127.0.0.1:1")
    sandbox = await provider.start(replace(spec, env={"COLOUR": "blue"}))
    text, _ = await bash(sandbox, "env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; mount")
    assert "sk-secret" not in text and "COLOUR=blue" in text and "HOME=/home/agent" in text
    await sandbox.close()


async def test_only_the_workspace_and_memory_can_be_written(sandbox: Sandbox, spec: SandboxSpec) -> None:
    (spec.uploads / "data.csv").write_text("1,2")
    for path in ("/x", "/etc/x", "/usr/x", "/opt/x", "/opt/jupyter-agents/x", "/mnt/session/x"):
        text, failed = await bash(sandbox, f"echo x > {path}")
        assert failed and ("denied" in text or "Read-only" in text), path
    for path in ("/mnt/session/uploads/x", "/mnt/session/uploads/data.csv"):
        text, failed = await bash(sandbox, f"echo x > {path}")
        assert failed
    places = ("/workspace", "/mnt/session/outputs", "/tmp", "/var/tmp", "/home/agent", "/dev/shm")
    for path in places:
        assert await bash(sandbox, f"echo x > {path}/x && cat {path}/x") == ("x\n", False), path
    script = "printf '#!/bin/sh\\necho ran' > /tmp/s && chmod +x /tmp/s && /tmp/s"
    assert await bash(sandbox, script) == ("ran\n", False)


async def test_there_is_no_network(sandbox: Sandbox) -> None:
    text, failed = await bash(sandbox, "cat /proc/net/dev | tail -n +3; echo > /dev/tcp/1.1.1.1/80")
    assert failed and "lo:" in text and "eth" not in text and "unreachable" in text


async def test_the_workspace_is_the_hosts_folder(sandbox: Sandbox, spec: SandboxSpec) -> None:
    (spec.workspace / "from-host.txt").write_text("hello\n")
    text, _ = await bash(sandbox, "cat from-host.txt; echo made > /mnt/session/outputs/made.txt")
    assert text == "hello\n"
    made = spec.workspace / "outputs" / "made.txt"
    assert made.read_text() == "made\n" and made.stat().st_uid == spec.workspace.stat().st_uid
    (spec.uploads / "late.csv").write_text("late\n")
    assert await bash(sandbox, "cat /mnt/session/uploads/late.csv") == ("late\n", False)


async def test_files_at_exact_paths(provider: DockerProvider, spec: SandboxSpec, tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_text("a,b\n")
    early = ["/data/early.csv", "/workspace/in/early.csv", "/mnt/session/uploads/u/early.csv"]
    early += ["/tmp/early.csv"]
    late = ["/data/late.csv", "/other/deep/late.csv", "/workspace/late.csv"]
    late += ["/mnt/session/uploads/u/late.csv", "/mnt/session/outputs/late.csv"]
    sandbox = await provider.start(replace(spec, mounts=tuple(Mount(source, target) for target in early)))
    for target in late:
        await sandbox.add_file(Mount(source, target))
    for target in (*early, *late):
        assert await bash(sandbox, f"cat {target}") == ("a,b\n", False), target
        assert (await bash(sandbox, f"echo x >> {target}"))[1], target
    text, _ = await bash(sandbox, "stat -c '%u %a' /data/late.csv /other /other/deep")
    assert text == "0 444\n0 755\n0 755\n"
    with pytest.raises(SandboxError, match="takes no files while the sandbox runs"):
        await sandbox.add_file(Mount(source, "/tmp/late.csv"))
    for target in ("relative", "/a/../b", "/", "//x"):
        with pytest.raises(SandboxError, match="not an absolute path"):
            await sandbox.add_file(Mount(source, target))
    assert (await bash(sandbox, "echo alive"))[0] == "alive\n"
    await sandbox.close()


async def test_a_folder_that_became_a_link_is_not_mounted(
    provider: DockerProvider, spec: SandboxSpec
) -> None:
    (spec.workspace / "outputs").rmdir()
    (spec.workspace / "outputs").symlink_to("/etc")
    with pytest.raises(SandboxError, match="symlink"):
        await provider.start(spec)
    (spec.workspace / "outputs").unlink()
    (spec.workspace / "in").symlink_to("/etc")
    target = Mount(spec.uploads / "x", "/workspace/in/x")
    target.source.write_text("x")
    with pytest.raises(SandboxError, match="symlink"):
        await provider.start(replace(spec, mounts=(target,)))


async def test_running_out_of_memory_is_said_and_survived(
    provider: DockerProvider, spec: SandboxSpec
) -> None:
    sandbox = await provider.start(replace(spec, limits=Limits(memory=128 * MIB)))
    text, failed = await bash(sandbox, "python3 -c 'bytearray(1 << 29)'")
    assert failed and "[out of memory (128 MiB)]" in text
    assert await bash(sandbox, "echo alive") == ("alive\n", False)
    await sandbox.close()


async def test_too_many_processes_are_said_and_survived(provider: DockerProvider, spec: SandboxSpec) -> None:
    sandbox = await provider.start(replace(spec, limits=Limits(pids=40)))
    text, failed = await bash(sandbox, "for i in $(seq 100); do sleep 5 & done 2>&1; exit 0")
    assert failed and "too many processes (40)" in text
    await sandbox.call("bash", {"restart": True})
    await bash(sandbox, "pkill sleep")
    assert await bash(sandbox, "echo alive") == ("alive\n", False)
    await sandbox.close()


async def test_memory_disks_and_files_are_bounded(provider: DockerProvider, spec: SandboxSpec) -> None:
    limits = Limits(memory=256 * MIB, file_size=50 * MIB, open_files=256)
    sandbox = await provider.start(replace(spec, limits=limits))
    for place in ("/run", "/var/tmp"):
        text, failed = await bash(sandbox, f"head -c 40M /dev/zero > {place}/big")
        assert failed and "No space left" in text
    text, failed = await bash(sandbox, "head -c 60M /dev/zero > /workspace/big")
    assert failed and (spec.workspace / "big").stat().st_size <= 50 * MIB
    assert await bash(sandbox, "ulimit -n; ulimit -c") == ("256\n0\n", False)
    await sandbox.close()


async def test_a_workspace_that_fills_up_is_said_and_survived(
    provider: DockerProvider, spec: SandboxSpec
) -> None:
    sandbox = await provider.start(replace(spec, limits=Limits(disk=100 * MIB)))
    fill = "for i in $(seq 100); do head -c 10M /dev/zero > f$i; sleep 0.02; done"
    text, failed = await bash(sandbox, fill)
    assert failed and "out of disk space (100 MiB)" in text
    assert await bash(sandbox, "rm f*; echo alive") == ("alive\n", False)
    await sandbox.close()


async def test_a_container_that_is_killed_ends_the_call(
    client: docker.DockerClient, provider: DockerProvider, spec: SandboxSpec
) -> None:
    sandbox = await provider.start(spec)
    calling = asyncio.create_task(bash(sandbox, "sleep 30"))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(client.api.kill, containers(client, spec)[0])
    with pytest.raises(SandboxUnavailable, match="exit code 137"):
        await calling
    assert not sandbox.alive
    with pytest.raises(SandboxUnavailable):
        await bash(sandbox, "echo")
    await sandbox.close()
    assert containers(client, spec) == []


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_an_engine_that_is_lost_ends_the_call(
    client: docker.DockerClient, image: str, spec: SandboxSpec, tmp_path: Path
) -> None:
    """The engine is reached through a relay, which is cut."""
    writers: list[asyncio.StreamWriter] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        engine_reader, engine_writer = await asyncio.open_unix_connection("/var/run/docker.sock")
        writers.extend((writer, engine_writer))

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, engine_writer), pump(engine_reader, writer))

    server = await asyncio.start_unix_server(relay, str(tmp_path / "engine.sock"))
    url = f"unix://{tmp_path}/engine.sock"
    provider = DockerProvider(
        image=image,
        mounts=HOST_MOUNTS,
        client_factory=lambda: docker.DockerClient(base_url=url, version="auto", timeout=5),
    )
    sandbox = await provider.start(spec)
    calling = asyncio.create_task(bash(sandbox, "sleep 30"))
    await asyncio.sleep(0.2)
    server.close()
    (tmp_path / "engine.sock").unlink(missing_ok=True)
    for writer in writers:
        writer.transport.abort()
    with pytest.raises(SandboxUnavailable, match="engine does not say why"):
        await calling
    await provider.close()
    for left in containers(client, spec):
        client.api.remove_container(left, force=True)
    gc.collect()


async def test_close_is_quick_and_leaves_nothing(
    client: docker.DockerClient, provider: DockerProvider, spec: SandboxSpec
) -> None:
    sandbox = await provider.start(spec)
    await bash(sandbox, "trap '' TERM INT HUP; (trap '' TERM; sleep 1000) & disown")
    assert len(containers(client, spec)) == 1
    begin = time.monotonic()
    await sandbox.close()
    await sandbox.close()
    assert time.monotonic() - begin < 3
    assert containers(client, spec) == [] and not sandbox.alive


async def test_a_start_that_is_cancelled_leaves_nothing(
    client: docker.DockerClient, provider: DockerProvider, spec: SandboxSpec
) -> None:
    for delay in (0.0, 0.03, 0.08, 0.15, 0.25):
        starting = asyncio.create_task(provider.start(spec))
        await asyncio.sleep(delay)
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await starting).close()
        assert containers(client, spec) == [], delay


async def test_sandboxes_start_at_once_and_end_with_their_provider(
    client: docker.DockerClient, provider: DockerProvider, spec: SandboxSpec
) -> None:
    sandboxes = await asyncio.gather(*(provider.start(spec) for _ in range(4)))
    assert len(containers(client, spec)) == 4
    said = await asyncio.gather(*(bash(one, "echo hi") for one in sandboxes))
    assert said == [("hi\n", False)] * 4
    await provider.close()
    assert containers(client, spec) == []


@pytest.fixture
def ended() -> Iterator[subprocess.Popen[bytes]]:
    """A process that the test ends."""
    with subprocess.Popen(["sleep", "100"]) as process:
        yield process
        process.kill()


async def test_only_the_containers_of_dead_servers_are_reaped(
    client: docker.DockerClient, image: str, spec: SandboxSpec, ended: subprocess.Popen[bytes]
) -> None:
    owners = [process_owner(ended.pid), process_owner(os.getppid()), "somebody else's"]
    made = [DockerProvider(image=image, mounts=HOST_MOUNTS, owner=owner) for owner in (*owners, None)]
    for provider in made:
        await provider.start(spec)
    ended.kill()
    ended.wait()
    assert await made[-1].reap() == 1
    found = client.api.containers(all=True, filters={"label": LABEL_OWNER})
    labels = {str(container["Labels"][LABEL_OWNER]) for container in found}
    assert owners[0] not in labels and {*owners[1:], process_owner()} <= labels
    for provider in made:
        await provider.close()


async def test_the_network_is_what_the_environment_allows(image: str, spec: SandboxSpec) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
        await writer.drain()
        writer.close()

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["93.184.216.34"]

    async def connect(address: str, port: int) -> Stream:
        return await asyncio.open_connection(*origin.sockets[0].getsockname()[:2])

    started: list[Egress] = []
    told: list[Refusal] = []

    async def egress(spec: SandboxSpec, network: Network, directory: Path, uid: int) -> Egress:
        assert spec.session_id and spec.network == network
        started.append(
            await start_egress(network, directory, uid=uid, resolve=resolve, connect=connect, environ={})
        )
        return started[-1]

    origin = await asyncio.start_server(serve, "127.0.0.1", 0)
    provider = DockerProvider(image=image, mounts=HOST_MOUNTS, start_egress=egress)
    async with origin:
        sandbox = await provider.start(replace(spec, network=Network(("good.example",), told=told.append)))
        read = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode(), end='')"
        fetch = f'python3 -c "{read}"'
        assert await bash(sandbox, f"{fetch} http://good.example/") == ("hello\n", False)
        text, failed = await bash(sandbox, f"{fetch} http://evil.example/")
        assert failed and "403: Refused by the environment's network" in text
        text, failed = await bash(sandbox, f"{fetch} https://evil.example/")
        assert failed and "403 Refused by the environment's network" in text
        text, failed = await bash(sandbox, "rm -f /opt/jupyter-agents/network/egress.sock")
        assert failed
        assert [refusal.host for refusal in told] == ["evil.example"] * 2
        await provider.close()
    assert not started[0].socket.exists()

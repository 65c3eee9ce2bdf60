"""Sandboxes that wait for a session, with a real engine."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from jupyter_agents.sandbox import pool
from jupyter_agents.sandbox.base import Limits, Mount, Network, Refusal, Sandbox, SandboxSpec
from jupyter_agents.sandbox.beside import Beside
from jupyter_agents.sandbox.container import LABEL_OWNER, LABEL_SESSION
from jupyter_agents.sandbox.docker import DockerProvider
from jupyter_agents.sandbox.pool import shape
from jupyter_agents.sandbox.reaper import process_owner
from jupyter_agents.sandbox.workspace import make_workspace
from jupyter_agents.testing.images import HOST_MOUNTS, import_host_image
from tests.needs import need

MIB = 1024**2
SECONDS = 60.0


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    need("docker")
    made = docker.from_env()
    yield made
    made.close()


@pytest.fixture(scope="module")
def image(client: docker.DockerClient) -> str:
    return import_host_image(client)


class Place:
    """A server's folders, and the specs of its sessions."""

    def __init__(self, top: Path) -> None:
        self.root, self.data = top / "root", top / "data"
        for folder in (self.root, self.data):
            folder.mkdir(mode=0o755)

    def spec(self, **more: object) -> SandboxSpec:
        session = f"sesn_01{secrets.token_hex(11)}"
        path = self.root / "agents" / f"coder-{session[-6:]}"
        uploads = self.data / "uploads" / session
        uploads.mkdir(parents=True)
        spec = SandboxSpec(session, make_workspace(self.root, path, uid=65532), uploads, warm=True)
        return replace(spec, **more)  # type: ignore[arg-type]

    def left(self) -> list[Path]:
        """What lies in the hidden folders."""
        hidden = (self.root / "agents" / ".warm", self.data / ".warm")
        return [path for folder in hidden for path in folder.rglob("*")]


@pytest.fixture
def place() -> Iterator[Place]:
    top = Path(tempfile.mkdtemp(prefix="pool-", dir="/tmp"))
    top.chmod(0o755)
    yield Place(top)
    shutil.rmtree(top)


@pytest.fixture
async def provider(image: str, place: Place) -> AsyncIterator[DockerProvider]:
    made = DockerProvider(image=image, mounts=HOST_MOUNTS)
    yield made
    await made.close()
    assert place.left() == []


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


def ready(provider: DockerProvider) -> int:
    assert provider.warm is not None
    return provider.warm.ready


async def keep(provider: DockerProvider, place: Place, number: int, first: SandboxSpec | None = None) -> None:
    """Keep some warm, and wait for them."""
    first = first or SandboxSpec("", Path(), Path())
    provider.keep_warm(number, place.root, place.data, first)
    await until(lambda: ready(provider) == number)


def waiting(client: docker.DockerClient) -> list[str]:
    """The ids of this process's containers that were started as warm ones."""
    labels = [f"{LABEL_SESSION}=warm", f"{LABEL_OWNER}={process_owner()}"]
    return [str(one["Id"]) for one in client.api.containers(all=True, filters={"label": labels})]


async def bash(sandbox: Sandbox, command: str) -> str:
    result = await sandbox.call("bash", {"command": command})
    assert not result.is_error, result
    return "".join(str(block["text"]) for block in result.content)


async def test_one_is_taken_refilled_and_never_used_again(
    client: docker.DockerClient, provider: DockerProvider, place: Place
) -> None:
    await keep(provider, place, 1)
    (first,) = waiting(client)
    spec = place.spec()
    (spec.uploads / "data.csv").write_text("a,b\n")
    sandbox = await provider.start(spec)
    assert await bash(sandbox, "pwd; ls; cat /mnt/session/uploads/data.csv; echo made > file") == (
        "/workspace\noutputs\na,b\n"
    )
    assert (spec.workspace / "file").read_text() == "made\n"
    assert (spec.workspace / "file").stat().st_uid == spec.workspace.stat().st_uid
    await bash(sandbox, "echo out > /mnt/session/outputs/out")
    assert (spec.workspace / "outputs" / "out").read_text() == "out\n"
    (spec.workspace / "from-host").write_text("hello\n")
    (spec.uploads / "late.csv").write_text("late\n")
    assert await bash(sandbox, "cat from-host /mnt/session/uploads/late.csv") == "hello\nlate\n"
    await until(lambda: ready(provider) == 1)
    second = next(one for one in waiting(client) if one != first)
    names = client.api.inspect_container(first)["Name"]
    assert spec.session_id[-6:] in names
    await sandbox.close()
    assert waiting(client) == [second]
    assert spec.workspace.is_dir() and (spec.uploads / "late.csv").exists()


async def test_two_at_once_get_different_ones(
    client: docker.DockerClient, provider: DockerProvider, place: Place
) -> None:
    await keep(provider, place, 2)
    before = set(waiting(client))
    specs = [place.spec() for _ in range(2)]
    one, other = await asyncio.gather(*(provider.start(spec) for spec in specs))
    for number, sandbox in enumerate((one, other)):
        await bash(sandbox, f"echo {number} > mine")
    assert [(spec.workspace / "mine").read_text() for spec in specs] == ["0\n", "1\n"]
    assert before <= set(waiting(client))
    for spec in specs:
        label = {"label": f"{LABEL_SESSION}={spec.session_id}"}
        assert client.api.containers(all=True, filters=label) == []


async def test_another_shape_starts_cold_and_is_kept_from_then_on(
    client: docker.DockerClient, provider: DockerProvider, place: Place
) -> None:
    await keep(provider, place, 1)
    (old,) = waiting(client)
    large = Limits(memory=512 * MIB)
    spec = place.spec(limits=large)
    sandbox = await provider.start(spec)
    label = {"label": f"{LABEL_SESSION}={spec.session_id}"}
    assert len(client.api.containers(filters=label)) == 1
    await until(lambda: ready(provider) == 1 and old not in waiting(client))
    (new,) = waiting(client)
    assert client.api.inspect_container(new)["HostConfig"]["Memory"] == 512 * MIB
    again = await provider.start(place.spec(limits=large))
    assert new in waiting(client)
    result = await again.call("bash", {"command": "python3 -c 'bytearray(1 << 30)'"})
    assert "[out of memory (512 MiB)]" in str(result.content)
    await again.close()
    await sandbox.close()


@pytest.mark.parametrize("how", ["not asked", "a file", "a mount elsewhere"])
async def test_a_session_that_cannot_take_one_starts_cold_and_leaves_it(
    client: docker.DockerClient, provider: DockerProvider, place: Place, how: str, tmp_path: Path
) -> None:
    await keep(provider, place, 1)
    before = waiting(client)
    spec = place.spec()
    if how == "not asked":
        spec = replace(spec, warm=False)
    elif how == "a file":
        (spec.workspace / "there").write_text("there\n")
    else:
        (tmp_path / "source").write_text("there\n")
        spec = replace(spec, mounts=(Mount(tmp_path / "source", "/data/there"),))
    sandbox = await provider.start(spec)
    label = {"label": f"{LABEL_SESSION}={spec.session_id}"}
    assert len(client.api.containers(filters=label)) == 1
    if how != "not asked":
        assert "there\n" in await bash(sandbox, "cat there /data/there 2>/dev/null || true")
    if how != "a mount elsewhere":
        assert waiting(client) == before


async def test_one_that_died_is_passed_over_and_replaced(
    client: docker.DockerClient, provider: DockerProvider, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(provider, place, 2)
    killed, frozen = waiting(client)
    client.api.kill(killed)
    client.api.pause(frozen)
    spec = place.spec()
    sandbox = await provider.start(spec)
    assert await bash(sandbox, "echo hi > file; cat file") == "hi\n"
    assert (spec.workspace / "file").exists()
    await until(lambda: ready(provider) == 2 and not {killed, frozen} & set(waiting(client)))


async def test_one_that_dies_while_it_waits_is_replaced(
    client: docker.DockerClient, provider: DockerProvider, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LOOK_SECONDS", 0.2)
    await keep(provider, place, 1)
    (killed,) = waiting(client)
    client.api.remove_container(killed, force=True)
    await until(lambda: ready(provider) == 0)
    await until(lambda: ready(provider) == 1)


async def test_an_image_that_was_built_anew_is_used(
    client: docker.DockerClient, image: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LOOK_SECONDS", 0.2)
    tag = f"jupyter-agents/test-pool:{secrets.token_hex(4)}"
    client.api.tag(image, tag)
    provider = DockerProvider(image=tag, mounts=HOST_MOUNTS)
    try:
        await keep(provider, place, 1)
        (old,) = waiting(client)
        container = client.api.create_container(image, "true")
        client.api.commit(container["Id"], *tag.split(":"), changes="ENV NEW=1")
        client.api.remove_container(container["Id"])
        await until(lambda: old not in waiting(client) and ready(provider) == 1)
        (new,) = waiting(client)
        assert "NEW=1" in client.api.inspect_container(new)["Config"]["Env"]
    finally:
        await provider.close()
        client.api.remove_image(tag, force=True)


async def test_refusals_are_told_to_the_session_that_has_it(provider: DockerProvider, place: Place) -> None:
    told: list[Refusal] = []
    network = Network(("good.example",))
    await keep(provider, place, 1, SandboxSpec("", Path(), Path(), network=network))
    spec = place.spec(network=replace(network, told=told.append))
    sandbox = await provider.start(spec)
    result = await sandbox.call(
        "bash", {"command": "python3 -c 'import urllib.request as u; u.urlopen(\"http://evil.example/\")'"}
    )
    assert result.is_error and [refusal.host for refusal in told] == ["evil.example"]
    other = await provider.start(place.spec(network=Network(("other.example",))))
    await sandbox.close()
    await other.close()


async def test_the_size_of_the_sessions_own_workspace_is_watched(
    provider: DockerProvider, place: Place
) -> None:
    limits = Limits(disk=50 * MIB)
    await keep(provider, place, 1, SandboxSpec("", Path(), Path(), limits=limits))
    sandbox = await provider.start(place.spec(limits=limits))
    fill = "for i in $(seq 50); do head -c 10M /dev/zero > f$i; sleep 0.05; done"
    result = await sandbox.call("bash", {"command": fill})
    assert result.is_error and "out of disk space (50 MiB)" in str(result.content)
    await sandbox.close()


async def test_it_is_paused_and_takes_files_like_any_other(
    provider: DockerProvider, place: Place, tmp_path: Path
) -> None:
    await keep(provider, place, 1)
    spec = place.spec()
    sandbox = await provider.start(spec)
    await bash(sandbox, "COLOUR=blue")
    assert await sandbox.pause()
    await sandbox.resume()
    assert await bash(sandbox, "echo $COLOUR") == "blue\n"
    source = tmp_path / "source"
    source.write_text("given\n")
    for target in ("/data/deep/file", "/workspace/in/file", "/mnt/session/uploads/u/file"):
        await sandbox.add_file(Mount(source, target))
        assert await bash(sandbox, f"cat {target}") == "given\n"
    assert (spec.workspace / "in" / "file").exists()
    await sandbox.close()


async def test_hidden_files_that_came_meanwhile_are_not_shown(
    client: docker.DockerClient, provider: DockerProvider, place: Place
) -> None:
    folder = place.root / "book"
    (folder / "deep").mkdir(parents=True)
    (folder / "data.csv").write_text("a,b\n")
    beside = Beside(folder, (folder / "agents",))
    await keep(provider, place, 1, SandboxSpec("", Path(), Path(), beside=beside))
    before = waiting(client)
    first = await provider.start(place.spec(beside=beside))
    assert await bash(first, "cat /mnt/notebook/data.csv") == "a,b\n"
    await until(lambda: ready(provider) == 1)
    (folder / "deep" / ".env").write_text("SECRET\n")
    second = await provider.start(place.spec(beside=beside))
    text = await second.call("bash", {"command": "cat /mnt/notebook/deep/.env"})
    assert "SECRET" not in str(text.content)
    assert before[0] in waiting(client)


async def test_an_engine_that_is_away_is_a_problem_that_passes(
    image: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LOOK_SECONDS", 0.1)
    there = False

    def sometimes() -> docker.DockerClient:
        if not there:
            raise docker.errors.DockerException("nothing answers")
        return docker.from_env()

    provider = DockerProvider(image=image, mounts=HOST_MOUNTS, client_factory=sometimes)
    provider.keep_warm(1, place.root, place.data, SandboxSpec("", Path(), Path()))
    await until(lambda: "No Docker engine" in str(provider.warm and provider.warm.problem))
    there = True
    await until(lambda: ready(provider) == 1)
    await until(lambda: provider.warm is not None and provider.warm.problem is None)
    await provider.close()
    assert place.left() == [] and provider.warm is None


async def test_keeping_none_removes_what_a_killed_server_left(image: str, place: Place) -> None:
    process = await asyncio.create_subprocess_exec("sleep", "100")
    owner = process_owner(process.pid)
    process.kill()
    await process.wait()
    left = place.root / "agents" / ".warm" / "0123456789abcdef"
    (left / "1" / "workspace").mkdir(parents=True)
    (left / "owner").write_text(owner)
    provider = DockerProvider(image=image, mounts=HOST_MOUNTS)
    provider.keep_warm(0, place.root, place.data)
    await provider.close()
    assert provider.warm is None and not left.parent.exists()


async def test_closing_in_the_middle_of_a_start_leaves_nothing(
    client: docker.DockerClient, image: str, place: Place
) -> None:
    for delay in (0.0, 0.35, 0.5, 0.8):
        provider = DockerProvider(image=image, mounts=HOST_MOUNTS)
        provider.keep_warm(2, place.root, place.data, SandboxSpec("", Path(), Path()))
        await asyncio.sleep(delay)
        await provider.close()
        assert waiting(client) == [] and place.left() == [], delay


def test_what_makes_a_shape(tmp_path: Path) -> None:
    spec = SandboxSpec("sesn_1", tmp_path / "agents" / "a", tmp_path / "up" / "a")
    beside = Beside(tmp_path, (tmp_path / "agents", spec.workspace.resolve()))
    other = replace(
        spec,
        session_id="sesn_2",
        workspace=tmp_path / "agents" / "b",
        uploads=tmp_path / "up" / "b",
        mounts=(Mount(tmp_path, "/workspace/x"), Mount(tmp_path, "/mnt/session/uploads/x")),
        python=(tmp_path,),
        notes=("A note.",),
        warm=True,
    )
    assert shape(spec) == shape(other)
    of_other = Beside(tmp_path, (tmp_path / "agents", other.workspace.resolve()))
    assert shape(replace(spec, beside=beside)) == shape(replace(other, beside=of_other))
    network = Network(("a.example",), told=lambda refusal: None)
    assert shape(replace(spec, network=network)) == shape(replace(other, network=Network(("a.example",))))
    for change in (
        {"image": "other"},
        {"limits": Limits(pids=99)},
        {"network": Network()},
        {"env": {"A": "1"}},
        {"beside": beside},
        {"packages": {"pip": ("x",)}},
        {"uid": 1000},
        {"mounts": (Mount(tmp_path, "/elsewhere"),)},
    ):
        assert shape(spec) != shape(replace(other, **change)), change  # type: ignore[arg-type]

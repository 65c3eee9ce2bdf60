from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from conformance import open_path
from docker.errors import APIError

from jupyter_agents.domain.packages import lists_digest
from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Mount, SandboxSpec, ToolResult
from jupyter_agents.sandbox.container import LABEL_SESSION
from jupyter_agents.sandbox.derive import REPOSITORY, Deriver, prune
from jupyter_agents.sandbox.docker import DockerProvider
from jupyter_agents.sandbox.installs import Installs
from jupyter_agents.sandbox.workspace import make_workspace
from jupyter_agents.testing.indexes import NPM_PACKAGE, PIP_PACKAGE, VERSION, Index, serve_packages
from tests.needs import need
from tests.sandbox.host_base import import_host_base

__all__ = ["open_path"]

PIP = {"pip": (f"{PIP_PACKAGE}==1.2.0",)}
STORE = "of-a-test"
SECRET = "http://someone:sk-secret@proxy.example:1"


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    need("docker")
    made = docker.from_env()
    yield made
    for image in made.api.images(all=True, filters={"label": f"jupyter-agents.store={STORE}"}):
        with contextlib.suppress(APIError):
            made.api.remove_image(image["Id"], force=True)
    made.close()


@pytest.fixture(scope="module")
def base(client: docker.DockerClient) -> Iterator[str]:
    made = import_host_base(client, more=True)
    yield made
    with contextlib.suppress(APIError):
        client.api.remove_image(made)


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    with serve_packages() as served:
        yield served


@pytest.fixture
def spec(open_path: Path, index: Index) -> SandboxSpec:
    (open_path / "uploads").mkdir()
    (open_path / "work").mkdir()
    return SandboxSpec(
        "sesn_0123456789", open_path / "work", open_path / "uploads", packages=PIP, env=index.variables()
    )


@pytest.fixture
async def provider(base: str, client: docker.DockerClient) -> AsyncIterator[DockerProvider]:
    made = DockerProvider(image=base, installs=Installs(network="host", store=STORE))
    yield made
    await made.close()


def said(result: ToolResult) -> str:
    return "".join(str(block["text"]) for block in result.content)


async def test_packages_of_pip_and_npm_are_there(
    provider: DockerProvider,
    client: docker.DockerClient,
    spec: SandboxSpec,
    index: Index,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FTP_PROXY", "not passed on")
    monkeypatch.setenv("http_proxy", SECRET)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    told: list[str] = []
    certificate = Mount(spec.workspace.parent / "ca.pem", "/opt/ca.pem")
    certificate.source.write_text("a certificate")
    spec = replace(spec, env={**spec.env, "CERTIFICATE": "/opt/ca.pem"}, mounts=(certificate,))
    both = replace(spec, packages={"npm": (NPM_PACKAGE,), **PIP}, told=told.append)
    sandbox = await provider.start(both)
    script = f"{PIP_PACKAGE}; {NPM_PACKAGE}; node -p 'require(\"{NPM_PACKAGE}\")'; env"
    text = said(await sandbox.call("bash", {"command": script}))
    assert text.splitlines()[:3] == [f"{PIP_PACKAGE} {VERSION}", f"{NPM_PACKAGE} {VERSION}", VERSION]
    assert "sk-secret" not in text
    await sandbox.close()
    assert told == [
        f"Installing npm packages: {NPM_PACKAGE}.",
        f"Installing pip packages: {PIP_PACKAGE}==1.2.0.",
        "",
    ]
    assert sandbox.image is not None and sandbox.image.startswith("sha256:")
    inspected = client.api.inspect_image(sandbox.image)
    assert inspected["Config"]["Labels"]["jupyter-agents.packages"] == lists_digest(both.packages)
    recorded = json.dumps([inspected, client.api.history(sandbox.image)])
    assert "sk-secret" not in recorded and "proxy.example" not in recorded
    before = len(index.asked)
    again = await provider.start(replace(both, mounts=()))
    assert said(await again.call("bash", {"command": "cat /opt/ca.pem"})) == "a certificate"
    assert again.image == sandbox.image and len(index.asked) == before
    await again.close()


async def test_sessions_that_start_together_build_once(
    provider: DockerProvider, spec: SandboxSpec, index: Index
) -> None:
    index.asked.clear()
    told: tuple[list[str], ...] = ([], [])
    specs = [replace(spec, packages={"pip": (PIP_PACKAGE,)}, told=one.append) for one in told]
    boxes = await asyncio.gather(*map(provider.start, specs))
    assert boxes[0].image == boxes[1].image and told[0] == told[1] != []
    assert len([path for path in index.asked if path.endswith(".whl")]) == 1
    await asyncio.gather(*(box.close() for box in boxes))


async def test_a_failure_names_the_package_and_is_tried_again(
    provider: DockerProvider, spec: SandboxSpec, index: Index
) -> None:
    broken = replace(spec, packages={"pip": (PIP_PACKAGE, "agents-no-such==9")})
    for _ in range(2):
        index.asked.clear()
        with pytest.raises(SandboxUnavailable) as caught:
            await provider.start(broken)
        text = str(caught.value)
        assert text.startswith("pip could not install agents-no-such==9. It said: ")
        assert "No matching distribution" in text and "--->" not in text and "intermediate" not in text
        assert index.asked


async def test_time_and_size_end(
    base: str, client: docker.DockerClient, spec: SandboxSpec, index: Index
) -> None:
    wanted = replace(spec, packages={"pip": (f"{PIP_PACKAGE}>=1",)})
    for installs, text in (
        (Installs(network="host", store=STORE, size=1024), "more than the 0.000976562 MiB that"),
        (Installs(network="host", store=STORE, seconds=0.001), "not installed within 0.001 s"),
    ):
        provider = DockerProvider(image=base, installs=installs)
        with pytest.raises(SandboxUnavailable, match=text):
            await provider.start(wanted)
        await provider.close()
    deriver = Deriver(client, base, wanted, Installs(), {})
    assert deriver.find() is None


async def test_any_image_with_python_and_bash_will_do(base: str, spec: SandboxSpec) -> None:
    provider = DockerProvider(image="jupyter-agents/nothing")
    sandbox = await provider.start(replace(spec, image=base, packages={}))
    assert said(await sandbox.call("bash", {"command": "python3 -c 'print(6 * 7)'"})) == "42\n"
    assert sandbox.image is None
    await provider.close()


async def test_a_missing_image_is_said(provider: DockerProvider, spec: SandboxSpec) -> None:
    with pytest.raises(SandboxUnavailable, match="There is no image jupyter-agents/nothing"):
        await provider.start(replace(spec, image="jupyter-agents/nothing"))


async def test_images_that_nobody_names_go(
    provider: DockerProvider, client: docker.DockerClient, spec: SandboxSpec
) -> None:
    await (await provider.start(spec)).close()
    assert prune(client, "of-another-server", ()) == []
    deriver = await asyncio.to_thread(Deriver, client, provider._image, spec, Installs(), {})
    await provider.prune({lists_digest(PIP)})
    assert deriver.find() is not None
    removed = await provider.prune(())
    names = [name for name, _ in removed]
    assert f"{REPOSITORY}:{deriver.key}" in names and all(size for _, size in removed)
    assert deriver.find() is None


async def test_what_is_kept_warm_has_the_packages_and_installs_none(
    provider: DockerProvider, open_path: Path, index: Index
) -> None:
    def spec(name: str) -> SandboxSpec:
        (open_path / "up" / name).mkdir(parents=True)
        workspace = make_workspace(open_path, open_path / name, uid=65532)
        wanted = {"pip": (f"{PIP_PACKAGE}!=9",)}
        variables = index.variables()
        return SandboxSpec(
            name, workspace, open_path / "up" / name, packages=wanted, env=variables, warm=True
        )

    index.asked.clear()
    provider.keep_warm(1, open_path, open_path, spec("sesn_first0"))
    async with asyncio.timeout(60):
        while provider.warm is None or provider.warm.problem is None:
            await asyncio.sleep(0.02)
        assert provider.warm.problem == "Its packages are not installed yet." and index.asked == []
        cold = await provider.start(spec("sesn_second"))
        asked = len(index.asked)
        while provider.warm.ready == 0:
            await asyncio.sleep(0.02)
        warm = await provider.start(spec("sesn_third0"))
    assert said(await warm.call("bash", {"command": PIP_PACKAGE})).strip() == f"{PIP_PACKAGE} {VERSION}"
    assert warm.image == cold.image is not None and len(index.asked) == asked
    label = f"{LABEL_SESSION}=sesn_third0"
    with contextlib.closing(docker.from_env()) as client:
        assert client.api.containers(all=True, filters={"label": label}) == []

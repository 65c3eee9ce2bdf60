from __future__ import annotations

import asyncio
import io
import secrets
import tarfile
from collections.abc import Callable, Iterator

import docker
import pytest

from jupyter_agents.sandbox import fitness
from jupyter_agents.sandbox.docker import DockerProvider
from jupyter_agents.sandbox.fitness import Fitness
from jupyter_agents.testing.images import HOST_MOUNTS, host_image_tar, import_host_image
from tests.needs import need

PATH = ["ENV PATH=/only"]
OLD = """#!/usr/bin/bash
exec /usr/bin/python3 -c 'import sys; sys.version_info = (3, 7); exec(sys.argv[-1])' "$@"
"""
REPOSITORY = "jupyter-agents/tests-fitness"

Make = Callable[..., str]


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    need("docker")
    made = docker.from_env()
    yield made
    made.close()


@pytest.fixture
def make(client: docker.DockerClient) -> Iterator[Make]:
    """Imports the host-/usr image with one more file, or a link where the text is a path."""
    names = []

    def import_with(path: str = "", text: str = "", changes: list[str] | None = None) -> str:
        buffer = io.BytesIO(host_image_tar())
        with tarfile.open(fileobj=buffer, mode="a") as tar:
            entry = tarfile.TarInfo(path or "empty")
            if text.startswith("/"):
                entry.type, entry.linkname = tarfile.SYMTYPE, text
            else:
                entry.size, entry.mode = len(text), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
        tag = secrets.token_hex(6)
        client.api.import_image_from_data(buffer.getvalue(), repository=REPOSITORY, tag=tag, changes=changes)
        names.append(f"{REPOSITORY}:{tag}")
        return names[-1]

    yield import_with
    for name in names:
        client.api.remove_image(name, force=True)


async def problem(image: str, mounts: bool = True) -> str | None:
    provider = DockerProvider(image="none:x", mounts=HOST_MOUNTS if mounts else ())
    try:
        return await provider.image_problem(image)
    finally:
        await provider.close()


async def test_an_image_that_is_fit(client: docker.DockerClient) -> None:
    assert await problem(import_host_image(client)) is None


@pytest.mark.parametrize(
    ("path", "text", "wrong"),
    [
        ("only/nothing", "", "has no python3"),
        ("only/python3", "/usr/bin/python3", "has no bash"),
        ("only/python3", OLD, "has a python3 that is older than 3.8"),
    ],
)
async def test_what_is_wrong_is_said_with_what_to_do(make: Make, path: str, text: str, wrong: str) -> None:
    image = make(path, text, PATH)
    assert await problem(image) == (
        f"The image {image} {wrong}. Name one that has python3 and bash in jupyter-agents/image."
    )


async def test_an_image_of_nothing_is_not_fit(make: Make) -> None:
    said = await problem(make(), mounts=False)
    assert said is not None and "has no python3" in said


async def test_an_image_is_looked_at_once_and_leaves_nothing(make: Make, client: docker.DockerClient) -> None:
    image = make("only/nothing", "", PATH)
    digest = client.api.inspect_image(image)["Id"]
    found = Fitness(HOST_MOUNTS, None, "tests-fitness")
    said = await found.problem(client, image, digest)
    assert said is not None and "has no python3" in said
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.api, "create_container", None)
        assert await asyncio.gather(*(found.problem(client, image, digest) for _ in range(3))) == [said] * 3
    label = {"label": "jupyter-agents.owner=tests-fitness"}
    assert client.api.containers(all=True, filters=label) == []


async def test_what_the_engine_does_not_tell_is_no_problem_and_asked_again(
    client: docker.DockerClient, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = make("only/nothing", "", PATH)
    digest = client.api.inspect_image(image)["Id"]
    assert (
        await Fitness(HOST_MOUNTS, "no-such-runtime", "tests-fitness").problem(client, image, digest) is None
    )
    slow = make("only/python3", "#!/usr/bin/bash\nexec sleep 60\n", ["ENV PATH=/only:/usr/bin"])
    monkeypatch.setattr(fitness, "SECONDS", 1)
    found = Fitness(HOST_MOUNTS, None, "tests-fitness")
    assert await found.problem(client, slow, client.api.inspect_image(slow)["Id"]) is None


async def test_what_runs_of_the_image_can_do_nothing(make: Make) -> None:
    """It says "no bash" where nothing can be written, nobody is root, and there is no network."""
    script = """#!/usr/bin/bash
[ "$(id -u)" = 65532 ] || exit 1
touch /tmp/x 2>/dev/null && exit 1
[ "$(ls /sys/class/net)" = lo ] || exit 1
grep -q '^CapEff:.0*$' /proc/self/status || exit 1
exit 82
"""
    image = make("only/python3", script, ["ENV PATH=/only:/usr/bin"])
    said = await problem(image)
    assert said is not None and "has no bash" in said

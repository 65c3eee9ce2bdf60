from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from jupyter_agents.sandbox.base import Limits, Mount, SandboxSpec
from jupyter_agents.sandbox.container import LABEL_OWNER, LABEL_SESSION, create_request, on_tmpfs

SPEC = SandboxSpec(
    "sesn_01abcdef",
    Path("/h/work"),
    Path("/h/uploads"),
    limits=Limits(cpus=0.5, memory=1 << 30, pids=99, open_files=1000, file_size=7),
    env={"COLOUR": "blue"},
)


@pytest.fixture
def api() -> Iterator[docker.APIClient]:
    made = docker.APIClient(base_url="unix:///nowhere.sock", version="1.41")
    yield made
    made.close()


def request(api: docker.APIClient, spec: SandboxSpec = SPEC, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "image": "img",
        "user": "65532:65532",
        "owner": "me",
        "toolhost": Path("/h/run/toolhost.pyz"),
        "network": None,
        "mounts": (),
        "runtime": None,
    }
    return create_request(api, spec, **{**given, **more})


def test_the_container_is_shut_in(api: docker.APIClient) -> None:
    made = request(api)
    host = made["host_config"]
    assert host["NetworkMode"] == "none" and host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"] and host["Init"] is True
    assert host["LogConfig"]["Type"] == "none" and made["user"] == "65532:65532"
    assert not made["tty"] and made["use_config_proxy"] is False
    assert "Privileged" not in host and "Runtime" not in host
    assert made["labels"] == {LABEL_SESSION: "sesn_01abcdef", LABEL_OWNER: "me"}
    assert made["environment"] == {"HOME": "/home/agent", "LANG": "C.UTF-8"}


def test_its_limits_are_those_of_the_spec(api: docker.APIClient) -> None:
    host = request(api)["host_config"]
    assert host["Memory"] == host["MemorySwap"] == 1 << 30
    assert host["NanoCpus"] == 500_000_000 and host["PidsLimit"] == 99
    limits = {limit["Name"]: (limit["Soft"], limit["Hard"]) for limit in host["Ulimits"]}
    assert limits["nofile"] == (1000, 1000) and limits["fsize"] == (7, 7)
    assert limits["core"] == (0, 0) and "nproc" in limits
    assert all("size=" in options and "nodev" in options for options in host["Tmpfs"].values())


def test_what_is_bound(api: docker.APIClient) -> None:
    spec = replace(SPEC, workspace=Path("/h/wörk, with:colon"))
    made = request(api, spec, mounts=[Mount(Path("/h/a"), "/a")], network=Path("/h/run/net/e.sock"))
    binds = {bind["Target"]: (bind["Source"], bind["ReadOnly"]) for bind in made["host_config"]["Mounts"]}
    assert binds == {
        "/workspace": ("/h/wörk, with:colon", False),
        "/mnt/session/outputs": ("/h/wörk, with:colon/outputs", False),
        "/mnt/session/uploads": ("/h/uploads", True),
        "/opt/jupyter-agents/toolhost.pyz": ("/h/run/toolhost.pyz", True),
        "/opt/jupyter-agents/network": ("/h/run/net", True),
        "/a": ("/h/a", True),
    }
    assert '"egress":"/opt/jupyter-agents/network/e.sock"' in made["command"][-1]
    assert '"COLOUR":"blue"' in made["command"][-1]


def test_a_runtime_is_passed_on_and_names_differ(api: docker.APIClient) -> None:
    one, two = request(api, runtime="runsc"), request(api)
    assert one["host_config"]["Runtime"] == "runsc" and one["name"] != two["name"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [("/tmp/x", True), ("/run/a/b", True), ("/dev/shm/x", True), ("/data/x", False), ("/tmpx/x", False)],
)
def test_on_tmpfs(target: str, expected: bool) -> None:
    assert on_tmpfs(target) is expected

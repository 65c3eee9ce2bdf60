from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conformance import HERE, Kind, open_box, open_path, run_as_user

from jupyter_agents.domain.packages import lists_digest
from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Mount, Network, SandboxProvider, SandboxSpec
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.sandbox.installs import Installs
from jupyter_agents.sandbox.landlock import LandlockProvider
from jupyter_agents.testing.indexes import (
    HOST,
    NPM_PACKAGE,
    PIP_PACKAGE,
    VERSION,
    Index,
    lead_to_index,
    serve_packages,
)
from tests.needs import need

__all__ = ["open_path"]

PIP = {"pip": (f"{PIP_PACKAGE}==1.2.0",)}
NPM = {"npm": (f"{NPM_PACKAGE}@1.2.0",)}
MODULE = PIP_PACKAGE.replace("-", "_")
KIND = next((kind for kind in HERE if kind.name == "bubblewrap"), None)


@pytest.fixture(autouse=True)
def _needs_bubblewrap() -> None:
    need("bwrap")


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    with serve_packages() as served:
        yield served


def provider(folder: Path, **installs: Any) -> BubblewrapProvider:
    return BubblewrapProvider(
        start_egress=lead_to_index, packages=folder / "packages", installs=Installs(**installs)
    )


def box_of(made: SandboxProvider, kind: Kind | None, index: Index, packages: Any, **more: Any) -> Any:
    assert kind is not None
    env = index.variables(HOST)
    return open_box(kind, provider=made, network=Network(()), packages=packages, env=env, **more)


async def test_packages_of_pip_and_npm_are_there(open_path: Path, index: Index) -> None:
    told: list[str] = []
    made = provider(open_path)
    assert made.managers == ("npm", "pip")
    async with box_of(made, KIND, index, {**NPM, **PIP}, told=told.append) as box:
        text = await box.good(
            f"{PIP_PACKAGE}; python3 -c 'import {MODULE} as m, anthropic; print(m.version)'; "
            f"{NPM_PACKAGE}; node -p 'require(\"{NPM_PACKAGE}\")'"
        )
        assert text.splitlines() == [f"{PIP_PACKAGE} {VERSION}", VERSION, f"{NPM_PACKAGE} {VERSION}", VERSION]
        assert "Read-only" in await box.good(f"touch $(dirname $(which {PIP_PACKAGE}))/x 2>&1; true")
        assert await box.good("ls /workspace") == "outputs\n"
    assert told == [
        f"Installing npm packages: {NPM_PACKAGE}@1.2.0.",
        f"Installing pip packages: {PIP_PACKAGE}==1.2.0.",
        "",
    ]
    before = len(index.asked)
    async with box_of(made, KIND, index, {**NPM, **PIP}) as box:
        assert await box.good(PIP_PACKAGE) == f"{PIP_PACKAGE} {VERSION}\n"
    assert len(index.asked) == before
    (mark,) = (open_path / "packages").glob("*.json")
    assert json.loads(mark.read_text()) == {"packages": lists_digest({**NPM, **PIP})}
    assert sorted(path.name for path in mark.with_suffix("").iterdir() if path.name[0] != ".") == [
        *("bin", "include", "lib", "lib64", "pyvenv.cfg")
    ]


async def test_sessions_that_start_together_install_once(open_path: Path, index: Index) -> None:
    made, told = provider(open_path), (list[str](), list[str]())
    assert made.prefixes is not None
    index.asked.clear()

    def spec(n: int) -> SandboxSpec:
        return SandboxSpec(
            *(f"sesn_{n}", open_path / f"w{n}", open_path / f"u{n}"),
            network=Network(()),
            packages=PIP,
            env=index.variables(HOST),
            told=told[n].append,
        )

    one, two = await asyncio.gather(*(made.prefixes.add_to(spec(n)) for n in range(2)))
    assert one.python == two.python and one.packages == {} and (one.python[0] / "bin" / PIP_PACKAGE).is_file()
    assert told[0] == told[1] == [f"Installing pip packages: {PIP_PACKAGE}==1.2.0.", ""]
    assert len([path for path in index.asked if path.endswith(".whl")]) == 1
    mark = one.python[0].with_suffix(".json")
    mark.unlink()
    (one.python[0] / "half").touch()
    assert (await made.prefixes.add_to(spec(0))).python == one.python and mark.is_file()
    assert not (one.python[0] / "half").exists()
    await made.close()


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        (
            {"pip": (PIP_PACKAGE, "agents-no-such==9")},
            "pip could not install agents-no-such==9. It said: .*No matching",
        ),
        ({"npm": ("agents-no-such@9",)}, "npm could not install agents-no-such@9. It said: .*404"),
    ],
)
async def test_a_failure_names_the_package_and_leaves_nothing(
    open_path: Path, index: Index, packages: Any, said: str
) -> None:
    made = provider(open_path)
    for _ in range(2):
        index.asked.clear()
        with pytest.raises(SandboxUnavailable, match=f"(?s){said}"):
            async with box_of(made, KIND, index, packages):
                pass
        assert index.asked
    assert [p.suffix for p in (open_path / "packages").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("installs", "said"),
    [({"seconds": 0.01}, "not installed within 0.01 s"), ({"size": 1000}, "File too large|size")],
)
async def test_time_and_size_end(open_path: Path, index: Index, installs: Any, said: str) -> None:
    with pytest.raises(SandboxUnavailable, match=said):
        async with box_of(provider(open_path, **installs), KIND, index, PIP):
            pass
    assert [p.suffix for p in (open_path / "packages").iterdir()] == [".lock"]


async def test_without_a_folder_nothing_is_installed(open_path: Path, index: Index) -> None:
    made = BubblewrapProvider()
    assert made.managers == ()
    with pytest.raises(SandboxUnavailable, match="bubblewrap sandboxes cannot install packages"):
        async with box_of(made, KIND, index, PIP):
            pass


class Meddling(BubblewrapProvider):
    """Runs a command where packages are installed, as their setup code could."""

    command = ""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seen: list[tuple[str, bool]] = []

    async def start(self, spec: SandboxSpec) -> Any:
        sandbox = await super().start(spec)
        if spec.own_path:
            result = await sandbox.call("bash", {"command": self.command})
            self.seen.append((str(result.content[0]["text"]), result.is_error))
        return sandbox


async def test_setup_code_leaves_no_way_out(open_path: Path, index: Index) -> None:
    """A rule of Landlock for a link would be one for what it leads to."""
    need("landlock")
    landlock = next(kind for kind in HERE if kind.name == "landlock")
    (open_path / "secret").mkdir()
    (open_path / "secret/key").write_text("sk-secret")
    made = Meddling(start_egress=lead_to_index, packages=open_path / "packages")
    made.command = (
        f"ln -s {open_path}/secret evil; mkdir -p etc/jupyter lib; ln -s {open_path}/secret/key pip.conf; "
        f"ln -s {open_path}/secret/key etc/pip.conf; ln -s /etc lib/way"
    )
    async with box_of(LandlockProvider(prefixes=made.prefixes), landlock, index, NPM) as box:
        (place,) = (path for path in (open_path / "packages").iterdir() if path.is_dir())
        text, failed = await box.bash(f"cat {place}/evil/key {open_path}/secret/key {place}/lib/way/shadow")
        assert failed and "sk-secret" not in text
    assert made.seen == [("(no output)", False)]
    assert sorted(os.listdir(place)) == ["bin", "etc", "lib"] and os.listdir(place / "etc") == []


async def test_setup_code_sees_nothing_of_this_server(
    open_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build runs where the agent's own commands do."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    command = "env; cat /proc/*/environ | tr '\\0' '\\n'; ls /; touch /usr/x; cat /etc/shadow"
    made = Meddling(start_egress=lead_to_index, packages=open_path / "packages")
    made.command = f"{command}; cat $CERTIFICATE; cat /data/file"
    (open_path / "file").write_text("of the session")
    (open_path / "ca.pem").write_text("a certificate")
    mounts = (Mount(open_path / "file", "/data/file"), Mount(open_path / "ca.pem", "/opt/ca.pem"))
    env = {**index.variables(HOST), "CERTIFICATE": "/opt/ca.pem", "OTHER": "sk-secret"}
    options: Any = {"network": Network(()), "packages": PIP, "mounts": mounts, "env": env}
    assert KIND is not None
    async with open_box(KIND, provider=made, **options):
        pass
    ((text, failed),) = made.seen
    assert failed and "sk-secret" not in text and "PIP_INDEX_URL" in text
    assert "touch: cannot touch" in text and "shadow: " in text
    assert "a certificate" in text and "of the session" not in text


async def test_a_server_that_is_not_root_has_it_too(open_path: Path, index: Index) -> None:
    command = f"id -u; {PIP_PACKAGE}; node -p 'require(\"{NPM_PACKAGE}\")'"
    given = f"packages={index.port}"
    text, is_error, _ = await asyncio.to_thread(run_as_user, "bubblewrap", open_path, command, given)
    user = open_path.stat().st_uid
    assert (text, is_error) == (f"{user}\n{PIP_PACKAGE} {VERSION}\n{VERSION}\n", False)


async def test_landlock_shares_what_bubblewrap_installed(open_path: Path, index: Index) -> None:
    need("landlock")
    landlock = next(kind for kind in HERE if kind.name == "landlock")
    made = provider(open_path)
    weaker = LandlockProvider(prefixes=made.prefixes)
    async with box_of(weaker, landlock, index, {**NPM, **PIP}, python=(Path("/usr"),)) as box:
        script = f"{PIP_PACKAGE}; python3 -c 'import {MODULE}'; node -p 'require(\"{NPM_PACKAGE}\")'"
        assert await box.good(script) == f"{PIP_PACKAGE} {VERSION}\n{VERSION}\n"


async def test_where_bubblewrap_does_not_work_landlock_has_no_packages(open_path: Path) -> None:
    fake = open_path / "bwrap"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo bubblewrap 9.9.9 && exit\nexit 1\n')
    fake.chmod(0o755)
    broken = BubblewrapProvider(str(fake), packages=open_path / "packages")
    weaker = LandlockProvider(prefixes=broken.prefixes)
    assert weaker.managers == ("npm", "pip")
    assert not (await broken.probe()).ok and weaker.managers == ()

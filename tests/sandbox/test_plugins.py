from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import SandboxSpec
from jupyter_agents.sandbox.contained import Contained
from jupyter_agents.sandbox.plugins import PluginProvider, ProviderContext, discover
from tests.dists import install

SOURCE = """
from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Probe

class Far:
    kind = "something else"
    managers = ("pip",)
    closed = 0

    def __init__(self, context):
        self.context = context

    async def probe(self):
        return Probe(self.kind, True, f"{self.context.options['region']} answers.")

    async def start(self, spec):
        if spec.session_id == "full":
            raise SandboxUnavailable("No machine is free.")
        if spec.session_id == "odd":
            raise KeyError("secret")
        return Running()

    async def image_problem(self, image):
        return f"{image} is not there."

    async def close(self):
        self.closed += 1

class Running:
    alive, notes = True, ["far away"]

def nothing(context):
    return object()

def leave(context):
    raise SystemExit(3)

def ask(context):
    raise SandboxUnavailable("Set a region.")
"""


def context(kind: str) -> ProviderContext:
    return ProviderContext(kind, Path("/data") / kind, "owner", {"region": "here"})


@pytest.fixture
def offering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Offers providers of a module ``far_away``, and gives what is discovered then."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "far_away", raising=False)

    def offer(**providers: str) -> tuple[dict[str, PluginProvider], list[str]]:
        install(tmp_path, "far-away", providers, {"far_away": SOURCE})
        found, problems = discover(("auto", "docker"), context)
        return {one.kind: one for one in found}, problems

    return offer


def spec(session: str) -> SandboxSpec:
    return SandboxSpec(session, Path("/workspace"), Path("/uploads"))


async def test_a_provider_is_imported_when_it_is_asked_for_and_given_its_context(offering: Any) -> None:
    found, problems = offering(far="far_away:Far", b="far_away:Far")
    assert (list(found), problems) == (["b", "far"], [])
    far = found["far"]
    assert (far.source, far.managers, "far_away" in sys.modules) == ("far-away 1.0", (), False)
    await far.close()
    probe = await far.probe()
    assert (probe.kind, probe.ok, probe.reason) == ("far", True, "here answers.")
    assert far.managers == ("pip",)
    assert far._provider.context == context("far")
    assert await far.image_problem("x") == "x is not there."
    await far.close()
    assert far._provider.closed == 1


async def test_what_start_raises_is_what_the_contract_allows(
    offering: Any, caplog: pytest.LogCaptureFixture
) -> None:
    far = offering(far="far_away:Far")[0]["far"]
    started = await far.start(spec("new"))
    assert isinstance(started, Contained) and (started.kind, started.notes) == ("far", ("far away",))
    with pytest.raises(SandboxUnavailable, match=r"^No machine is free\.$"):
        await far.start(spec("full"))
    with pytest.raises(SandboxUnavailable, match=r"^The sandbox provider far failed with KeyError\.$"):
        await far.start(spec("odd"))
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("far_away:nothing", "far-away 1.0 gives no sandbox provider: probe() is missing."),
        ("far_away:leave", "far-away 1.0 cannot be loaded: SystemExit."),
        ("far_away:ask", "Set a region."),
        ("far_away:gone", "far-away 1.0 cannot be loaded: AttributeError."),
        (
            "not_there:Far",
            "far-away 1.0 cannot be loaded: ModuleNotFoundError: No module named 'not_there'.",
        ),
    ],
)
async def test_one_that_cannot_be_loaded_does_not_work_and_says_why(
    offering: Any, target: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    broken = offering(broken=target)[0]["broken"]
    probe = await broken.probe()
    assert (probe.kind, probe.ok, probe.reason) == ("broken", False, reason)
    assert "far-away 1.0" in probe.remedy and "sandbox_options" in probe.remedy
    with pytest.raises(SandboxUnavailable):
        await broken.start(spec("new"))
    await broken.close()


def test_a_kind_that_has_no_place_is_said(offering: Any, tmp_path: Path) -> None:
    install(tmp_path, "again", {"far": "far_away:Far"})
    found, problems = offering(docker="far_away:Far", far="far_away:Far", Loud="far_away:Far")
    assert list(found) == ["far"] and found["far"].source == "again 1.0"
    assert problems == [
        "far-away 1.0 offers 'Loud', which is no name of a kind.",
        "far-away 1.0 offers 'docker', a kind that is built in.",
        "far-away 1.0 offers 'far', which again 1.0 offers already.",
    ]

from __future__ import annotations

import asyncio

import pytest

from jupyter_agents.sandbox.base import Probe, Sandbox, SandboxProvider, SandboxSpec
from jupyter_agents.sandbox.choose import choose


class Fake:
    """A provider whose probe answers `ok` after `seconds`, or fails."""

    def __init__(self, kind: str, ok: bool, *, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.kind = kind
        self.probed = 0
        self._ok = ok
        self._seconds = seconds
        self._error = error

    async def probe(self) -> Probe:
        self.probed += 1
        await asyncio.sleep(self._seconds)
        if self._error is not None:
            raise self._error
        if self._ok:
            return Probe(self.kind, True, f"{self.kind} ran.")
        return Probe(self.kind, False, f"{self.kind} is broken.", f"Mend {self.kind}.")

    async def start(self, spec: SandboxSpec) -> Sandbox:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


def ladder(*works: bool) -> list[SandboxProvider]:
    kinds = ("docker", "bubblewrap", "landlock")
    return [Fake(kind, ok) for kind, ok in zip(kinds, works, strict=True)]


async def test_the_best_that_works_is_taken() -> None:
    providers = ladder(True, True, True)
    choice = await choose(providers)
    assert choice.provider is providers[0]
    assert choice.reason == "docker ran." and choice.passed_over == ()
    assert [probe.ok for probe in choice.probes] == [True, True, True]


async def test_what_was_passed_over_is_said() -> None:
    providers = ladder(False, False, True)
    choice = await choose(providers)
    assert choice.provider is providers[2]
    assert [probe.kind for probe in choice.passed_over] == ["docker", "bubblewrap"]
    assert choice.reason == (
        "landlock ran. docker was passed over: docker is broken. "
        "bubblewrap was passed over: bubblewrap is broken."
    )


async def test_where_nothing_works_there_is_no_provider() -> None:
    choice = await choose(ladder(False, False, False))
    assert choice.provider is None
    assert "No sandbox works here. docker: docker is broken." in choice.reason
    assert choice.remedy == "Mend docker. Or: Mend bubblewrap. Or: Mend landlock."
    assert (await choose([])).reason == "No kind of sandbox is allowed here."


async def test_a_wanted_kind_is_taken_or_refused_never_replaced() -> None:
    providers = ladder(True, True, False)
    assert (await choose(providers, "bubblewrap")).provider is providers[1]
    refused = await choose(providers, "landlock")
    assert refused.provider is None and refused.remedy == "Mend landlock."
    assert "'landlock' was asked for and does not work: landlock is broken." in refused.reason


@pytest.mark.parametrize("wanted", ["none", "subprocess", "Docker", ""])
async def test_an_unknown_kind_is_refused(wanted: str) -> None:
    choice = await choose(ladder(True, True, True), wanted)
    assert choice.provider is None and repr(wanted) in choice.reason
    assert choice.remedy == "Use one of: auto, docker, bubblewrap, landlock."


async def test_probes_run_at_once_and_a_stuck_one_is_given_up() -> None:
    providers: list[SandboxProvider] = [
        Fake("docker", True, seconds=60),
        Fake("bubblewrap", True, seconds=0.1),
        Fake("landlock", True, seconds=0.1),
    ]
    async with asyncio.timeout(2):
        choice = await choose(providers, probe_seconds=0.3)
    assert choice.provider is providers[1]
    assert choice.passed_over[0].reason == "It did not start within 0.3 s."


async def test_a_probe_that_raises_is_a_provider_that_does_not_work() -> None:
    providers = [Fake("docker", True, error=RuntimeError("secret")), Fake("bubblewrap", True)]
    choice = await choose(providers)
    assert choice.provider is providers[1]
    assert choice.passed_over[0].reason == "Its probe failed with RuntimeError."


async def test_auto_tries_what_is_listed_in_its_order_and_no_other() -> None:
    far, near, unsafe = Fake("far", True), Fake("bubblewrap", True), Fake("unsafe", True)
    choice = await choose([near, unsafe, far])
    assert choice.provider is near and [probe.kind for probe in choice.probes] == ["bubblewrap"]
    choice = await choose([near, unsafe, far], auto=["unsafe", "far", "gone", "bubblewrap"])
    assert choice.provider is far and [probe.kind for probe in choice.probes] == ["far", "bubblewrap"]
    assert (far.probed, unsafe.probed) == (1, 0)


async def test_a_kind_that_auto_does_not_try_can_be_asked_for() -> None:
    far, near = Fake("far", True), Fake("bubblewrap", True)
    choice = await choose([near, far], "far")
    assert choice.provider is far and [probe.kind for probe in choice.probes] == ["bubblewrap", "far"]

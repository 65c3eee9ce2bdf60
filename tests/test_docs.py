"""What can be set, asked or typed is documented."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from jupyter_agents.domain import pricing, settings
from jupyter_agents.kernel import options
from jupyter_agents.server import (
    agents,
    approvals,
    archives,
    environments,
    events,
    files,
    front_ends,
    health,
    local,
    resources,
    sessions,
    snapshots,
    threads,
    unbuilt,
)
from jupyter_agents.server.traits import Traits

DOCS = Path(__file__).parent.parent / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


@pytest.mark.parametrize("name", sorted(Traits.class_traits(config=True)))
def test_every_trait_is_documented(name: str) -> None:
    assert f"`{name}`" in page("configuration.md")


@pytest.mark.parametrize("key", sorted(settings.SHARED | settings.SESSION))
def test_every_metadata_key_is_documented(key: str) -> None:
    assert f"`jupyter-agents/{key}`" in page("configuration.md")


@pytest.mark.parametrize("module", [agents, environments, sessions, events, threads, files, resources])
def test_every_route_is_documented(module: ModuleType) -> None:
    for pattern, _ in module.ROUTES:
        assert f"`{pattern.replace('([^/]+)', '{id}')}`" in page("api.md")


def test_every_route_that_is_not_built_is_documented() -> None:
    for feature in unbuilt.FEATURES.values():
        assert f"`{feature}`" in page("api.md")


def test_every_local_route_is_documented() -> None:
    for pattern, _ in [
        *local.ROUTES,
        *snapshots.ROUTES,
        *health.ROUTES,
        *archives.ROUTES,
        *approvals.ROUTES,
        *front_ends.ROUTES,
    ]:
        shown = re.sub(r"\{\w+\}", "{id}", page("local-api.md"))
        assert pattern.replace("([^/]+)", "{id}").removeprefix("/") in shown


def test_every_option_of_the_cell_magic_is_documented() -> None:
    for name in options.call_parser().options:
        if name.startswith("--"):
            assert re.search(rf"`{name}\b", page("magics.md")), name


def test_every_subcommand_is_documented() -> None:
    for name in options.SUBCOMMANDS:
        assert f"`%agent {name}" in page("magics.md"), name


def test_every_model_that_takes_system_messages_is_documented() -> None:
    takes = {name for name in pricing.known_models() if pricing.model(name).system_messages}
    line = page("api.md").partition("Models that take one:")[2].partition("Others")[0]
    assert set(re.findall(r"`([^`]+)`", line)) == takes


def test_every_test_that_the_security_page_names_exists() -> None:
    named = re.findall(r"`(test_\w+\.py)::(\w+)`", page("security.md"))
    tests, suite = Path(__file__).parent / "sandbox", DOCS.parent / "jupyter_agents/testing/conformance"
    assert len(named) > 40
    for file, name in named:
        parts = re.findall(r"\b\w+Checks\b", (tests / file).read_text("utf-8"))
        sources = [tests / file, *(path for path in suite.glob("*.py") if _defines(path, parts))]
        assert any(f"def {name}(" in path.read_text("utf-8") for path in sources), f"{file}::{name}"


def _defines(path: Path, classes: list[str]) -> bool:
    return any(f"class {name}(" in path.read_text("utf-8") for name in classes)


def test_links_lead_somewhere() -> None:
    root = DOCS.parent
    for path in [*DOCS.glob("*.md"), *root.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name}: {target}"

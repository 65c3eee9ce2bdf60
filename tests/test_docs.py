"""What can be set, asked or typed is documented."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest
from traitlets.config import Config

from jupyter_agents.domain import pricing, settings
from jupyter_agents.kernel import options
from jupyter_agents.sandbox.plugins import ProviderContext
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
    rewind,
    sessions,
    snapshots,
    threads,
    unbuilt,
)
from jupyter_agents.server.providers import Providers
from jupyter_agents.server.traits import Traits
from jupyter_agents.testing import conformance
from tests.dists import EXAMPLE

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
        *rewind.ROUTES,
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


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page(name), re.DOTALL)


def test_the_code_on_providers_is_the_examples() -> None:
    sources = [path.read_text("utf-8").split() for path in sorted(EXAMPLE.glob("*.*"))]
    config, settings = Config(), 0
    for block in blocks("providers.md", "(?:python|toml)"):
        if block.startswith("c."):
            exec(block, {"c": config})
            settings += 1
        else:
            assert any(" ".join(block.split()) in " ".join(source) for source in sources), block
    made = Providers(config=Config(Providers=config.JupyterAgents))
    assert settings == 2 and made.auto_sandboxes[0] in made.sandbox_options


def test_what_the_page_on_providers_names_is_there() -> None:
    rows = re.findall(
        r"^\| (`.+`) \| (?:from )?`(jupyter_agents\.[\w.]+)` \|", page("providers.md"), re.MULTILINE
    )
    assert len(rows) > 6
    for names, module in rows:
        for name in re.findall(r"`(\w+)", names):
            assert hasattr(importlib.import_module(module), name), f"{module}.{name}"
    parts = {part.__name__ for part in conformance.SandboxConformance.__bases__}
    assert set(re.findall(r"^\| `(\w+Checks)` \|", page("providers.md"), re.MULTILINE)) == parts
    fields = {field.name for field in dataclasses.fields(ProviderContext)}
    assert fields == set(
        re.findall(r"^\| `(kind|data_dir|owner|options)` \|", page("providers.md"), re.MULTILINE)
    )


def test_links_lead_somewhere() -> None:
    root = DOCS.parent
    for path in [*DOCS.glob("*.md"), *root.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name}: {target}"

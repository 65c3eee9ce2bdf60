"""An import goes down, never up or sideways (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "jupyter_agents"
BASE = {"wire", "errors", "ids", "_version"}
FLOORS: dict[str, set[str]] = {
    "_version": set(),
    "errors": set(),
    "ids": set(),
    "strict": {"errors"},
    "wire": {"errors", "strict"},
    "domain": BASE,
    "store": BASE | {"domain"},
    "sandbox": BASE | {"domain"},
    "runtime": BASE | {"domain", "store", "sandbox"},
    "cell": BASE,
    "server": BASE | {"domain", "store", "sandbox", "runtime", "cell"},
    "kernel": BASE | {"cell"},
    "commands": BASE | {"domain", "store", "sandbox", "runtime", "cell", "server", "kernel"},
    "cli": BASE | {"server", "kernel", "commands"},
    "__init__": {"_version", "server", "kernel"},
}
FREE = {"testing"}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in FREE)
STDLIB_ONLY = "sandbox/toolhost"


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Full names of the modules that `path` imports, wherever the import stands."""
    package = ("jupyter_agents", *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def parts_imported(path: Path) -> set[str]:
    names = (name.split(".") for name in imported(path))
    found = {name[1] for name in names if name[0] == "jupyter_agents" and len(name) > 1}
    return {name for name in found if (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()}


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(ROOT)) for path in MODULES])
def test_imports_go_down(path: Path) -> None:
    own = part(path)
    above = parts_imported(path) - FLOORS[own] - {own}
    assert not above, f"{path.relative_to(ROOT)} imports {', '.join(sorted(above))}"


def test_every_part_has_its_floor() -> None:
    assert {part(path) for path in MODULES} == FLOORS.keys()


@pytest.mark.parametrize("path", sorted((ROOT / "domain").glob("*.py")), ids=lambda path: path.name)
def test_the_domain_does_no_input_or_output(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef | ast.Await)]
    roots = {name.split(".")[0] for name in imported(path)}
    assert not roots & {
        "asyncio",
        "os",
        "pathlib",
        "socket",
        "sqlite3",
        "subprocess",
        "time",
        "httpx2",
        "tornado",
    }


@pytest.mark.parametrize("path", sorted((ROOT / STDLIB_ONLY).glob("*.py")), ids=lambda path: path.name)
def test_the_toolhost_needs_nothing_but_python(path: Path) -> None:
    import sys

    for name in imported(path):
        first = name.split(".")[0]
        inside = name.startswith("jupyter_agents.sandbox.toolhost") or first in {"toolhost", ""}
        assert first in sys.stdlib_module_names or inside, name


def test_only_wire_names_the_sdks_long_names() -> None:
    for path in ROOT.rglob("*.py"):
        if path.name != "wire.py":
            tree = ast.parse(path.read_text("utf-8"))
            names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
            names |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
            assert not [n for n in names if n.startswith("BetaManagedAgents")], path

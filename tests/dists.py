"""Installed packages for tests: a folder that, once it is on the path, `importlib.metadata` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "sandbox-by-command"


def install(
    folder: Path, name: str, providers: Mapping[str, str], modules: Mapping[str, str] | None = None
) -> Path:
    """Put a package of version 1.0 in `folder`.

    providers: what it offers as sandboxes, ``module:factory`` by kind. modules: their source by name.
    """
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{kind} = {target}" for kind, target in providers.items()]
    (info / "entry_points.txt").write_text("\n".join(["[jupyter_agents.sandboxes]", *lines, ""]))
    for module, source in (modules or {}).items():
        (folder / f"{module}.py").write_text(source)
    return folder


def install_example(folder: Path) -> Path:
    """Put the example provider in `folder`, as its own package would be."""
    source = (EXAMPLE / "sandbox_by_command.py").read_text()
    providers = {"by-command": "sandbox_by_command:CommandProvider"}
    return install(folder, "sandbox-by-command", providers, {"sandbox_by_command": source})

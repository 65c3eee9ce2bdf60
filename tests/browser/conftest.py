"""A JupyterLab with the real server, and a real Chromium that looks at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.testing import ScriptedModel
from tests.browser.lab import Lab, Place, need, started


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Chromium; playwright's event loop runs in this thread until it ends, so asyncio tests come after."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    need("chromium", chromium and find_spec("playwright"))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium keeps a unix socket there, whose path has at most 107 characters.
        environment: Any = {**os.environ, "TMPDIR": "/tmp"}
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"], env=environment)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A JupyterLab, which serves Notebook too, with the real server and a scripted model."""
    home = tmp_path_factory.mktemp("place")
    need("notebook", find_spec("notebook"))
    extensions = {"jupyter_agents": True, "notebook": True}
    with ScriptedModel() as model:
        variables = {"JUPYTER_AGENTS_MODEL_URL": model.url, "JUPYTER_AGENTS_DATA_DIR": str(home / "agents")}
        with started(home, extensions, **variables) as lab:
            yield lab, model


@pytest.fixture
def lab(place: Place) -> Lab:
    """That JupyterLab alone."""
    return place[0]


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A new page; an uncaught error of our scripts fails the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    yield page
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder, f"{request.node.name}.png")))
    context.close()
    assert not [error for error in errors if "jupyter-agents" in error]

"""Makes the pictures of the README: ``python -m tests.make_pictures``.

The first notebook runs in JupyterLab from its recording, with the tools really running, and Chromium takes
its picture.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from tests.browser.lab import ROOT, Lab, open_with_kernel, started

PICTURES = ROOT / "docs" / "images"
NOTEBOOK = "01-quickstart.ipynb"
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
COLOURS = 128


def main() -> None:
    """Make them anew."""
    from playwright.sync_api import sync_playwright

    PICTURES.mkdir(exist_ok=True)
    recordings = {"JUPYTER_AGENTS_REPLAY": str(ROOT / "jupyter_agents" / "recordings")}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        home.chmod(0o755)
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        environment: Any = {**os.environ, "TMPDIR": "/tmp"}
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], env=environment)
        places = {"JUPYTER_AGENTS_DATA_DIR": str(home / "agents")}
        with started(home, {"jupyter_agents": True}, **recordings, **places) as lab:
            size: Any = {"width": 1040, "height": 900}
            page = browser.new_context(viewport=size, device_scale_factor=1.5).new_page()
            page.set_default_timeout(60_000)
            quickstart(page, lab)
        browser.close()


def quickstart(page: Any, lab: Lab) -> None:
    """The cell that asks for the Fibonacci numbers, with its run."""
    shutil.copy(ROOT / "notebooks" / NOTEBOOK, lab.root)
    open_with_kernel(page, lab.page_url(NOTEBOOK))
    page.keyboard.press("Control+b")
    page.evaluate(RUN_ALL)
    page.locator(".ja-turn-done").wait_for()
    cell = page.locator(".jp-CodeCell", has=page.locator(".ja-run"))
    cell.locator(".ja-summary").nth(1).click()
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0; }")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)
    save(cell.screenshot(), PICTURES / "quickstart.png")


def save(picture: bytes, path: Path) -> None:
    """Keep a picture with few colours: it is mostly text."""
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()

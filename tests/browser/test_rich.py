"""What an agent made, as it looks: diffs, figures, maths, code to copy; in every theme and width."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser.lab import Lab, open_notebook
from tests.browser.runs import image, notice, run, steer, text, tool

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="120">'
    '<polyline fill="none" stroke="teal" stroke-width="4" points="10,100 80,40 150,70 230,20 310,60"/></svg>'
)
TABLE = {
    "type": "table",
    "columns": ["region", "units", "revenue", "a column with a rather long name"],
    "rows": [["north", "12", "1204.50", "x"], ["south", "7", "310.00", "y"]],
    "more": True,
}
WORDS = """The revenue grows by $r = 4\\%$ a month:

$$R_n = R_0 (1 + r)^n$$

| region | units |
|---|---|
| north | 12 |

```python
total = rows["revenue"].sum()
```
"""
LONG = "".join(f"line {number}\n" for number in range(80))


def rich() -> dict[str, Any]:
    plot = {
        "type": "image",
        "media_type": "image/svg+xml",
        "data": base64.b64encode(SVG.encode()).decode(),
    }
    edit = {"file_path": "/workspace/a.py", "old_string": "x = 1\nold()", "new_string": "x = 1\nnew()"}
    files = [
        {"path": "outputs/plot.svg", "size": 240, "url": "agents/c/outputs/plot.svg", "preview": plot},
        {"path": "rows.csv", "size": 5_600_000, "url": "agents/c/rows.csv", "preview": TABLE},
    ]
    return run(
        text(WORDS),
        tool("c1", name="edit", input=edit, output=[{"type": "text", "text": "Edited."}]),
        tool("c2", input={"command": "make"}, output=[{"type": "text", "text": LONG}]),
        tool("c3", name="chart", server="plots", input={"kind": "bar"}, output=[image()]),
        steer("Only the north, please."),
        notice("warning", "The model is overloaded; trying again."),
        tool("c4", status="error", output=[{"type": "text", "text": "no such file"}]),
        text("Done: see **outputs/plot.svg**.", id="t2"),
        files=files,
    )


@pytest.mark.parametrize("look", ["light", "dark", "high-contrast", "narrow", "zoomed"])
def test_every_part_is_drawn_and_nothing_overflows(lab: Lab, page: Any, look: str) -> None:
    page.route("**/lab/api/settings/*theme*", keep_to_itself)
    open_notebook(page, lab.notebook(f"rich-{look}.ipynb", rich()))
    wear(page, look)
    shown = page.locator(".ja-renderer")
    shown.locator("mjx-container").nth(1).wait_for()
    for card in shown.locator(".ja-summary").all()[:2]:
        card.click()
    assert shown.locator(".ja-diff ins").all_inner_texts() == ["+ new()\n"]
    assert shown.locator(".ja-table th").first.get_attribute("scope") == "col"
    assert shown.locator(".ja-figure img").evaluate("image => image.naturalWidth") == 320
    assert shown.evaluate("run => run.scrollWidth - run.clientWidth") == 0
    if folder := os.environ.get("SCREENSHOTS"):
        page.set_viewport_size({"width": page.viewport_size["width"], "height": 1900})
        page.screenshot(path=str(Path(folder, f"rich-{look}.png")))


def keep_to_itself(route: Any) -> None:
    """The theme of one test is not the next one's: it is not saved."""
    if route.request.method == "PUT":
        route.fulfill(status=204)
    else:
        route.continue_()


def wear(page: Any, look: str) -> None:
    """Show the page in another theme, width or size."""
    themes = {"dark": "JupyterLab Dark", "high-contrast": "JupyterLab Dark High Contrast"}
    if look in themes:
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", themes[look]
        )
        page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    if look == "narrow":
        page.set_viewport_size({"width": 560, "height": 900})
    if look == "zoomed":
        page.evaluate("document.body.style.zoom = 2")


def test_code_of_the_agent_is_copied_by_keyboard(lab: Lab, page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_notebook(page, lab.notebook("copy.ipynb", rich()))
    button = page.locator(".ja-markdown .ja-copy")
    button.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").strip() == 'total = rows["revenue"].sum()'

"""A notebook that is opened again: no kernel, no session on the server, only what was saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.browser.lab import Lab, open_notebook
from tests.browser.runs import image, notice, run, steer, text, tool


def test_a_saved_run_is_drawn_without_a_kernel(lab: Lab, page: Any) -> None:
    payload = run(
        text("I **count** the rows:\n\n```python\nlen(rows)\n```\n\n$x^2$"),
        tool("c1", input={"command": "wc -l data.csv"}, output=[{"type": "text", "text": "42\n"}]),
        tool("c2", name="chart", server="plots", input={"kind": "bar"}, output=[image()]),
        steer("In German, please."),
        notice("warning", "The model is overloaded."),
        tool("c3", status="error", output=[{"type": "text", "text": "no such file"}]),
        text("42 Zeilen.", id="t2"),
        files=[{"path": "report.md", "size": 1234, "file_id": None, "url": "agents/a b/report.md"}],
    )
    open_notebook(page, lab.notebook("saved.ipynb", payload))
    shown = page.locator(".ja-run")
    assert shown.locator(".ja-markdown strong").first.inner_text() == "count"
    shown.locator("mjx-container").first.wait_for()
    assert shown.locator(".ja-name").all_inner_texts() == ["bash", "plots / chart", "bash"]
    assert shown.locator(".ja-word").all_inner_texts() == ["ok", "ok", "error"]
    assert "In German, please." in shown.inner_text()
    assert "Done" in shown.locator(".ja-footer").inner_text()
    assert "46.5k in, 850 out" in shown.locator(".ja-footer").inner_text()
    assert page.locator(".jp-OutputArea").inner_text().count("saved") == 0


def test_a_card_opens_with_the_keyboard_and_shows_input_and_output(lab: Lab, page: Any) -> None:
    output = [{"type": "text", "text": "<b>42</b>\n"}, image()]
    payload = run(tool(input={"command": "wc -l\n  data.csv"}, output=output))
    open_notebook(page, lab.notebook("card.ipynb", payload))
    summary = page.locator(".ja-summary")
    assert page.locator(".ja-body pre").count() == 0
    summary.focus()
    page.keyboard.press("Enter")
    code = page.locator(".ja-body pre")
    code.first.wait_for()
    assert code.all_inner_texts() == ["wc -l\n  data.csv", "<b>42</b>\n"]
    picture = page.locator(".ja-picture")
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") == 1


def test_a_file_opens_in_lab(lab: Lab, page: Any) -> None:
    folder = lab.root / "agents" / "a b"
    folder.mkdir(parents=True)
    (folder / "report.txt").write_text("forty-two")
    file = {"path": "report.txt", "size": 9, "file_id": None, "url": "agents/a b/report.txt"}
    open_notebook(page, lab.notebook("files.ipynb", run(files=[file])))
    link = page.locator("a.ja-file-name")
    assert link.get_attribute("href").endswith("/files/agents/a%20b/report.txt")
    link.click()
    page.locator(".jp-FileEditor .cm-content", has_text="forty-two").wait_for()


def test_earlier_steps_come_on_demand(lab: Lab, page: Any) -> None:
    payload = run(*(tool(f"c{n}", input={"command": f"echo {n}"}) for n in range(120)))
    open_notebook(page, lab.notebook("long.ipynb", payload))
    steps = page.locator(".ja-step")
    assert steps.count() == 50
    page.get_by_role("button", name="Show 50 earlier steps of 70").click()
    assert steps.count() == 100
    page.get_by_role("button", name="Show 20 earlier steps").click()
    assert steps.count() == 120
    assert page.locator(".ja-line").first.inner_text() == "echo 0"
    assert not page.locator(".ja-earlier").is_visible()


def test_the_waiting_call_is_named(lab: Lab, page: Any) -> None:
    asked = tool(status="waiting", output=[], seconds=None, input={"command": "rm -rf build"})
    open_notebook(page, lab.notebook("waiting.ipynb", run(asked, status="waiting")))
    words = page.locator(".ja-waiting").inner_text()
    assert "bash needs your answer" in words
    assert "rm -rf build" in words
    assert page.locator(".ja-body pre").inner_text() == "rm -rf build"


def test_a_newer_schema_is_not_guessed_at(lab: Lab, page: Any) -> None:
    payload = {**run(text("Hello.")), "schema": 2}
    open_notebook(page, lab.notebook("newer.ipynb", payload))
    words = page.locator(".ja-renderer").inner_text()
    assert "saved in a form" in words
    assert "Hello" not in words


def test_light_dark_and_narrow(lab: Lab, page: Any, tmp_path: Path) -> None:
    open_notebook(page, lab.notebook("themes.ipynb", run(text("Hello."), tool())))
    card = page.locator(".ja-card")
    wide = page.locator(".ja-summary").bounding_box()["height"]
    colours = "card => [getComputedStyle(card).backgroundColor, getComputedStyle(card).color]"
    light = card.evaluate(colours)
    page.evaluate(
        """() => {
          document.body.dataset.jpThemeLight = 'false';
          document.body.dataset.jpThemeName = 'JupyterLab Dark';
          document.body.style.setProperty('--jp-layout-color1', '#212121');
          document.body.style.setProperty('--jp-content-font-color1', '#fff');
        }"""
    )
    dark = card.evaluate(colours)
    assert dark != light
    assert dark == ["rgb(33, 33, 33)", "rgb(255, 255, 255)"]
    page.set_viewport_size({"width": 480, "height": 800})
    page.wait_for_function(
        "h => document.querySelector('.ja-summary').getBoundingClientRect().height > h", arg=wide
    )
    overflow = "run => run.scrollWidth - run.clientWidth"
    assert page.locator(".ja-renderer").evaluate(overflow) == 0

"""In Chromium: a model's delta until it is visible, beside an Output widget; long tasks; saved size."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

from jupyter_agents.cell import snapshot
from jupyter_agents.cell.fold import fold_all
from jupyter_agents.testing import Reply, ScriptedModel, say
from tests.benchmarks.table import Row, percentile
from tests.browser.lab import open_notebook, open_with_kernel, started
from tests.browser.sessions import Mouth, Session
from tests.browser.test_long import calls

DELTAS = 200

WATCH = """selector => {
  window.late = [];
  const seen = new Set();
  const look = () => {
    const now = performance.timeOrigin + performance.now();
    for (const node of document.querySelectorAll(selector)) {
      for (const stamp of node.textContent.match(/\\b\\d{19}\\b/g) ?? []) {
        if (!seen.has(stamp)) {
          seen.add(stamp);
          window.late.push(now - Number(stamp) / 1e6);
        }
      }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""

LONGEST = """() => {
  window.longest = {any: 0, ours: 0};
  new PerformanceObserver(list => {
    for (const frame of list.getEntries()) {
      for (const script of frame.scripts) {
        const from = script.sourceURL + script.invoker;
        window.longest.any = Math.max(window.longest.any, script.duration);
        if (from.includes('jupyter-agents')) {
          window.longest.ours = Math.max(window.longest.ours, script.duration);
        }
      }
    }
  }).observe({type: 'long-animation-frame'});
}"""

BUSY = """() => {
  requestAnimationFrame(() => {
    const end = performance.now() + 90;
    while (performance.now() < end) {}
  });
}"""
"""Proof that the observer sees a long task: without it, none seen would mean nothing."""

FLOOR = """import time
from ipywidgets import Output
out = Output()
display(out)
for _ in range(%d):
    time.sleep(0.004)
    out.append_stdout(f"{time.time_ns()} ")"""


def rows(deltas: int = DELTAS, count: int = 500, times: int = 5) -> Iterator[Row]:
    """The figures of a live cell: for `deltas` words, `count` calls, `times` starts."""
    yield from _imports(times)
    with _chromium() as browser:
        with tempfile.TemporaryDirectory() as home, _scripted() as url:
            floor, ours, begun = _latencies(browser, Path(home), url, deltas)
        yield Row("Enter to the first event in the cell, first cell", begun[0], most=1.3)
        yield Row("Enter to the first event in the cell, second cell", begun[1], most=0.200)
        base = percentile(floor, 0.99)
        yield Row("floor: kernel to Output widget in Chromium, p99", base / 1e3)
        yield Row("model delta to visible text in Chromium, median", percentile(ours, 0.5) / 1e3)
        yield Row(
            "model delta to visible text in Chromium, p99", percentile(ours, 0.99) / 1e3, base / 1e3, 2.0
        )
        with tempfile.TemporaryDirectory() as home:
            longest, saved = _thousand(browser, Path(home), count)
    events = f"{2 * count:,} events in a cell"
    yield Row(f"{events}, our longest script", longest["ours"] / 1e3, most=0.050)
    yield Row(f"{events}, anyone's longest script", longest["any"] / 1e3)
    yield Row(f"{events}, saved", saved / 1e3, most=200, unit="kB")


def _imports(times: int) -> Iterator[Row]:
    code = (
        "import time; from IPython.core.interactiveshell import InteractiveShell; "
        "shell = InteractiveShell.instance(); begin = time.perf_counter(); "
        "shell.run_line_magic('load_ext', 'jupyter_agents'); print(time.perf_counter() - begin)"
    )
    runs = [subprocess.check_output([sys.executable, "-c", code], text=True) for _ in range(times)]
    yield Row("%load_ext jupyter_agents, median", percentile([float(run) for run in runs], 0.5), most=0.300)


@contextmanager
def _chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        environment: Any = {**os.environ, "TMPDIR": "/tmp"}
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], env=environment)
        yield browser
        browser.close()


@contextmanager
def _scripted() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.benchmarks.model"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdin
        yield process.stdout.readline().strip()
        process.stdin.close()


def _latencies(
    browser: Any, home: Path, url: str, deltas: int
) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds from the sending of each word until a frame shows it, the widget's and ours; seconds
    until our cells begin."""
    places = {"ANTHROPIC_BASE_URL": url, "JUPYTER_AGENTS_DATA_DIR": str(home / "agents")}
    with started(home, {"jupyter_agents": True}, **places) as lab:
        sources = (
            "%load_ext jupyter_agents",
            "%%agent\ncalls 0",
            FLOOR % deltas,
            f"%%agent\ndeltas {deltas}",
        )
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in sources])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, lab.root / "bench.ipynb")
        page = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
        open_with_kernel(page, lab.page_url("bench.ipynb"))
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        page.locator(".jp-InputPrompt", has_text="[1]").wait_for()
        begun = [_begin(page, 0)]
        page.locator(".ja-turn-done").first.wait_for()
        page.evaluate(WATCH, ".jp-OutputArea-output")
        found = []
        for cell in range(2):
            page.evaluate("window.late = []")
            if cell:
                begun.append(_begin(page, 1))
            else:
                page.keyboard.press("Shift+Enter")
            page.wait_for_function(f"window.late.length >= {deltas - 2}", timeout=60_000)
            page.wait_for_timeout(1000)
            found.append(page.evaluate("window.late"))
        page.context.close()
    return found[0], found[1], begun


def _begin(page: Any, number: int) -> float:
    """Seconds from Enter until the run number `number` of the page shows."""
    start = time.perf_counter()
    page.keyboard.press("Shift+Enter")
    page.locator(".ja-run").nth(number).wait_for()
    return time.perf_counter() - start


def _thousand(browser: Any, home: Path, count: int) -> tuple[dict[str, float], int]:
    """Milliseconds of the longest script while a page follows a thousand events; the bytes that are saved."""
    mouth, script = Mouth(), [*calls(count), [say("Done.")]]
    script[0] = Reply([mouth.block, *script[0]])
    with ScriptedModel() as model:
        places = {"JUPYTER_AGENTS_MODEL_URL": model.url, "JUPYTER_AGENTS_DATA_DIR": str(home / "agents")}
        with started(home, {"jupyter_agents": True}, **places) as lab:
            session = Session((lab, model), "bench.ipynb")
            turn = session.begin(*script)
            page = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
            page.set_default_timeout(300_000)
            open_notebook(page, session.notebook(turn))
            page.locator(".ja-turn-running").wait_for()
            page.wait_for_timeout(2000)
            page.evaluate(LONGEST)
            page.evaluate(BUSY)
            page.wait_for_function("window.longest.any >= 80")
            page.evaluate("window.longest.any = 0")
            mouth.say("I count.")
            mouth.close()
            page.locator(".ja-turn-done").wait_for()
            page.wait_for_timeout(500)
            longest: dict[str, float] = page.evaluate("window.longest")
            page.context.close()
            events = [event.to_dict(mode="json") for event in session.client.sessions.events.list(session.id)]
            record = {**session.saved(turn), "live": False, "transcript": fold_all(events, turn).to_dict()}
    return longest, len(json.dumps(snapshot.bundle(record, {}), ensure_ascii=False).encode())

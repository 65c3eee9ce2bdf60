"""A saved notebook from a stranger: nothing that it holds runs, loads, covers or drives the page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jupyter_agents.testing import call
from tests.browser.lab import (
    Lab,
    Place,
    open_notebook,
    without_kernel_in_lab,
    without_kernel_in_notebook,
)
from tests.browser.runs import image, notice, run, steer, text, tool
from tests.browser.sessions import Session

both = pytest.mark.parametrize(
    "show", [without_kernel_in_lab, without_kernel_in_notebook], ids=["lab", "notebook"]
)
ASKING: Any = [
    {
        "type": "agent_toolset_20260401",
        "default_config": {"enabled": True, "permission_policy": {"type": "always_ask"}},
    }
]

LONGEST_TASK_MS = 15_000
"""Generous: the machine may be busy. Without the caps each of these takes ten seconds or more."""

MARK = "window.__hacked = (window.__hacked || 0) + 1"


@pytest.fixture
def outside() -> Iterator[tuple[str, list[str]]]:
    """A web server that nobody should ask; its address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def markup(outside: str) -> list[str]:
    return [
        f"<script>{MARK}</script>",
        f"<img src=x onerror='{MARK}'>",
        f"<img src='{outside}/img.png'> ![tracker]({outside}/markdown.png)",
        f"<img srcset='{outside}/srcset.png 1x'><picture><source srcset='{outside}/s.png'></picture>",
        f"<svg onload='{MARK}'><a xlink:href='javascript:{MARK}'><text>svg</text></a></svg>",
        f"<math><mtext><table><mglyph><style><img src=x onerror='{MARK}'></style></math>",
        f"<iframe src='{outside}/frame'></iframe><iframe srcdoc='<script>{MARK}</script>'></iframe>",
        f"<a href='javascript:{MARK}'>a</a> [b](javascript:{MARK}) [c](JaVaScRiPt:{MARK})",
        f"<a href='data:text/html,<script>{MARK}</script>'>d</a> [e](vbscript:x) [f](/lab?reset)",
        f"<form action='{outside}/form'><input name=q><button>go</button></form>",
        f"<video autoplay src='{outside}/v.mp4' poster='{outside}/p.png' onerror='{MARK}'></video>",
        f"<object data='{outside}/o'></object><embed src='{outside}/e'>",
        f"<link rel=stylesheet href='{outside}/l'>",
        f"<style>@import '{outside}/css'; body {{ display: none }}</style>",
        f"<div style='position:fixed;inset:0;background:url({outside}/bg)'>cover</div>",
        "<div class='jp-Dialog' id='main' name='body'>posing as a dialog</div>",
        "<button data-commandlinker-command='docmanager:close-all' "
        "data-commandlinker-args='{}'>command</button>",
        f"<details open ontoggle='{MARK}'><summary>t</summary></details>",
        "<base href='//evil.example/'><meta http-equiv=refresh content='0;url=//evil.example/'>",
        f"$\\href{{javascript:{MARK}}}{{x}}$ $\\style{{position:fixed;inset:0}}{{y}}$",
    ]


@both
def test_nothing_of_a_hostile_run_runs_or_loads(
    lab: Lab, page: Any, outside: tuple[str, list[str]], show: Any
) -> None:
    address, asked = outside
    hostile = markup(address)
    words = "\n".join(hostile)
    svg = image(data="PHN2Zy8+", media_type="image/svg+xml")
    broken_out = image(data="AAAA\" onerror='" + MARK + "'", media_type="image/png")
    remote = {"type": "image", "source": {"type": "url", "url": f"{address}/block.png"}}
    search = {"type": "search_result", "source": f"javascript:{MARK}", "title": words}
    output = [{"type": "text", "text": words}, svg, broken_out, remote, search]
    payload = run(
        *(text(line, id=f"t{n}") for n, line in enumerate(hostile)),
        tool("c1", name=words, server=words, input={words: words}, output=output),
        tool("c2", name="write", input={"file_path": words, "content": words}),
        steer(words),
        notice("error", words),
        files=[
            {"path": words, "size": 1, "file_id": None, "url": f"javascript:{MARK}"},
            {"path": "up", "size": 1, "file_id": None, "url": "../../secret"},
            {"path": "away", "size": 1, "file_id": None, "url": "//evil.example/x"},
            {"path": "t.csv", "preview": {"type": "table", "columns": [words], "rows": [[words]]}},
            {"path": "i.png", "preview": {"type": "image", "media_type": "image/png", "data": words}},
            {"path": "h.svg", "preview": {"type": "image", "media_type": "text/html", "data": "PHN2Zy8+"}},
        ],
        footer={"model": words, "sandbox": words},
    )
    lab.notebook("hostile.ipynb", payload)
    show(page, lab, "hostile.ipynb")
    for summary in page.locator(".ja-summary").all():
        summary.click()
    page.locator(".ja-markdown", has_text="posing as a dialog").wait_for()
    page.locator("mjx-container").first.wait_for()
    page.wait_for_timeout(1000)
    assert page.evaluate("window.__hacked") is None
    assert asked == []
    ours = page.locator(".ja-renderer")
    forbidden = "script, iframe, form, button:not(.ja-earlier, .ja-copy, .ja-more), "
    forbidden += "svg:not(.ja-icon, mjx-container *), object, embed, link, style, "
    forbidden += "video, [style*=fixed], [id=main], .jp-Dialog"
    assert ours.locator(forbidden).count() == 0
    attributes = """node => [...node.querySelectorAll('*')].flatMap(child =>
        [...child.attributes].filter(a => /^on|^data-command|^srcset|^formaction/.test(a.name)
          || /javascript:/i.test(a.value) && a.name !== 'title').map(a => a.name))"""
    assert ours.evaluate(attributes) == []
    for link in ours.locator("a[href]").all():
        assert link.get_attribute("href").startswith(("http://", "https://"))
        assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    assert ours.locator("a.ja-file-name").count() == 0


def deep(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = {"x": [value]}
    return value


def structures() -> list[Any]:
    return [
        run(*(tool(f"c{n}") for n in range(20_000))),
        run(tool(input={f"k{n}": n for n in range(100_000)})),
        run(tool(input=deep(60))),
        run(tool(output=[{"type": "text", "text": "x"}] * 50_000)),
        run(tool(output=[{"type": "text", "text": "word " * 200_000}])),
        run(files=[{"path": f"f{n}", "url": f"f{n}", "size": 1} for n in range(20_000)]),
    ]


def markdowns() -> list[Any]:
    table = "| a " * 300 + "\n" + "|-" * 300 + "\n|" * 20_000
    texts = ["word " * 1_000_000, "> " * 20_000 + "x", "[" * 40_000, "*a_ " * 20_000]
    texts += ["- " * 20_000, "<div>" * 20_000, table, "$a " * 30_000, "`" * 30_001 + " `x"]
    texts += ["![x](data:image/png;base64," + "A" * 90_000, "<!--" * 20_000, "\\(" * 400]
    return [run(text(words)) for words in texts]


LONG_TASKS = """
window.__longest = 0;
new PerformanceObserver(list => {
  for (const task of list.getEntries()) window.__longest = Math.max(window.__longest, task.duration);
}).observe({ type: 'longtask' });
"""


@pytest.mark.parametrize("payloads", [structures, markdowns])
def test_a_huge_run_does_not_hang_the_page(lab: Lab, page: Any, payloads: Callable[[], Any]) -> None:
    runs = payloads()
    page.add_init_script(LONG_TASKS)
    open_notebook(page, lab.notebook("huge.ipynb", *runs))
    page.locator(".ja-footer").nth(len(runs) - 1).wait_for(state="attached")
    for summary in page.locator(".ja-step:last-child .ja-summary").all():
        summary.click()
    page.evaluate("() => new Promise(done => setTimeout(done, 500))")
    assert page.evaluate("window.__longest") < LONGEST_TASK_MS
    assert page.locator(".ja-renderer *").count() < 40_000


MALFORMED: list[Any] = [
    None,
    "text",
    [],
    {"schema": 1},
    {"schema": 1, "transcript": {"steps": "x", "files": 3, "footer": [], "status": {}}},
    {"schema": 1, "transcript": {"steps": [None, [], {"kind": "tool", "output": "x"}]}},
    {"schema": 1, "transcript": {"steps": [{"kind": "text", "id": {}, "markdown": 3}]}},
    {"schema": 1, "transcript": {"status": "constructor", "footer": {"cost_usd": "x"}}},
    {"schema": 1, "transcript": 1, "live": True, "session_id": "../../api/kernels"},
]


def test_a_malformed_run_is_drawn_as_far_as_it_goes(lab: Lab, page: Any) -> None:
    open_notebook(page, lab.notebook("malformed.ipynb", *MALFORMED))
    drawn = page.locator(".ja-run, .ja-renderer > .ja-left-out")
    drawn.nth(len(MALFORMED) - 1).wait_for(state="attached")
    assert drawn.count() == len(MALFORMED)


@both
def test_of_a_strangers_notebook_only_whose_it_is_is_asked(place: Place, page: Any, show: Any) -> None:
    """The page asks whether a well-formed session is this notebook's; it reads nothing of one that is not."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    session = Session(place, "mine.ipynb", tools=ASKING)
    turn = session.begin([call("bash", command="echo no")])
    session.until("session.status_idle")
    good = session.saved(turn, text("Saved."))
    unknown = {**good, "session_id": "sesn_01" + "a" * 22}
    bad = [
        {**good, "session_id": value}
        for value in ("../../api/x", "sesn_", "sesn_01" + "a" * 60, "sesn_01" + "a" * 22 + "/..")
    ]
    session.lab.notebook("ids.ipynb", good, unknown, *bad)
    show(page, session.lab, "ids.ipynb")
    page.locator(".ja-renderer").nth(5).wait_for(state="attached")
    page.wait_for_timeout(1500)
    assert all(url.startswith((session.lab.url, "data:", "blob:")) for url in asked)
    ours = {url.split("/jupyter-agents/")[1] for url in asked if "/jupyter-agents/" in url}
    ours = {url for url in ours if "static/" not in url and "front-ends" not in url}
    ids = (session.id, unknown["session_id"])
    assert ours == {f"local/sessions/{id}/approvals?notebook=ids.ipynb" for id in ids}
    assert page.locator(".ja-approval button").count() == 0


@both
def test_no_button_is_there_before_the_servers_answer(place: Place, page: Any, show: Any) -> None:
    session = Session(place, tools=ASKING)
    turn = session.begin([call("bash", command="echo no")])
    session.until("session.status_idle")
    session.notebook(turn, tool(status="waiting", output=[], seconds=None))
    held: list[Any] = []
    free: list[bool] = []

    def hold(route: Any) -> None:
        if free:
            route.continue_()
        else:
            held.append(route)

    page.route("**/approvals?*", hold)
    show(page, session.lab, session.name)
    page.locator(".ja-card[data-status=waiting]").wait_for()
    page.wait_for_timeout(1000)
    assert held and page.locator(".ja-approval button").count() == 0
    free.append(True)
    for route in held:
        route.continue_()
    page.get_by_role("button", name="Approve bash", exact=True).wait_for()

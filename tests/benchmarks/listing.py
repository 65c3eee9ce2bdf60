"""Listing a long session through the SDK's pager, beside a static server of the same pages."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import quote

import anthropic
import httpx2

from tests.benchmarks import product
from tests.benchmarks.seed import seed
from tests.benchmarks.table import Row


def rows(*, events: int = 100_000, times: int = 3) -> Iterator[Row]:
    """events: of the session. times: each is listed so often, in turn."""
    ids: list[str] = []
    with (
        product.server(
            "http://127.0.0.1:9", "", fill=lambda data: ids.extend(seed(data, 1, events))
        ) as server,
        tempfile.TemporaryDirectory() as name,
    ):
        pages = _record(server, ids[0], Path(name))
        with static(Path(name)) as url:
            copy = anthropic.Anthropic(base_url=url, auth_token="none")
            pairs = []
            for _ in range(times):
                pairs.append((_list(server.client, ids[0], events), _list(copy, ids[0], events)))
    ours, bare = min(pairs, key=lambda pair: pair[0] / pair[1])
    yield Row(f"floor: {pages} static pages of {events:,} events", bare)
    yield Row(f"listing {events:,} events through the SDK, calmest", ours, bare, 1.3)
    yield Row("  median", median(a for a, _ in pairs), median(b for _, b in pairs))


def _list(client: anthropic.Anthropic, session_id: str, events: int) -> float:
    start = time.perf_counter()
    number = sum(1 for _ in client.beta.sessions.events.list(session_id, limit=1000))
    if number != events:
        raise RuntimeError(f"{number} of {events} events were listed")
    return time.perf_counter() - start


def _record(server: product.Server, session_id: str, folder: Path) -> int:
    """Keep every page's bytes under the query that asks for it; returns their number."""
    page, number = "", 0
    with httpx2.Client(headers={"Authorization": "Bearer benchmark"}) as client:
        while True:
            query = f"limit=1000{f'&page={quote(page)}' if page else ''}"
            url = f"{server.url.rstrip('/')}/jupyter-agents/v1/sessions/{session_id}/events?{query}"
            answer = client.get(url).raise_for_status()
            (folder / (page or "first")).write_bytes(answer.content)
            number += 1
            page = answer.json()["next_page"]
            if page is None:
                return number


@contextmanager
def static(folder: Path) -> Iterator[str]:
    """A server of `folder`'s files by their page, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.static", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdin
        yield process.stdout.readline().strip()
        process.stdin.close()

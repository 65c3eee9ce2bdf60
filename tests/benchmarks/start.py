"""From the start of the process to the first 200, with a full store, an empty one, and without us."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2

from tests.benchmarks.seed import seed
from tests.benchmarks.table import Row

SECONDS = 60.0
OURS = ("-m", "jupyter_agents.cli", "serve")
BARE = ("-m", "jupyter_server", "--ServerApp.jpserver_extensions={}", "--no-browser", "--allow-root")


def rows(*, sessions: int = 1000, events: int = 100, times: int = 5) -> Iterator[Row]:
    """sessions: in the store, with `events` events each. times: the calmest of so many starts counts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seed(folder / "full", sessions, events)
        (folder / "token").write_text("benchmark")
        kinds: dict[str, Callable[[], float]] = {
            "bare": lambda: _bare(folder),
            "empty": lambda: _ours(folder, "empty"),
            "full": lambda: _ours(folder, "full"),
        }
        found: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(times):
            for kind, start in kinds.items():
                found[kind].append(start())
    bare, empty, full = (min(found[kind]) for kind in kinds)
    yield Row("floor: a Jupyter server without the extension", bare)
    yield Row("jupyter agents serve, an empty store", empty, bare)
    yield Row(f"jupyter agents serve, {sessions:,} sessions, {sessions * events:,} events", full, bare)
    yield Row("  more than without the extension", full - bare, most=1.0)
    yield Row("  more than with an empty store", full - empty)


def _ours(folder: Path, data: str) -> float:
    command = [*OURS, "--token-file", str(folder / "token"), "--root-dir", str(folder)]
    return _start(
        folder, command, {"JUPYTER_AGENTS_DATA_DIR": str(folder / data)}, "jupyter-agents/v1/sessions"
    )


def _bare(folder: Path) -> float:
    command = [*BARE, "--IdentityProvider.token=benchmark", f"--ServerApp.root_dir={folder}"]
    return _start(folder, command, {}, "api/status")


def _start(folder: Path, command: list[str], variables: dict[str, str], path: str) -> float:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    option = f"--port={port}" if "serve" in command else f"--ServerApp.port={port}"
    environment = {**os.environ, **variables, "JUPYTER_CONFIG_DIR": str(folder / "config")}
    with (folder / "log").open("w") as log:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command, option], env=environment, stdout=log, stderr=log
        )
        try:
            return _first_answer(f"http://127.0.0.1:{port}/{path}", begin, folder / "log")
        finally:
            process.terminate()
            process.wait(30)


def _first_answer(url: str, begin: float, log: Path) -> float:
    with httpx2.Client(headers={"Authorization": "Bearer benchmark"}, trust_env=False) as client:
        while time.perf_counter() - begin < SECONDS:
            try:
                if client.get(url, timeout=5).status_code == 200:
                    return time.perf_counter() - begin
            except httpx2.TransportError:
                pass
            time.sleep(0.005)
    raise RuntimeError(log.read_text())

"""The shipped notebooks run from the shipped recordings, as users and CI run them, with no key."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbclient
import nbconvert
import nbformat
import papermill
import pytest

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.cell.words import HOW_TO_ANSWER

formats: Any = nbformat
exporters: Any = nbconvert

ROOT = Path(__file__).parent.parent
RECORDINGS = ROOT / "jupyter_agents" / "recordings"
NAME = "01-quickstart.ipynb"
TOOLS = "03-kernel-tools.ipynb"
APPROVALS = "02-approvals.ipynb"
OWN = ("ANTHROPIC_", "JUPYTER", "JPY_")
NUMBERS = "0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181"
STEPS = ("I'll write the script", "/workspace/fibonacci.py", "python3 fibonacci.py && wc -l", "4181")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the notebook, in an environment with nothing set up."""
    for name in os.environ:
        if name.startswith(OWN):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_AGENTS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    made = tmp_path / "notebooks"
    made.mkdir()
    tmp_path.chmod(0o755)
    made.chmod(0o755)
    for name in (NAME, TOOLS):
        shutil.copy(ROOT / "notebooks" / name, made)
    return made


def with_nbclient(folder: Path, name: str = NAME) -> Any:
    book = formats.read(folder / name, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(book, timeout=60, resources=resources).execute()
    return book


def with_papermill(folder: Path, name: str = NAME) -> Any:
    target = folder / "out.ipynb"
    papermill.execute_notebook(
        str(folder / name), str(target), cwd=str(folder), progress_bar=False, log_output=False
    )
    return formats.read(target, as_version=4)


def the_run(book: Any) -> Any:
    """The one output that is a run."""
    outputs = [output for cell in book.cells for output in cell.get("outputs", ())]
    (found,) = [output for output in outputs if MIME in output.get("data", {})]
    return found.data


@pytest.mark.parametrize("execute", [with_nbclient, with_papermill])
def test_the_quickstart_runs_from_its_recording(
    folder: Path, monkeypatch: pytest.MonkeyPatch, execute: Callable[[Path], Any]
) -> None:
    monkeypatch.setenv("JUPYTER_AGENTS_REPLAY", str(RECORDINGS))
    book = execute(folder)
    formats.validate(book)

    (text,) = folder.glob("agents/coder-*/fibonacci.txt")
    assert text.read_text().split() == NUMBERS.split(", ")
    (script,) = folder.glob("agents/coder-*/fibonacci.py")
    assert "def fibonacci" in script.read_text()
    assert NUMBERS in "".join(output.get("text", "") for output in book.cells[11].outputs)

    data = the_run(book)
    assert set(data) == {MIME, "text/html", "text/markdown", "text/plain"}
    transcript = data[MIME]["transcript"]
    assert (transcript["status"], data[MIME]["live"]) == ("done", False)
    assert [step["kind"] for step in transcript["steps"]].count("tool") == 3
    assert {step["status"] for step in transcript["steps"] if step["kind"] == "tool"} == {"ok"}
    assert [file["path"] for file in transcript["files"]] == ["fibonacci.py", "fibonacci.txt"]
    assert transcript["footer"]["replayed"] is True
    assert f"[fibonacci.txt](agents/{text.parent.name}/fibonacci.txt)" in data["text/markdown"].replace(
        "`", ""
    )

    html, _ = exporters.HTMLExporter().from_notebook_node(book)
    markdown, _ = exporters.MarkdownExporter().from_notebook_node(book)
    for export in (html, markdown):
        for step in STEPS:
            assert re.sub(r"\W+", " ", step) in re.sub(r"\W+", " ", export.replace("&amp;", "&")), step
        assert "replayed from a recording" in export
        assert f"agents/{text.parent.name}/fibonacci.txt" in export
    assert "Traceback" not in html


@pytest.mark.parametrize("execute", [with_nbclient, with_papermill])
def test_functions_of_the_notebook_really_run_in_a_replay(
    folder: Path, monkeypatch: pytest.MonkeyPatch, execute: Callable[[Path, str], Any]
) -> None:
    monkeypatch.setenv("JUPYTER_AGENTS_REPLAY", str(RECORDINGS))
    book = execute(folder, TOOLS)
    formats.validate(book)
    assert "['north', 'south']" in "".join(
        output.get("text", "") for cell in book.cells for output in cell.get("outputs", ())
    )
    transcript = the_run(book)[MIME]["transcript"]
    assert (transcript["status"], transcript["footer"]["replayed"]) == ("done", True)
    calls = [step for step in transcript["steps"] if step["kind"] == "tool"]
    assert [(step["name"], step["status"], step["place"]) for step in calls] == [
        *[("total", "ok", "kernel")] * 2,
        *[("target", "ok", "kernel")] * 2,
        ("target", "error", "kernel"),
    ]
    assert '"total": 1455.0' in calls[0]["output"][0]["text"]
    assert calls[1]["shown"][0]["text"] == "6 sales of the south were added up\n"
    assert calls[4]["output"][0]["text"].startswith("KeyError: 'east'")
    html, _ = exporters.HTMLExporter().from_notebook_node(book)
    markdown, _ = exporters.MarkdownExporter().from_notebook_node(book)
    for export in (html, markdown):
        for words in ("kernel · total", "1455.0", "6 sales of the north were added up", "KeyError"):
            assert words in export, words


@pytest.mark.parametrize("execute", [with_nbclient, with_papermill])
def test_approvals_run_from_their_recording_with_nobody_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, execute: Callable[..., Any]
) -> None:
    shutil.copy(ROOT / "notebooks" / APPROVALS, folder)
    monkeypatch.setenv("JUPYTER_AGENTS_REPLAY", str(RECORDINGS))
    book = execute(folder, APPROVALS)
    formats.validate(book)
    outputs = [output for cell in book.cells for output in cell.get("outputs", ())]
    runs = [output.data for output in outputs if MIME in output.get("data", {})]
    found = [data[MIME]["transcript"]["status"] for data in runs]
    assert found == ["waiting", "done", "waiting", "done", "waiting", "done"]
    assert all(HOW_TO_ANSWER in data["text/html"] for data in runs[::2])
    (names,) = folder.glob("agents/careful-*/names.txt")
    assert names.read_text() == "Curie\nHopper\nLovelace\n"
    said = outputs[-1]["text"]
    assert "deny - Keep the file, I need it." in said
    assert said.endswith("always: ['bash']\n")


def test_the_quickstart_command_needs_no_key(folder: Path) -> None:
    command = [sys.executable, "-m", "jupyter_agents.cli", "quickstart", str(folder / NAME)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    shown = done.stdout
    assert shown.index("There is no API key") < shown.index("Running ") < shown.index("I'll write the script")
    for step in STEPS:
        assert step in shown
    for line in ("Files:\n  fibonacci.py", "replayed from a recording", NUMBERS):
        assert line in shown
    executed = folder / "01-quickstart.executed.ipynb"
    assert shown.rstrip().endswith(f"Executed notebook: {executed}\nOpen it with: make lab")
    formats.validate(formats.read(executed, as_version=4))
    assert the_run(formats.read(executed, as_version=4))[MIME]["transcript"]["status"] == "done"
    assert done.stderr.strip() == ""


def test_the_quickstart_command_says_what_failed(folder: Path) -> None:
    book = formats.read(folder / NAME, as_version=4)
    book.cells[8].source = "%%agent codr\nHi"
    formats.write(book, folder / NAME)
    command = [sys.executable, "-m", "jupyter_agents.cli", "quickstart", str(folder / NAME)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    assert "There is no agent 'codr'. Did you mean coder?" in done.stderr
    assert "Traceback" not in done.stderr
    missing = subprocess.run([*command[:-1], "none.ipynb"], capture_output=True, text=True, timeout=60)
    assert (missing.returncode, "cannot be read" in missing.stderr) == (1, True)


def test_files_go_in_and_come_out_from_the_recording(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_AGENTS_REPLAY", str(RECORDINGS))
    shutil.copy(ROOT / "notebooks" / "04-files.ipynb", folder)
    book = formats.read(folder / "04-files.ipynb", as_version=4)
    nbclient.NotebookClient(book, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
    data = the_run(book)
    transcript = data[MIME]["transcript"]
    assert transcript["status"] == "done" and transcript["footer"]["replayed"] is True
    tools = [step for step in transcript["steps"] if step["kind"] == "tool"]
    assert [step["status"] for step in tools] == ["ok", "ok", "ok"]
    assert "city,celsius" in tools[0]["output"][0]["text"] and "Norway" in tools[0]["output"][0]["text"]
    assert [file["path"] for file in transcript["files"]] == ["means.csv", "means.json", "means.py"]
    (made,) = folder.glob("agents/analyst-*/means.csv")
    assert made.read_text().splitlines() == [
        "city,celsius,country",
        "Oslo,5.0,Norway",
        "Cairo,30.0,Egypt",
        "Lima,19.0,Peru",
    ]
    printed = "".join(output.get("text", "") for cell in book.cells for output in cell.get("outputs", ()))
    assert "Cairo,30.0,Egypt" in printed and "messages: 7 tokens out: 48 end_turn" in printed

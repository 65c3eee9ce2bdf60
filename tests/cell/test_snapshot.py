"""A cell saves at most 200 kB, whatever the run did."""

from __future__ import annotations

import base64
import io
import random
from functools import cache
from typing import Any

import pytest
from PIL import Image

from jupyter_agents.cell import snapshot
from tests.kernel.samples import record, said, search_result, tool, transcript

BLOB = {"type": "base64", "media_type": "image/png", "data": "A" * 3_000_000}
FOUND = search_result("https://a.example/" + "x" * 9000, "é" * 9000, "w" * 9000)
FOUND["output"] *= 20
HUGE = {
    "steps": transcript(*[tool(output="é" * 5000, command="c" * 3000) for _ in range(1000)]),
    "text": transcript(said("# word <b>\n" * 100_000)),
    "input": transcript({**tool("x"), "input": {f"k{n}": ["v" * 1000] * 100 for n in range(100)}}),
    "nested": transcript(tool("x", a={"b": {"c": ["v" * 100_000] * 50}})),
    "image": transcript({**tool(), "output": [{"type": "image", "source": BLOB}]}),
    "results": transcript(*[FOUND for _ in range(300)]),
    "escapes": transcript(*[tool(output='"<&\\\n' * 2000, command='"<&') for _ in range(60)]),
    "notices": transcript(
        *[{"kind": "notice", "id": "n", "level": "error", "text": "x" * 9000} for _ in range(900)]
    ),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_run_is_cut_to_size(name: str) -> None:
    made = snapshot.bundle(record(HUGE[name]), {})
    assert snapshot.size(made) <= snapshot.LIMIT
    assert set(made) == {snapshot.MIME, "text/html", "text/markdown", "text/plain"}


def test_many_files_are_cut_to_size() -> None:
    made = transcript()
    one = {"size": 1, "file_id": None, "url": "u"}
    made["files"] = [{"path": f"{n}" * 50, **one} for n in range(9999)]
    assert snapshot.size(snapshot.bundle(record(made), {})) <= snapshot.LIMIT


def test_a_small_run_is_whole() -> None:
    made = record(transcript(said("hi"), tool(command="ls")))
    assert snapshot.bundle(made, {})[snapshot.MIME] == made


def test_cuts_say_what_is_missing() -> None:
    assert snapshot.cut_text("a" * 1000, 100) == (
        "a" * 75 + "\n[... 900 characters left out ...]\n" + "a" * 25
    )


def test_the_middle_steps_go_and_the_sentence_names_where_they_are() -> None:
    steps = [said(str(number)) for number in range(100)]
    shrunk = snapshot.shrink(transcript(*steps), snapshot.Caps(10, 0, 10), "sesn_1")
    kept = [step.get("markdown") for step in shrunk["steps"]]
    assert kept == ["0", "1", None, *map(str, range(92, 100))]
    words = shrunk["steps"][2]["text"]
    assert words.startswith("90 steps are left out here.")
    assert "%agent attach sesn_1" in words and "run file" in words


@cache
def picture(seed: int) -> str:
    """A picture of soft spots: large as PNG, and smaller the more it is scaled."""
    spots = Image.frombytes("RGB", (60, 60), random.Random(seed).randbytes(60 * 60 * 3))
    saved = io.BytesIO()
    spots.resize((800, 800)).save(saved, "PNG")
    return base64.b64encode(saved.getvalue()).decode()


def with_pictures(count: int, *more: dict[str, Any]) -> dict[str, Any]:
    source = {"type": "base64", "media_type": "image/png"}
    blocks = [{"type": "image", "source": {**source, "data": picture(n)}} for n in range(count)]
    return transcript(*({**tool(command="draw"), "output": [block]} for block in blocks), *more)


def widths(made: dict[str, Any]) -> list[int]:
    steps = made[snapshot.MIME]["transcript"]["steps"]
    blocks = [block for step in steps for block in step.get("output", []) if block["type"] == "image"]
    data = [base64.b64decode(block["source"]["data"]) for block in blocks]
    return [Image.open(io.BytesIO(one)).width for one in data]


def test_pictures_are_scaled_then_named_before_any_step_goes() -> None:
    one = snapshot.bundle(record(with_pictures(1)), {})
    few = snapshot.bundle(record(with_pictures(4)), {})
    many = snapshot.bundle(record(with_pictures(12)), {})
    long = snapshot.bundle(record(with_pictures(12, *[tool(output="x" * 5000)] * 200)), {})
    named = snapshot.shrink(with_pictures(2), snapshot.Caps(8000, 0, 200), "sesn_1")
    assert [step["output"][0]["text"][:11] for step in named["steps"]] == ["[image/png]"] * 2
    for made in (one, few, many, long):
        assert snapshot.size(made) <= snapshot.LIMIT
    assert widths(one)[0] > widths(few)[0] > 0
    assert len(widths(few)) == 4
    assert len(widths(many)) in (0, 12)
    assert len(many[snapshot.MIME]["transcript"]["steps"]) == 12
    assert "left out here" in long["text/html"] and "left out here" in long["text/markdown"]


def test_a_files_preview_goes_and_its_link_stays() -> None:
    preview = {"type": "image", "media_type": "image/png", "data": picture(1)}
    entry = {"path": "plot.png", "size": 1, "file_id": None, "url": "a/plot.png", "preview": preview}
    whole = transcript()
    whole["files"] = [entry]
    made = snapshot.bundle(record(whole), {"plot.png": "a/plot.png"})
    assert made[snapshot.MIME]["transcript"]["files"][0]["preview"]["media_type"] == "image/webp"
    assert '<img alt="plot.png"' in made["text/html"]
    crowded = snapshot.shrink(whole, snapshot.Caps(8000, 0, 200), "sesn_1")
    assert crowded["files"] == [{key: entry[key] for key in ("path", "size", "file_id", "url")}]


def test_a_tables_rows_are_cut_and_then_go() -> None:
    preview = {"type": "table", "columns": ["a"], "rows": [["1"]] * 10, "more": False}
    whole = transcript()
    whole["files"] = [{"path": "a.csv", "size": 1, "file_id": None, "url": None, "preview": preview}]
    cut = snapshot.shrink(whole, snapshot.Caps(9, 0, 9, rows=5), "sesn_1")["files"][0]["preview"]
    assert (len(cut["rows"]), cut["more"]) == (5, True)
    assert "preview" not in snapshot.shrink(whole, snapshot.Caps(9, 0, 9, rows=0), "sesn_1")["files"][0]


def test_of_many_pictures_the_last_are_kept() -> None:
    made = snapshot.shrink(with_pictures(15), snapshot.Caps(9000, 20_000, 200), "sesn_1")
    kinds = [step["output"][0]["type"] for step in made["steps"]]
    assert kinds == ["text"] * 3 + ["image"] * 12
    assert made["steps"][0]["output"][0]["text"].startswith("[image/png]")

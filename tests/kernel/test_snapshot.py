"""A cell saves at most 200 kB, whatever the run did."""

from __future__ import annotations

import pytest

from jupyter_agents.kernel import snapshot
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
    shrunk = snapshot.shrink(transcript(*[said("x")] * 10), snapshot.Caps(10, 0, 4))
    assert shrunk["steps"][0]["text"].startswith("6 earlier steps are left out")
    assert len(shrunk["steps"]) == 5

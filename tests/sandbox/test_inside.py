from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_agents.sandbox import listing
from jupyter_agents.sandbox.base import ToolResult
from jupyter_agents.sandbox.frames import BadFrame
from jupyter_agents.sandbox.inside import Seen, read_list, read_pieces, read_seen

HEAD = {"digest": "d", "used": 5, "hits": [0, 1]}


def answer(*texts: str, is_error: bool = False) -> ToolResult:
    return ToolResult([{"type": "text", "text": text} for text in texts], is_error)


def listed(files: Any = (), folders: Any = (), **more: Any) -> ToolResult:
    body = json.dumps({"files": list(files), "folders": list(folders), "complete": True, **more})
    return answer(json.dumps(HEAD), body[:7], body[7:])


def test_a_listing_comes_in_pieces() -> None:
    head, inside = read_list(listed([["d/f", 1, 2, 3, 4, 0o4755]], ["d"]))
    assert (head.digest, head.used, head.hits) == ("d", 5, (0, 1))
    assert inside is not None and inside.complete
    assert inside.files == {"d/f": Seen(1, 2, 3, 4, 0o755)}
    assert inside.folders == {"d"}


def test_nothing_new_is_a_head_alone() -> None:
    assert read_list(answer(json.dumps(HEAD)))[1] is None


PATHS = ("", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\0b", "a/" * 65 + "b", "x" * 5000, "\udc80")


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    for files, folders in (([[path, 1, 2, 3, 4, 5]], []), ([], [path])):
        with pytest.raises(BadFrame):
            read_list(listed(files, folders))


@pytest.mark.parametrize(
    "files",
    [
        [["a", 1, 2, 3, 4]],
        [["a", "1", 2, 3, 4, 5]],
        [["a", True, 2, 3, 4, 5]],
        [["a", 2**70, 2, 3, 4, 5]],
        ["a"],
        [[3, 1, 2, 3, 4, 5]],
        [["a", 1, 2, 3, 4, 5]] * (listing.FILES + 1),
    ],
    ids=["short", "text", "bool", "huge", "no list", "no path", "too many"],
)
def test_a_listing_of_another_shape_is_refused(files: Any) -> None:
    with pytest.raises(BadFrame):
        read_list(listed(files))


@pytest.mark.parametrize(
    "bad",
    [
        answer("{"),
        answer("[]"),
        answer("{}"),
        answer(json.dumps(HEAD), is_error=True),
        answer(json.dumps(HEAD), "[" * 100_000),
        answer(json.dumps({**HEAD, "hits": [1]})),
        ToolResult([{"type": "image", "source": {}}]),
    ],
)
def test_what_is_no_listing_is_refused(bad: ToolResult) -> None:
    with pytest.raises(BadFrame):
        read_list(bad)


def test_the_state_of_a_file_that_was_put() -> None:
    assert read_seen(answer("[1,2,3,4,420]")) == Seen(1, 2, 3, 4, 0o644)
    for bad in ("[]", "x", "{}", "[1,2,3,4,null]"):
        with pytest.raises(BadFrame):
            read_seen(answer(bad))


def test_pieces_are_no_longer_and_no_more_than_asked_for() -> None:
    assert read_pieces(answer("+YWI=", "-", "+"), [2, 5, 0]) == [b"ab", None, b""]
    for bad, wanted in (
        (answer("+YWI="), [1]),
        (answer("+YWI="), [2, 2]),
        (answer("+YW"), [2]),
        (answer("+Y!I="), [2]),
    ):
        with pytest.raises(BadFrame):
            read_pieces(bad, wanted)

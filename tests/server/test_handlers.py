from __future__ import annotations

import errno
import sqlite3

import pytest
from tornado.web import HTTPError

from jupyter_agents.errors import InvalidRequest, NotFound
from jupyter_agents.server.handlers import age_cursor, api_error, bounds, check_limit
from jupyter_agents.store.pages import Cursor


@pytest.mark.parametrize(
    ("status", "error", "found", "words"),
    [
        (500, NotFound("x"), 404, "x"),
        (500, RecursionError(), 400, "nested"),
        (500, sqlite3.OperationalError("database or disk is full"), 500, "disk is full"),
        (500, OSError(errno.ENOSPC, "No space left on device"), 500, "disk is full"),
        (500, ValueError("secret"), 500, "its log has the details"),
        (500, OSError(errno.EACCES, "secret"), 500, "its log has the details"),
        (500, None, 500, "its log has the details"),
    ],
)
def test_what_the_wire_says_of_an_exception(
    status: int, error: Exception | None, found: int, words: str
) -> None:
    answer = api_error(status, error)
    assert answer is not None and answer.status == found
    assert words in answer.message and "secret" not in answer.message


def test_jupyters_own_errors_keep_their_status() -> None:
    assert api_error(404, HTTPError(404)) is None


@pytest.mark.parametrize(("limit", "found"), [(None, 20), (1, 1), (100, 100)])
def test_limits(limit: int | None, found: int) -> None:
    assert check_limit(limit, 20, 100) == found


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_limits_out_of_bounds(limit: int) -> None:
    with pytest.raises(InvalidRequest, match="limit"):
        check_limit(limit, 20, 100)


def test_times_are_brought_to_the_form_they_are_stored_in() -> None:
    given = {"created_at_gt": "2026-01-01T01:00:00+01:00", "created_at_lte": "2026-01-01T00:00:00.5Z"}
    assert bounds(given, None) == [
        (">", "2026-01-01T00:00:00.000000Z"),
        ("<=", "2026-01-01T00:00:00.500000Z"),
    ]


@pytest.mark.parametrize("text", ["yesterday", "2026-01-01", "", "9999-12-31T23:59:59-23:59"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"created_at\[gt\]"):
        bounds({"created_at_gt": text}, None)


@pytest.mark.parametrize(
    ("bound", "excluded"),
    [("gt", True), ("gte", False), ("lt", True), ("lte", False)],
)
def test_a_bound_at_the_place_of_the_cursor(bound: str, excluded: bool) -> None:
    place = "2026-01-01T00:00:00.000000Z"
    if excluded:
        with pytest.raises(InvalidRequest, match="page cursor"):
            bounds({f"created_at_{bound}": place}, place)
    else:
        assert len(bounds({f"created_at_{bound}": place}, place)) == 1


def test_a_cursor_of_another_list_is_none() -> None:
    cursor = Cursor("desc", ("2026-01-01T00:00:00.000000Z", "agent_1"))
    assert age_cursor(str(cursor), "desc", "agent") == cursor
    assert age_cursor(None, "desc", "agent") is None
    for order, prefix in (("desc", "env"), ("desc", "agen"), ("asc", "agent")):
        with pytest.raises(InvalidRequest, match="page"):
            age_cursor(str(cursor), order, prefix)

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jupyter_agents.domain import history
from jupyter_agents.domain.history import Version
from jupyter_agents.domain.undoing import (
    NOT_KEPT,
    SOMEBODY,
    TOO_LARGE,
    UNSEEN,
    Target,
    Undone,
    targets,
    verdict,
)
from tests.domain.talk import Talk
from tests.domain.test_history import NOBODY, call, entry, version


def undoing(talk: Talk, first: int) -> list[Target]:
    return targets(history.read(talk.records), first)


def begun(*letters: str, complete: bool = True) -> Talk:
    talk = Talk()
    files = [entry(letter, letter) for letter in letters]
    talk.private(history.WORKSPACE, {"files": files, "complete": complete})
    return talk


def test_a_turn_is_followed_back_to_what_was_there_before_it() -> None:
    talk = begun("a")
    call(talk, entry("a", "b"), entry("new", "n", "created"))
    call(talk, entry("a", "c"), entry("new", None))
    second = {target.path: target for target in undoing(talk, 2)}
    assert (second["a"].left, second["a"].back) == (version("c"), version("b"))
    assert (second["new"].left, second["new"].back) == (None, version("n"))
    both = {target.path: target for target in undoing(talk, 1)}
    assert both["a"].back == version("a") and both["new"].back is None
    assert not any(t.partly or t.foreign or t.unsure for t in (*second.values(), *both.values()))


def test_what_somebody_else_did_in_between_stays() -> None:
    talk = begun("a")
    call(talk, entry("a", "b"))
    talk.private(history.CHANGES, {"changes": [entry("a", "c", **NOBODY)]})
    call(talk, entry("a", "d"))
    (target,) = undoing(talk, 1)
    assert target.back == version("c") and target.partly and not target.foreign
    (target,) = undoing(talk, 2)
    assert target.back == version("c") and not target.partly


def test_the_newest_change_is_somebody_elses() -> None:
    talk = begun("a")
    call(talk, entry("a", "b"))
    talk.private(history.CHANGES, {"changes": [entry("a", "c", **NOBODY)]})
    (target,) = undoing(talk, 1)
    assert target.foreign and target.back == version("c") and target.start == version("a")


def test_what_only_others_changed_is_not_looked_at() -> None:
    talk = begun("a")
    call(talk, entry("b", "b", "created"))
    talk.private(history.CHANGES, {"changes": [entry("a", "c", **NOBODY)]})
    assert [target.path for target in undoing(talk, 1)] == ["b"]


def test_an_undo_is_passed_over() -> None:
    talk = begun("a")
    call(talk, entry("a", "b"))
    call(talk, entry("a", "c"))
    talk.private(history.UNDO, {"changes": [entry("a", "b")], "news": []})
    (again,) = undoing(talk, 2)
    assert (again.left, again.back) == (version("b"), version("b"))
    (further,) = undoing(talk, 1)
    assert (further.left, further.back) == (version("b"), version("a"))
    call(talk, entry("a", "d"))
    (newest,) = undoing(talk, 3)
    assert (newest.left, newest.back) == (version("d"), version("b"))


def test_what_may_have_been_there_unseen_is_not_removed() -> None:
    talk = begun("a", complete=False)
    call(talk, entry("new", "n", "created"))
    (target,) = undoing(talk, 1)
    assert target.back is None and target.unsure
    call(talk, entry("new", "m"))
    (target,) = undoing(talk, 2)
    assert target.back == version("n") and not target.unsure


def target(back: str | None, left: str | None, **more: Any) -> Target:
    versions = [None if letter is None else version(letter) for letter in (left, back, back)]
    return Target("a", *versions, **{"partly": False, "foreign": False, "unsure": False, **more})


LARGE = Version(None, 9, 0o644)


@pytest.mark.parametrize(
    ("goal", "present", "expected"),
    [
        (target("a", "b"), version("b"), ("put", "")),
        (target("a", "b"), version("a"), ("done", "")),
        (target("a", "b"), version("c"), ("conflict", SOMEBODY)),
        (target("a", "b"), None, ("conflict", SOMEBODY)),
        (target("a", "b"), version("b")._replace(mode=0o755), ("conflict", SOMEBODY)),
        (target("a", "b"), LARGE, ("conflict", TOO_LARGE)),
        (target(None, "b"), version("b"), ("put", "")),
        (target(None, "b"), None, ("done", "")),
        (target(None, "b", unsure=True), version("b"), ("failed", UNSEEN)),
        (target("a", None), None, ("put", "")),
        (target("a", "b", foreign=True), version("b"), ("conflict", SOMEBODY)),
        (target("a", "b", foreign=True), version("a"), ("done", "")),
        (replace(target("a", "b"), back=LARGE), version("b"), ("failed", NOT_KEPT)),
    ],
)
def test_what_is_done_about_a_path(goal: Target, present: Version | None, expected: Any) -> None:
    assert verdict(goal, present) == expected


def test_what_came_of_it_is_said() -> None:
    undone = Undone(1)
    undone.put = {"a": (version("a"), version("b")), "new": (None, version("n")), "old": (version("o"), None)}
    undone.partly, undone.done = ["a"], ["same"]
    undone.conflicts, undone.failed = {"mine": SOMEBODY}, {"big": NOT_KEPT}
    assert undone.wire() == {
        "turns": 1,
        "restored": [
            {"path": "a", "kind": "modified", "partly": True},
            {"path": "new", "kind": "deleted", "partly": False},
            {"path": "old", "kind": "created", "partly": False},
        ],
        "unchanged": ["same"],
        "conflicts": [{"path": "mine", "reason": SOMEBODY}],
        "failed": [{"path": "big", "reason": NOT_KEPT}],
    }
    assert undone.news() == (
        "the user undid what your last turn did to files below /workspace. Put back as before: 'a', 'old'. "
        "Removed: 'new'. Left as they are: 'mine', 'big'."
    )
    undone.put = {str(number): (None, version("n")) for number in range(60)}
    assert undone.news().count("'") < 120 and "and 10 more" in undone.news()

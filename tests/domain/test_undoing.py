from __future__ import annotations

from jupyter_agents.domain import history
from jupyter_agents.domain.undoing import Target, targets
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

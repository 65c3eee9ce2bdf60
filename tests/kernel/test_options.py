"""Options: what is right is read, what is wrong is said in one sentence."""

from __future__ import annotations

import pytest

from jupyter_agents.kernel.options import call_parser, define_parser, help_text, split
from jupyter_agents.kernel.problems import AgentError


def test_a_call_with_everything() -> None:
    line = "coder --new --env e --file 'a b.csv' --file c -o run --max-turns 3 --budget 0.5 --expand"
    given = call_parser().parse(line)
    assert given.name == "coder"
    assert given.file == ["a b.csv", "c"]
    assert (given.output, given.max_turns, given.budget, given.expand) == ("run", 3, 50, True)


def test_what_is_sent_and_how_it_is_followed() -> None:
    line = "-i df,x -i y --pickle --max-mb 0.5 --ask bash,write --timeout 2.5 --background --on-ask wait"
    given = call_parser().parse(line)
    assert (given.input, given.pickle, given.max_mb) == (["df", "x", "y"], True, 0.5)
    assert (given.ask, given.timeout, given.background) == (["bash", "write"], 2.5, True)
    again = call_parser().parse("")
    assert (again.input, again.ask, again.timeout, again.max_mb) == ([], None, None, 100)


def test_a_call_without_anything() -> None:
    given = call_parser().parse("")
    assert (given.name, given.file, given.new, given.session) == (None, [], False, None)


def test_a_definition() -> None:
    given = define_parser().parse("coder --system \"You are 'it'.\" --tools bash,read")
    assert (given.name, given.system, given.tools) == ("coder", "You are 'it'.", ("bash", "read"))
    assert define_parser().parse("c --tools none").tools == ()
    assert define_parser().parse("c").tools is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("coder --fil x", "Did you mean --file"),
        ("coder extra", "unrecognized arguments: extra"),
        ("--max-turns 0", "'0' is not a whole number above 0"),
        ("--max-turns 1e9", "'1e9' is not a whole number"),
        ("--budget nothing", "'nothing' is not an amount in dollars"),
        ("--budget -1", "'-1' is not an amount"),
        ("--budget inf", "'inf' is not an amount"),
        ("--budget 0.001", "'0.001' is not an amount"),
        ("-o class", "'class' is not a variable's name"),
        ("-o a.b", "'a.b' is not a variable's name"),
        ("--on-ask maybe", "invalid choice: 'maybe'"),
        ("--file", "expected one argument"),
        ("-i a.b", "'a.b' is not a variable's name"),
        ("-i a,", "'' is not a variable's name"),
        ("--timeout soon", "'soon' is not a number above 0"),
        ("--timeout 0", "'0' is not a number above 0"),
        ("--timeout nan", "'nan' is not a number above 0"),
        ("--timeout -3", "is not a number above 0"),
        ("--max-mb inf", "'inf' is not a number above 0"),
        ("--ask ,", "',' names no tool"),
        ("--backgroud", "Did you mean --background"),
        ("'open", "A quotation mark is not closed"),
    ],
)
def test_a_wrong_option_is_one_sentence(line: str, says: str) -> None:
    with pytest.raises(AgentError) as caught:
        call_parser().parse(line)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["login", "define", "sessions", "", "x" * 300])
def test_names_that_an_agent_cannot_have(name: str) -> None:
    with pytest.raises(AgentError):
        define_parser().parse(f"'{name}'")


def test_split_drops_quotes() -> None:
    assert split("""a "b c" 'd'""") == ["a", "b c", "d"]


def test_every_option_is_in_the_help() -> None:
    text = help_text(call_parser())
    assert all(option in text for option in call_parser().options)

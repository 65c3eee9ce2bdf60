from __future__ import annotations

import pytest

from jupyter_agents.domain.shell import LONGEST, Command, Word, parse


def words(line: str) -> list[list[str | None]]:
    return [[word.text for word in command.words] for command in parse(line).commands]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ls -l", [["ls", "-l"]]),
        ("r''m \"-r\"f 'a b' a\\ b", [["rm", "-rf", "a b", "a b"]]),
        ('echo "a\\"b" "a\\nb"', [["echo", 'a"b', "a\\nb"]]),
        ("$'rm' $'\\x72'", [["rm", None]]),
        ('echo $x "$x" ${x} a{b,c} $', [["echo", None, None, None, None, None]]),
        ("a | b && c; d\ne", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("a $(b `c`)", [["a", None], ["b", None], ["c"]]),
        ("if a; then b; fi; (c); { d; }", [["a"], ["b"], ["c"], ["d"]]),
        ("> log rm x", [["rm", "x"]]),
        ("rm > log x y", [["rm", "x", "y"]]),
        ("rm 2>&1 x", [["rm", "x"]]),
        ("cat <<E x\nbody\nE", [["cat", "x"]]),
        ("cat <<< a b", [["cat", "b"]]),
        ("echo a # b", [["echo", "a"]]),
    ],
)
def test_every_command_with_its_words(line: str, expected: list[list[str | None]]) -> None:
    assert words(line) == expected


def test_patterns_are_those_outside_quotes() -> None:
    (command,) = parse("ls *.py '*' \\* a?").commands
    assert [word.pattern for word in command.words] == [False, True, False, False, True]


def test_what_is_read_and_written() -> None:
    script = parse("a < in > out 2>> log &> both 2>&1 >&2 >&file <&3")
    assert [word.text for word in script.reads] == ["in"]
    assert [word.text for word in script.writes] == ["out", "log", "both", "file"]


def test_variables_that_are_set() -> None:
    first, second, third = parse("A=1 ls; B=$x; export C=2").commands
    assert first == Command((Word("ls"),), (("A", Word("1")),))
    assert second == Command((), (("B", Word(None)),))
    assert third == Command((), (("C", Word("2")),))


@pytest.mark.parametrize(
    "line",
    [
        "ls 'open",
        "f() { ls; }",
        "((x=1))",
        "echo $((x))",
        "echo ${x@P}",
        "echo ${x:-$(ls)}",
        "a[1]=2",
        "diff <(ls) x",
        "[[ $x -eq 1 ]]",
        "[ -v x ]",
        "declare -n a=b",
        "cat <<E\n$x\nE",
        "cat <<A <<B\nA\nB",
        "ls\x00",
        "a" * (LONGEST + 1),
        "a;" * 400,
        "a " * 2000,
    ],
)
def test_what_is_not_clear(line: str) -> None:
    assert not parse(line).clear


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ls",
        "[ -f x ] && ls",
        "for i in a; do echo $i; done",
        "cat <<'E'\n$x\nE",
        'echo "$x ${y}"',
        "x=$(ls)",
    ],
)
def test_what_is_clear(line: str) -> None:
    assert parse(line).clear


def test_jobs_that_stay() -> None:
    assert parse("sleep 9 &").background and not parse("a && b").background

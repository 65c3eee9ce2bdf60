from __future__ import annotations

import pytest

from jupyter_agents.domain import options
from jupyter_agents.domain.ruling import Ruling
from jupyter_agents.domain.shell import Word

ALLOW, ASK, DENY = Ruling.ALLOW, Ruling.ASK, Ruling.DENY


def words(line: str) -> list[Word]:
    return [Word(word) for word in line.split(" ")]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a", ["a"]),
        ("--file=/x", ["/x"]),
        ("-f/etc/x", ["/etc/x"]),
        ("-n", []),
        ("of=/dev/x", ["of=/dev/x", "/dev/x"]),
        ("HEAD:.env", ["HEAD:.env", ".env"]),
        ("@.netrc", [".netrc", "@.netrc"]),
    ],
)
def test_what_could_be_a_path(word: str, expected: list[str]) -> None:
    assert list(options.paths(word)) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sort -k2 a", False),
        ("sort -uo a b", True),
        ("sort --ou=a b", True),
        ("uniq a", False),
        ("uniq a b", True),
        ("tar czf a b", False),
        ("tar", True),
        ("tar xf a", True),
        ("tar cf a --to-command=x", True),
        ("cat --anything", False),
    ],
)
def test_options_that_do_more(line: str, expected: bool) -> None:
    name, *rest = line.split(" ")
    assert options.risky(name, rest) is expected


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("sed", "s/a/b/g x", ALLOW),
        ("sed", "-n 2,5p x", ALLOW),
        ("sed", "-i s/a/b/ .bashrc", DENY),
        ("sed", "s/a/b/w x", ASK),
        ("sed", "-f x y", ASK),
        ("sed", "s/a/b/ x -i", ASK),
        ("sed", "-f /etc/shadow", DENY),
        ("awk", "{print} x", ALLOW),
        ("awk", "-F, {print} x", ALLOW),
        ("awk", '{print>"x"}', ASK),
        ("awk", "-v", ASK),
    ],
)
def test_scripts(name: str, line: str, expected: Ruling) -> None:
    assert options.script(name, words(line)) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("+x a", ALLOW),
        ("u+rwx a b", ALLOW),
        ("644 a", ALLOW),
        ("0755 a", ALLOW),
        ("-R 644 a", ASK),
        ("666 a", ASK),
        ("-R 666 a", DENY),
        ("o+w /etc/x", DENY),
        ("+w -R a", DENY),
        ("2755 a", DENY),
        ("u+s a", DENY),
        ("u+x,o+w /etc/a", DENY),
        ("+x", ASK),
    ],
)
def test_modes(line: str, expected: Ruling) -> None:
    assert options.mode(words(line)) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("status", ALLOW),
        ("commit -m x", ALLOW),
        ("-C x status", ASK),
        ("push", ASK),
        ("diff --no-ind a b", ASK),
        ("commit -c HEAD", ASK),
        ("", ASK),
    ],
)
def test_git(line: str, expected: Ruling) -> None:
    assert options.git(words(line)) is expected


def test_find_starts_where_its_first_words_say() -> None:
    assert [word.text for word in options.roots(words("a b -name c"))] == ["a", "b"]
    assert options.find(words(". -name x -print")) is ALLOW
    assert options.find(words(". -fls x")) is ASK

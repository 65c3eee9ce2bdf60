from __future__ import annotations

import pytest

from jupyter_agents.domain.programs import judge, name_of
from jupyter_agents.domain.ruling import Ruling
from jupyter_agents.domain.shell import Command, Word

ALLOW, ASK, DENY = Ruling.ALLOW, Ruling.ASK, Ruling.DENY


def command(*words: str | None) -> Command:
    return Command(tuple(Word(word) for word in words))


def ruling(*words: str | None) -> Ruling:
    return judge(command(*words), lambda line: DENY if "rm" in line else ALLOW)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("echo", None), ALLOW),
        (("cat", None), ASK),
        ((None, "x"), ASK),
        (("/bin/cat", "x"), ALLOW),
        (("./cat", "x"), ASK),
        (("cp", "a", ".bashrc"), DENY),
        (("cp", ".bashrc", "a"), ALLOW),
        (("cp", "-t", ".git", "a"), DENY),
        (("mv", "/workspace", "x"), DENY),
        (("bash", "-c", "ls x"), ALLOW),
        (("bash", "-c", "rm x"), DENY),
        (("bash", "-c", "ls x", "more"), ASK),
        (("watch", "rm x"), DENY),
        (("env", "A=1", "rm", "-rf", "/"), DENY),
        (("time", "ls"), ALLOW),
        (("timeout", "5s", "ls"), ALLOW),
        (("timeout", "x", "ls"), ASK),
        (("stdbuf", "-oL", "ls"), ALLOW),
        (("python", "-u", "a.py"), ALLOW),
        (("python",), ASK),
        (("python", "-c", "x"), ASK),
        (("python", "/usr/a.py"), ASK),
        (("python", "a.py", "/etc/shadow"), DENY),
        (("grep", "/api", "a"), ALLOW),
        (("grep", "-e", "x", ".ssh/id_rsa"), DENY),
        (("mkfs.ext4", "x"), DENY),
        (("pip", "freeze"), ALLOW),
        (("pip", "download", "x"), ASK),
    ],
)
def test_one_command(words: tuple[str | None, ...], expected: Ruling) -> None:
    assert ruling(*words) is expected


@pytest.mark.parametrize(
    ("name", "expected"), [("x", ALLOW), ("TZ", ALLOW), ("PATH", ASK), ("http_proxy", ASK), ("", ASK)]
)
def test_variables(name: str, expected: Ruling) -> None:
    assert judge(Command((), ((name, Word("1")),)), lambda line: ALLOW) is expected


def test_the_name_has_no_folder() -> None:
    assert name_of(command("/usr/bin/rm", "x")) == "rm"
    assert name_of(command(None)) == name_of(Command(())) == ""

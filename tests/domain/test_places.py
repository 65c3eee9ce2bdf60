from __future__ import annotations

import pytest

from jupyter_agents.domain.places import deleting, plain, reading, writing
from jupyter_agents.domain.ruling import Ruling

ALLOW, ASK, DENY = Ruling.ALLOW, Ruling.ASK, Ruling.DENY


@pytest.mark.parametrize(
    ("path", "read", "write"),
    [
        ("a.txt", ALLOW, ALLOW),
        ("", ALLOW, ALLOW),
        (".", ALLOW, ALLOW),
        ("/workspace", ALLOW, ALLOW),
        ("/workspaces/a", ASK, ASK),
        ("/workspace/a/b.txt", ALLOW, ALLOW),
        ("//workspace//a", ALLOW, ALLOW),
        ("/tmp/a", ALLOW, ALLOW),
        ("/mnt/session/uploads/a", ALLOW, ASK),
        ("/usr/lib/python3/x.py", ALLOW, DENY),
        ("/etc/hosts", ASK, DENY),
        ("/var/lib/x", ASK, ASK),
        ("/", ASK, ASK),
        ("~", ASK, DENY),
        ("~other/x", ASK, DENY),
        ("..", ASK, ASK),
        ("a/../b", ASK, ASK),
        ("/workspace/a/../b", ASK, ASK),
        ("/workspace/../etc/x", ASK, DENY),
        ("/dev/null", ALLOW, ALLOW),
        ("/dev/sda", ASK, DENY),
        (".env", ASK, ASK),
        (".env.local", ASK, ASK),
        (".env.example", ALLOW, ASK),
        ("a.PEM", ASK, ASK),
        ("api_key.txt", ASK, ASK),
        ("tokenizer.json", ALLOW, ALLOW),
        (".SSH/config", DENY, DENY),
        ("x/id_rsa", DENY, DENY),
        (".git/config", ALLOW, DENY),
        (".github/workflows/x.yml", ALLOW, ASK),
        (".bashrc", ALLOW, DENY),
        (".gitignore", ALLOW, ALLOW),
        ("a.ipynb", ALLOW, ASK),
        ("a\nb", ASK, ASK),
        ("a\u202eb", ASK, ASK),
        ("x" * 5000, ASK, ASK),
    ],
)
def test_reading_and_writing(path: str, read: Ruling, write: Ruling) -> None:
    assert (reading(path), writing(path)) == (read, write)


@pytest.mark.parametrize(
    ("path", "once", "recursively"),
    [
        ("a", ALLOW, ALLOW),
        ("/tmp/a", ALLOW, ALLOW),
        ("/workspace", ASK, DENY),
        ("./", ASK, DENY),
        ("/", ASK, DENY),
        ("/etc/x", DENY, DENY),
        ("/var/x", ASK, DENY),
        ("*", ASK, DENY),
        ("*.pyc", ALLOW, ASK),
        ("build/*", ASK, ASK),
        (".git", DENY, DENY),
        ("../x", ASK, ASK),
    ],
)
def test_deleting(path: str, once: Ruling, recursively: Ruling) -> None:
    pattern = "*" in path
    assert deleting(path, recursive=False, pattern=pattern) is once
    assert deleting(path, recursive=True, pattern=pattern) is recursively


@pytest.mark.parametrize(
    ("pattern", "ruling"),
    [
        ("*.csv", ALLOW),
        ("*", ASK),
        (".e*", ASK),
        (".[a-z]*", ASK),
        ("c*.json", ASK),
        ("id_*", ASK),
        ("data*", ALLOW),
    ],
)
def test_a_pattern_that_may_match_a_secret_is_asked(pattern: str, ruling: Ruling) -> None:
    assert reading(pattern, pattern=True) is ruling


def test_text_that_shows() -> None:
    assert all(map(plain, ["", "a b\n\tc", "Résumé", "東京"]))
    assert not any(
        map(plain, ["\0", "\r", "\x1b", "\u00a0", "\u200b", "\u202e", "\u2028", "\ud800", "\ue000"])
    )

"""What the `auto` policy says about one command: which program it is, and what it is told to do.

A program that is not listed is asked about. So is every word that only the shell knows, except where no
word can do harm. Source: docs/permissions.md.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence

from jupyter_agents.domain import options
from jupyter_agents.domain.classes import (
    DELETE,
    EDIT,
    FIND,
    GIT,
    HARMLESS,
    MODE,
    MOVE,
    POWER,
    READ,
    RUN,
    SHELL,
    WRAP,
    WRITE,
)
from jupyter_agents.domain.places import deleting, reading, writing
from jupyter_agents.domain.ruling import Ruling, heaviest
from jupyter_agents.domain.shell import Command, Word

ALLOW, ASK, DENY = Ruling.ALLOW, Ruling.ASK, Ruling.DENY
Nested = Callable[[str], Ruling]
"""The ruling over a command line inside a word."""


RECURSIVE = WRAP.names | SHELL.names | FIND.names
"""Programs that run others. One inside another's words adds nothing: every word is looked at anyway."""

FOLDERS = ("/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin")
VARIABLES = options.words(
    "PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONHASHSEED MPLBACKEND LANG LC_ALL TZ OMP_NUM_THREADS "
    "CUDA_VISIBLE_DEVICES DEBUG CI"
)
MODULES = options.words(
    "pytest unittest doctest json.tool py_compile compileall ruff black isort flake8 mypy"
)
SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
DURATION = re.compile(r"[0-9.]+[smhd]?")


def name_of(command: Command) -> str:
    """The program's name without its folder, or "" where only the shell knows it."""
    return posixpath.basename(command.words[0].text or "") if command.words else ""


def judge(command: Command, nested: Nested) -> Ruling:
    """The ruling over one command; its redirects are judged elsewhere."""
    ruling = heaviest(_variable(name, value) for name, value in command.sets)
    if not command.words:
        return ruling
    full = command.words[0].text
    name = name_of(command)
    args = command.words[1:]
    known = full is not None and not command.words[0].pattern and posixpath.dirname(full) in ("", *FOLDERS)
    ruling = max(ruling, ALLOW if known else ASK)
    if name in POWER.names or name.startswith("mkfs."):
        return DENY
    if name in WRAP.names or name in SHELL.names:
        return max(ruling, _wrapped(name, args, nested))
    return max(ruling, _ordinary(name, args, nested))


def _variable(name: str, value: Word) -> Ruling:
    """Lower-case names mean nothing to programs, but for the proxies."""
    own = re.fullmatch(r"[a-z_][a-z0-9_]*", name) and not name.endswith("_proxy")
    return ALLOW if name in VARIABLES or own else ASK


def _ordinary(name: str, args: Sequence[Word], nested: Nested) -> Ruling:
    if name in HARMLESS.names:
        return ASK if name == "printf" and args and (args[0].text or "-v").startswith("-") else ALLOW
    if name in READ.names:
        return max(_unsafe(name, args), _reads(_files(name, args)))
    if name in EDIT.names:
        return options.script(name, args)
    if name in WRITE.names:
        return max(_unsafe(name, args), _writes(name, args))
    if name in DELETE.names:
        return _deletes(args)
    if name in MODE.names:
        return options.mode(args)
    if name in FIND.names:
        return _find(args, nested)
    if name in GIT.names:
        return max(options.git(args), _reads(args))
    if name in RUN.names or re.fullmatch(r"python3\.\d+", name):
        return _run(name, args)
    if name in MOVE.names:
        plain = len(args) == 1 and not args[0].pattern and not (args[0].text or "-").startswith("-")
        return max(_reads(args), _inside(args), ALLOW if plain else ASK)
    if name in ("pip", "pip3") and args and args[0].text in ("list", "show", "freeze", "check"):
        plain = all(not (word.text or "-").startswith("-") for word in args)
        return max(_reads(args), ALLOW if plain else ASK)
    if name == "set":
        return (
            ALLOW if args and all(re.fullmatch(r"[-+][eux]*o?|pipefail", a.text or "") for a in args) else ASK
        )
    return max(ASK, _secret(args))


def _secret(args: Sequence[Word]) -> Ruling:
    """Whether a program that is asked about anyway names what must not leave."""
    return DENY if any(_reads_word(word) is DENY for word in args) else ASK


def _unsafe(name: str, args: Sequence[Word]) -> Ruling:
    texts = [word.text for word in args if word.text is not None]
    return ASK if options.risky(name, texts) else ALLOW


def _files(name: str, args: Sequence[Word]) -> Sequence[Word]:
    """`args` without the pattern of a search."""
    if name not in ("grep", "egrep", "fgrep", "rg", "jq"):
        return args
    texts = [word.text or "" for word in args]
    if any(re.match(r"-\w*[ef]|--(e|f|reg)", text) for text in texts):
        return args
    first = next((i for i, text in enumerate(texts) if not text.startswith("-")), None)
    return args if first is None or args[first].text is None else [*args[:first], *args[first + 1 :]]


def _reads(args: Sequence[Word]) -> Ruling:
    return heaviest(_reads_word(word) for word in args)


def _reads_word(word: Word) -> Ruling:
    if word.text is None:
        return ASK
    return heaviest(reading(path, pattern=word.pattern) for path in options.paths(word.text))


def _written(word: Word) -> Ruling:
    if word.text is None:
        return ASK
    return heaviest(writing(path, pattern=word.pattern) for path in options.paths(word.text))


def _inside(args: Sequence[Word]) -> Ruling:
    return ALLOW if all(w.text is not None and writing(w.text) is ALLOW for w in args) else ASK


def _writes(name: str, args: Sequence[Word]) -> Ruling:
    texts = [word.text or "-" for word in args]
    ruling = ALLOW
    if name == "mv":
        plain = [word for word in args if not (word.text or "").startswith("-")]
        ruling = heaviest(_deleted(word, recursive=True) for word in plain[:-1])
    if name == "cp" and not any(t.startswith(("-t", "--t")) for t in texts) and len(args) > 1:
        return max(_reads(args[:-1]), _written(args[-1]))
    return max(ruling, heaviest(_written(word) for word in args))


def _deletes(args: Sequence[Word]) -> Ruling:
    texts = [word.text or "" for word in args]
    recursive = any(re.match(r"-[a-zA-Z]*[rR]|--r", text) for text in texts)
    return heaviest(_deleted(word, recursive=recursive) for word in args if not _is_flag(word))


def _is_flag(word: Word) -> bool:
    return (
        word.text is not None
        and re.fullmatch(r"-[rRfvdi]+|--(recursive|force|verbose|dir)?", word.text) is not None
    )


def _deleted(word: Word, *, recursive: bool) -> Ruling:
    if word.text is None or word.text.startswith("-"):
        return ASK
    return deleting(word.text, recursive=recursive, pattern=word.pattern)


def _find(args: Sequence[Word], nested: Nested) -> Ruling:
    texts = [word.text for word in args]
    ruling = _reads(options.roots(args))
    for place, text in enumerate(texts):
        if text in ("-exec", "-execdir", "-ok", "-okdir"):
            ruling = max(ruling, ASK, _suffix(args[place + 1 :], nested))
    if "-delete" in texts:
        named = any(text in ("-name", "-iname", "-path") for text in texts)
        gone = heaviest(_deleted(word, recursive=not named) for word in options.roots(args) or [Word(".")])
        ruling = max(ruling, ASK, gone)
    return max(ruling, options.find(args))


def _run(name: str, args: Sequence[Word]) -> Ruling:
    if name in MODULES:
        return max(_unsafe(name, args), _reads(args))
    rest = list(args)
    while rest and rest[0].text in ("-u", "-B", "-O", "-OO", "-s", "-E", "-I"):
        rest.pop(0)
    if not rest or rest[0].text is None or rest[0].pattern:
        return ASK
    first = rest[0].text
    if first in ("--version", "-V") and len(rest) == 1:
        return ALLOW
    if first == "-m" and name.startswith("python") and len(rest) > 1:
        return max(ALLOW if rest[1].text in MODULES else ASK, _reads(rest[2:]))
    if first.startswith("-"):
        return max(ASK, _secret(rest))
    return max(_inside(rest[:1]), _reads(rest[1:]))


def _wrapped(name: str, args: Sequence[Word], nested: Nested) -> Ruling:
    inner = _suffix(args, nested)
    if inner is DENY:
        return DENY
    texts = [word.text for word in args]
    if name in ("bash", "sh") and len(args) == 2 and texts[0] in ("-c", "-lc") and texts[1] is not None:
        return nested(texts[1])
    skip = {"time": 0, "command": 0, "nice": 0, "timeout": 1, "stdbuf": 1}.get(name)
    if skip is None or len(args) <= skip or (texts[skip] or "-").startswith("-"):
        return ASK
    if name == "timeout" and not DURATION.fullmatch(texts[0] or ""):
        return ASK
    if name == "stdbuf" and not re.fullmatch(r"-[ioe][L0]", texts[0] or ""):
        return ASK
    return judge(Command(tuple(args[skip:])), nested)


def _suffix(args: Sequence[Word], nested: Nested) -> Ruling:
    """Whether anything that begins at any word, or stands in one, is denied: options need no knowledge."""
    for place, word in enumerate(args[: options.MOST_ARGUMENTS]):
        if word.text is None:
            continue
        if re.search(r"\s", word.text) and nested(word.text) is DENY:
            return DENY
        command = Command(tuple(args[place:]))
        if SETTING.fullmatch(word.text) or word.text.startswith("-") or name_of(command) in RECURSIVE:
            continue
        if judge(command, nested) is DENY:
            return DENY
    return ASK

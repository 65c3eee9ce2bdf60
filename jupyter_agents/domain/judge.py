"""The judge of the `auto` policy: a table of rules over a call's tool, paths and commands.

Pure. The sandbox is the wall; this is the second one, and it errs towards asking.
Source: spec sections 4.3 and 22 ("auto locally = rule-based judge"), docs/permissions.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from jupyter_agents.domain import classes, programs
from jupyter_agents.domain.places import reading, writing
from jupyter_agents.domain.ruling import Ruling, heaviest
from jupyter_agents.domain.shell import Command, Script, Word, parse

Doc = Mapping[str, Any]

DEEPEST = 3
FETCHES = classes.NETWORK.names | classes.DECODE.names
INTERPRETERS = frozenset({"python", "python3", "node", "Rscript", "julia"})
PUBLIC_HOST = re.compile(r"(?=.*[a-z])([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
LOCAL = (
    ".local",
    ".localhost",
    ".internal",
    ".lan",
    ".home",
    ".arpa",
    ".test",
    ".invalid",
    ".example",
    ".onion",
)

TOOLS = (
    ("read", "`file_path` may be read", "allow", "ask, or deny for credentials"),
    (
        "write, edit",
        "`file_path` may be written",
        "allow",
        "ask, or deny for places that others run or trust",
    ),
    ("glob, grep", "`path` may be read", "allow", "ask, or deny for credentials"),
    ("bash", "every command, redirect and path in `command`, as below", "allow", "ask or deny"),
    ("web_fetch", "`url` is http(s), on a public host, and stands in a message of the user", "allow", "ask"),
    ("web_search", "the whole `query` stands in a message of the user", "allow", "ask"),
    ("MCP tools, others", "no rule", "", "ask"),
)
"""Tool, condition, ruling where it holds, ruling where not: the table of docs/permissions.md."""


def judge(tool: str, given: Doc, said: Iterable[str] = (), *, server: str | None = None) -> Ruling:
    """The ruling over one call.

    Parameters
    ----------
    tool, given:
        The tool's name and input, as the model wrote it.
    said:
        The texts of the client's user messages: nothing else counts as what the user wants.
    server:
        The MCP server that has the tool; None for a built-in one.
    """
    if server is not None:
        return Ruling.ASK
    match tool:
        case "bash":
            return _bash(given)
        case "read":
            return _path(given.get("file_path"), reading)
        case "write" | "edit":
            return _path(given.get("file_path"), writing)
        case "glob" | "grep":
            pattern = reading(given["pattern"]) if tool == "glob" and _absolute(given) else Ruling.ALLOW
            return max(pattern, _path(given.get("path", "."), reading))
        case "web_fetch":
            return _fetch(given.get("url"), said)
        case "web_search":
            query = given.get("query")
            wanted = isinstance(query, str) and query.strip() and any(query.strip() in text for text in said)
            return Ruling.ALLOW if wanted else Ruling.ASK
        case _:
            return Ruling.ASK


def _path(path: object, rule: Any) -> Ruling:
    return rule(path) if isinstance(path, str) else Ruling.ASK


def _absolute(given: Doc) -> bool:
    pattern = given.get("pattern")
    return isinstance(pattern, str) and (pattern.startswith(("/", "~")) or ".." in pattern)


def _bash(given: Doc) -> Ruling:
    command = given.get("command")
    if isinstance(command, str):
        return command_line(command)
    return Ruling.ALLOW if command is None and given.get("restart") is True else Ruling.ASK


def command_line(line: str, depth: int = 0) -> Ruling:
    """The ruling over one command line of bash."""
    if depth > DEEPEST:
        return Ruling.ASK
    script = parse(line)
    names = {name for command in script.commands for name in _names(command)}
    parts = [
        Ruling.ALLOW if script.clear and not script.background else Ruling.ASK,
        *(
            programs.judge(command, lambda inner: command_line(inner, depth + 1))
            for command in script.commands
        ),
        *(_target(word, reading) for word in script.reads),
        *(_target(word, writing) for word in script.writes),
    ]
    if names & FETCHES and any(_runs_unseen(command) for command in script.commands):
        parts.append(Ruling.DENY)
    if names & classes.RUN.names and _runs_new(script):
        parts.append(Ruling.ASK)
    if any(
        "/dev/tcp/" in (w.text or "") or "/dev/udp/" in (w.text or "")
        for w in (*script.reads, *script.writes)
    ):
        parts.append(Ruling.DENY)
    return heaviest(parts)


def _target(word: Word, rule: Any) -> Ruling:
    return Ruling.ASK if word.text is None else rule(word.text, pattern=word.pattern)


def _names(command: Command) -> set[str]:
    """The program, and for one that runs another every word that may be its name."""
    name = programs.name_of(command)
    if name not in classes.WRAP.names:
        return {name}
    return {name, *(programs.name_of(Command((word,))) for word in command.words[1:])}


def _runs_unseen(command: Command) -> bool:
    """Whether a shell or an interpreter takes its code from where nobody can look."""
    for place, word in enumerate(command.words):
        name = programs.name_of(Command((word,)))
        if place and name not in _names(command):
            continue
        texts = [word.text for word in command.words[place + 1 :]]
        if name in classes.SHELL.names:
            return not (len(texts) == 2 and texts[0] == "-c" and texts[1] is not None)
        if name in INTERPRETERS and (not texts or texts[0] in (None, "-", "/dev/stdin") or None in texts[:2]):
            return True
    return False


def _runs_new(script: Script) -> bool:
    """Whether what is run may have been written by the same command line, so that nobody saw it."""
    runs = [c for c in script.commands if _names(c) & classes.RUN.names]
    writers = [c for c in script.commands if programs.name_of(c) in classes.WRITE.names | classes.EDIT.names]
    written = [*script.writes, *(word for command in writers for word in command.words[1:])]
    made = {_base(word) for word in written if word.text != "/dev/null"}
    used = {_base(word) for command in runs for word in command.words}
    modules = any(_base(w) in programs.MODULES for c in runs for w in c.words) and bool(
        writers or script.writes
    )
    return bool(made & used) or any(word.pattern or word.text is None for word in written) or modules


def _base(word: Word) -> str:
    return (word.text or "").rpartition("/")[2]


def _fetch(url: object, said: Iterable[str]) -> Ruling:
    if not isinstance(url, str) or not 0 < len(url) <= 2048 or not url.isascii() or re.search(r"[\s\\]", url):
        return Ruling.ASK
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return Ruling.ASK
    public = PUBLIC_HOST.fullmatch(host) and not host.endswith(LOCAL)
    plain = parts.scheme in ("http", "https") and parts.username is None and port in (None, 80, 443)
    ends = r"(?![^\s<>()\[\]\"'`,;])"
    wanted = any(re.search(rf"(?<![^\s<>()\[\]\"'`]){re.escape(url)}[.!?:]?{ends}", text) for text in said)
    return Ruling.ALLOW if public and plain and wanted else Ruling.ASK

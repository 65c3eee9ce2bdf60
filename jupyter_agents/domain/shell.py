"""A shell command line, taken apart: the commands in it, what they read and write, what stays unseen.

It takes some milliseconds at most: a line that is too long or too intricate is not looked into. The parser
is tree-sitter's grammar of bash. Where grammar and shell could differ, the line is called unclear.
Source: docs/permissions.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from jupyter_agents.domain.places import plain

LONGEST = 20_000
MOST_NODES = 600
MOST_SIGNS = 300

BASH = Language(tree_sitter_bash.language())

TEXTS = frozenset({"word", "number", "string", "raw_string", "ansi_c_string", "concatenation"})
CLEAR = TEXTS | {
    "program",
    "command",
    "command_name",
    "string_content",
    "variable_assignment",
    "variable_name",
    "special_variable_name",
    "pipeline",
    "list",
    "redirected_statement",
    "file_redirect",
    "file_descriptor",
    "heredoc_redirect",
    "heredoc_start",
    "heredoc_body",
    "heredoc_content",
    "heredoc_end",
    "herestring_redirect",
    "simple_expansion",
    "command_substitution",
    "subshell",
    "compound_statement",
    "if_statement",
    "elif_clause",
    "else_clause",
    "for_statement",
    "do_group",
    "while_statement",
    "case_statement",
    "case_item",
    "negated_command",
    "test_command",
    "unary_expression",
    "binary_expression",
    "test_operator",
    "declaration_command",
    "comment",
}
"""Parts of the grammar that hide nothing. All others (functions, arithmetic, ``${x@P}`` ...) are unclear."""

REDIRECTS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
TESTS = frozenset(("-f", "-d", "-e", "-s", "-r", "-w", "-x", "-n", "-z", "-L", "-h", "-nt", "-ot"))
GAP = re.compile(rb"(?:[ \t\n]|\\\n)*")
BROKEN = re.compile(r"(?<![ \t])\\\n")
UNBROKEN = frozenset({"word", "number", "variable_name", "file_descriptor", "heredoc_start", "test_operator"})
NO_GAP = re.compile(rb"")
TIGHT = frozenset({"variable_assignment", "concatenation", "simple_expansion"})
PLAIN_EXPANSION = re.compile(rb"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


@dataclass(frozen=True)
class Word:
    """One word of a command. text: None where only the shell knows it. pattern: whether it has wildcards."""

    text: str | None
    pattern: bool = False


@dataclass(frozen=True)
class Command:
    """A simple command: its words and the variables that it sets."""

    words: tuple[Word, ...]
    sets: tuple[tuple[str, Word], ...] = ()


@dataclass
class Script:
    """A command line. clear: whether everything in it is seen. background: whether it leaves jobs behind."""

    commands: list[Command] = field(default_factory=list)
    reads: list[Word] = field(default_factory=list)
    writes: list[Word] = field(default_factory=list)
    clear: bool = True
    background: bool = False


def parse(line: str) -> Script:
    """`line` taken apart. Never fails: what cannot be read is not `clear`."""
    script = Script()
    signs = sum(line.count(sign) for sign in "|;&$`<>")
    if len(line) > LONGEST or signs > MOST_SIGNS or not plain(line):
        return Script(clear=False)
    root = Parser(BASH).parse(line.encode()).root_node
    if root.descendant_count > MOST_NODES:
        return Script(clear=False)
    nodes = list(_walk(root))
    heredocs = sum(node.type == "heredoc_start" for node in nodes)
    script.clear = not root.has_error and _covered(root) and heredocs < 2 and not BROKEN.search(line)
    for node in nodes:
        _take(script, node)
    return script


def _walk(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.children)


def _take(script: Script, node: Node) -> None:
    kind = node.type
    if not node.is_named:
        if kind == "&":
            script.background = True
        if kind in ("((", "<(", ">(", "coproc", "function"):
            script.clear = False
        return
    if kind not in CLEAR and not (kind == "expansion" and PLAIN_EXPANSION.fullmatch(_raw(node).strip())):
        script.clear = False
    if kind in UNBROKEN and "\n" in _text(node):
        script.clear = False
    match kind:
        case "command":
            script.commands.append(_command(node))
        case "declaration_command":
            script.clear &= node.children[0].type in ("export", "declare", "local", "readonly")
            names = {child.type for child in node.named_children}
            script.clear &= names == {"variable_assignment"}
            script.commands.append(Command((), _assignments(node)))
        case "variable_assignment" if node.parent is not None and _stands_alone(node.parent):
            script.commands.append(Command((), _pairs([node])))
        case "for_statement":
            variable = node.child_by_field_name("variable")
            name = "" if variable is None else _text(variable)
            script.commands.append(Command((), ((name, Word(None)),)))
        case "test_operator":
            script.clear &= _text(node) in TESTS
        case "redirected_statement" if node.children[0].type != "command":
            lost = [_word(word) for redirect in _redirects(node) for word in _swallowed(redirect)]
            script.clear &= not lost
            if lost:
                script.commands.append(Command(tuple(lost)))
        case "file_redirect":
            _redirect(script, node)
        case "heredoc_body":
            script.clear &= node.parent is not None and _plain_heredoc(node.parent, _text(node))
        case "comment":
            inside = node.parent is not None and node.parent.type == "command"
            script.clear &= not (inside or _text(node).endswith("\\"))
        case "string_content":
            script.clear &= not _dollar(_text(node))


def _stands_alone(parent: Node) -> bool:
    return parent.type not in ("command", "declaration_command")


def _redirect(script: Script, node: Node) -> None:
    targets = _targets(node)
    signs = [child.type for child in node.children if not child.is_named]
    if not targets or not signs:
        script.clear &= bool(signs) and signs[0].endswith("&-")
    elif not (signs[0] in (">&", "<&") and (_word(targets[0]).text or "x").rstrip("-").isdigit()):
        (script.reads if signs[0] == "<" else script.writes).append(_word(targets[0]))


def _targets(redirect: Node) -> list[Node]:
    return [child for child in redirect.named_children if child.type != "file_descriptor"]


def _command(node: Node) -> Command:
    found = [child for child in node.children if child.type not in REDIRECTS]
    words = [child for child in found if child.type != "variable_assignment"]
    extra = [word for redirect in _redirects(node) for word in _swallowed(redirect)]
    return Command(tuple(_word(word) for word in (*words, *extra)), _assignments(node))


def _redirects(node: Node) -> Iterator[Node]:
    """The redirects of a command; its parent has those behind it."""
    parent = node.parent
    behind = parent.children if parent is not None and parent.type == "redirected_statement" else []
    for child in (*node.children, *behind):
        if child.type in REDIRECTS:
            yield child
            yield from (inner for inner in child.children if inner.type in REDIRECTS)


def _swallowed(redirect: Node) -> list[Node]:
    """Words of the command that the grammar counts to a redirect in front of them."""
    if redirect.type == "file_redirect":
        return _targets(redirect)[1:]
    known = (
        "heredoc_start",
        "heredoc_body",
        "heredoc_end",
        "file_descriptor",
        "pipeline",
        "list",
        *REDIRECTS,
    )
    words = [child for child in redirect.named_children if child.type not in known]
    return words[1:] if redirect.type == "herestring_redirect" else words


def _assignments(node: Node) -> tuple[tuple[str, Word], ...]:
    return _pairs([child for child in node.children if child.type == "variable_assignment"])


def _pairs(nodes: list[Node]) -> tuple[tuple[str, Word], ...]:
    pairs = []
    for node in nodes:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        pairs.append(("" if name is None else _text(name), Word("") if value is None else _word(value)))
    return tuple(pairs)


def _word(node: Node) -> Word:
    raw = _text(node)
    match node.type:
        case "command_name":
            return _word(node.children[0]) if len(node.children) == 1 else Word(None)
        case "word":
            bare = re.sub(r"\\(.)", "", raw, flags=re.DOTALL)
            if any(mark in bare for mark in "{}`$"):
                return Word(None)
            return Word(re.sub(r"\\(\n?)(.?)", r"\2", raw), any(mark in bare for mark in "*?["))
        case "number":
            return Word(raw)
        case "raw_string":
            return Word(raw[1:-1])
        case "string":
            if any(child.type != "string_content" for child in node.named_children) or _dollar(raw):
                return Word(None)
            return Word(re.sub(r"\\([\\\"`$])", r"\1", raw[1:-1].replace("\\\n", "")))
        case "ansi_c_string":
            return Word(None if "\\" in raw else raw[2:-1])
        case "concatenation":
            parts = [_word(child) for child in node.children]
            if any(part.text is None for part in parts) or not _covered(node):
                return Word(None)
            return Word("".join(part.text or "" for part in parts), any(part.pattern for part in parts))
        case _:
            return Word(None)


def _dollar(raw: str) -> bool:
    """Whether something in double quotes is left for the shell to fill in."""
    return re.search(r"[$`]", re.sub(r"\\.", "", raw, flags=re.DOTALL)) is not None


def _plain_heredoc(redirect: Node, body: str) -> bool:
    """Whether the shell takes the body as it is, and ends it where the grammar does."""
    start = "".join(_text(child) for child in redirect.children if child.type == "heredoc_start")
    end = re.sub(r"['\"\\]", "", start)
    literal = start != end or not re.search(r"[$`\\]", body)
    return literal and all(line.strip() != end for line in body.split("\n"))


def _covered(node: Node) -> bool:
    """Whether the tree leaves out nothing but blanks: what a parser skips, a shell may run."""
    source = _raw(node)
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if not current.children or current.type == "heredoc_body":
            continue
        end, gap = current.start_byte, NO_GAP if current.type in TIGHT else GAP
        for child in current.children:
            if not gap.fullmatch(source, end - node.start_byte, child.start_byte - node.start_byte):
                return False
            end = max(end, child.end_byte)
        waiting += current.children
    return True


def _raw(node: Node) -> bytes:
    return node.text or b""


def _text(node: Node) -> str:
    return _raw(node).decode()

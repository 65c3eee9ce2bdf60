"""The options of ``%%agent`` and ``%agent``: parsers, and what they say when something is wrong."""

from __future__ import annotations

import argparse
import keyword
import re
import shlex
import sys
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from jupyter_agents.kernel.conduct import ON_ASK
from jupyter_agents.kernel.definition import named
from jupyter_agents.kernel.files import MAX_MB
from jupyter_agents.kernel.problems import AgentError, did_you_mean

SUBCOMMANDS = (
    *("define", "login", "record", "replay", "off", "sessions", "help", "approve", "deny"),
    *("interrupt", "attach", "archive", "delete"),
    *("agents", "env", "diff", "show", "steer", "files", "cost", "doctor", "undo", "fork"),
)
CELLS = ("define", "env")
"""Subcommands that also take a cell, with YAML."""

RESERVED = frozenset({*SUBCOMMANDS, "status"})


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `AgentError` with one sentence."""

    @property
    def options(self) -> list[str]:
        """The names of its options."""
        return [name for action in self._actions for name in action.option_strings]

    def error(self, message: str) -> NoReturn:
        unknown = re.search(r"unrecognized arguments: (--[\w-]+)", message)
        hint = did_you_mean(unknown.group(1), self.options) if unknown else ""
        raise AgentError(f"{self.prog}: {message}.{hint} See {self.prog.split()[0]}? for the options.")

    def parse(self, line: str) -> argparse.Namespace:
        """The options in `line`, split as a shell would."""
        return self.parse_args(split(line))


def split(line: str) -> list[str]:
    """The words of a line; quotes hold words together."""
    try:
        words = shlex.split(line, posix=sys.platform != "win32")
    except ValueError:
        raise AgentError("A quotation mark is not closed.") from None
    return [re.sub(r"""^(['"])(.*)\1$""", r"\2", word) for word in words]


def approve_parser() -> Parser:
    """``%agent approve``"""
    parser = Parser("%agent approve", add_help=False, allow_abbrev=False)
    parser.add_argument("id", nargs="?", metavar="ID", help="the call; without one, all that wait")
    parser.add_argument("--always", action="store_true", help="and this tool from now on in this session")
    return parser


def call_parser() -> Parser:
    """``%%agent``"""
    parser = Parser("%%agent", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="the agent; without one, the agent 'default'")
    add("--new", action="store_true", help="start another session")
    add("--session", metavar="ID", help="go on with this session")
    add("--env", metavar="NAME", help="the environment; by default 'notebook': no network")
    add(
        "--file",
        metavar="FILE",
        action="append",
        default=[],
        help="a file for the agent, as /workspace/FILE",
    )
    _tool_options(parser)
    _sending_options(parser)
    add("-o", "--output", metavar="VAR", type=_variable, help="put the Run into this variable")
    add("--record", metavar="FILE", help="write the session's run file here")
    add("--replay", metavar="FILE", help="answer from this run file instead of a model")
    add("--no-notebook", action="store_true", help="keep the notebook's folder out of the session")
    add("--max-turns", metavar="N", type=_positive, help="model requests a turn may take (200)")
    add("--budget", metavar="USD", type=_cents, help="what the session may cost by list prices")
    add("--on-ask", choices=ON_ASK, help="where a call waits; by default wait for the page's buttons")
    add("--expand", action="store_true", help="expand {{ name }} and {{ expression }} in the body")
    return parser


def attach_parser() -> Parser:
    """``%agent attach``"""
    parser = Parser("%agent attach", add_help=False, allow_abbrev=False)
    parser.add_argument("id", metavar="ID", nargs="?", help="the session's id")
    _tool_options(parser)
    return parser


def _tool_options(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--tool",
        metavar="FUNC",
        action="append",
        default=[],
        help="a function of this notebook that the agent may call",
    )
    add(
        "--tools-from",
        metavar="SPACE",
        action="append",
        default=[],
        help="a module or object: its @ja.tool functions; each call asks",
    )


def _sending_options(parser: Parser) -> None:
    add = parser.add_argument
    add(
        *("-i", "--input"),
        metavar="VAR",
        type=_variables,
        action="extend",
        default=[],
        help="variables for the agent, as files in /workspace",
    )
    add("--pickle", action="store_true", help="pickle a variable that has no other form")
    add("--max-mb", metavar="N", type=_amount, default=MAX_MB, help="megabytes a file may have (100)")
    add("--ask", metavar="TOOLS", type=_names, help="bash,write,...: in this session they ask first")
    add("--timeout", metavar="S", type=_amount, help="seconds after which the turn is stopped")
    add("--background", action="store_true", help="return at once; the output goes on")


def define_parser() -> Parser:
    """``%agent define``"""
    parser = Parser("%agent define", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", type=_agent_name, help="the agent's name")
    add("--file", metavar="FILE", help="the definition as YAML, such as coder.agent.yaml")
    add("--model", metavar="M", help="the model; by default the server's")
    add("--system", metavar="S", help="the system prompt")
    add("--tools", metavar="LIST", action=_Tools, help="bash,read,... or none; by default all; repeatable")
    add("--max-turns", metavar="N", type=_positive, help="model requests a turn may take (200)")
    add("--description", metavar="D", help="what the agent is for")
    return parser


def env_parser() -> Parser:
    """``%agent env``"""
    parser = Parser("%agent env", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", type=_name, help="the environment's name")
    add("--file", metavar="FILE", help="the definition as YAML")
    add("--network", metavar="HOSTS", help="none, all, or hosts with commas; by default none")
    add("--packages", metavar="LIST", action="append", help="pip:pandas,numpy and so on; repeatable")
    add("--image", metavar="I", help="the image of a Docker sandbox")
    add("--cpus", metavar="N", help="processors, such as 0.5")
    add("--memory", metavar="SIZE", help="such as 2GiB")
    add("--pids", metavar="N", help="processes")
    add("--open-files", metavar="N", help="files that a process may have open")
    add("--file-size", metavar="SIZE", help="the largest file, such as 2GiB")
    add("--disk", metavar="SIZE", help="such as 10GiB")
    add("--sandbox", metavar="KIND", help="auto, docker, bubblewrap, landlock, unsafe, or another kind")
    add("--call-timeout", metavar="TIME", help="such as 300s: the longest that one call may take")
    add("--idle-timeout", metavar="TIME", help="such as 300s: when an idle sandbox is paused")
    add("--stop-timeout", metavar="TIME", help="such as 3600s: when an idle sandbox ends")
    add("--hosting", metavar="PATTERN", help="ephemeral, long-running, hybrid or shared")
    add("--description", metavar="D", help="what the environment is for")
    return parser


def help_text(parser: Parser) -> str:
    """The parser's help, as a docstring shows it."""
    return parser.format_help().replace("usage: ", "", 1)


class _Tools(argparse.Action):
    """Names of tools, added up; ``all`` and ``none`` stand alone."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: Any = None
    ) -> None:
        earlier: tuple[str, ...] = getattr(namespace, "_tools", ())
        names = (*earlier, *(name.strip() for name in str(values).split(",") if name.strip()))
        if len(names) > 1 and {"all", "none"} & set(names):
            parser.error("argument --tools: all and none stand alone")
        namespace._tools = names
        setattr(namespace, self.dest, named(",".join(names)))


def _agent_name(name: str) -> str:
    if name in RESERVED:
        raise argparse.ArgumentTypeError(f"{name!r} is a subcommand; choose another name")
    return _name(name)


def _name(name: str) -> str:
    if name.startswith("-") or not 1 <= len(name) <= 256:
        raise argparse.ArgumentTypeError("a name has 1 to 256 characters")
    return name


def _variable(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise argparse.ArgumentTypeError(f"{name!r} is not a variable's name")
    return name


def _variables(text: str) -> list[str]:
    return [_variable(name.strip()) for name in text.split(",")]


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"{text!r} names no tool")
    return names


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = 0.0
    if not 0 < amount < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return amount


def _positive(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _cents(text: str) -> int:
    try:
        cents = int(Decimal(text.lstrip("$")) * 100)
    except (InvalidOperation, ValueError, OverflowError):
        cents = 0
    if cents < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount in dollars such as 0.50")
    return cents

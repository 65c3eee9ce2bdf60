"""Definitions as YAML: read with care, written to be read.

What is read is what stands there: ``on``, ``off``, ``yes``, ``no``, ``1:30`` and dates are text, a key
that is given twice is an error, anchors and tags are refused, and the size and the depth have bounds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from jupyter_agents.kernel.problems import AgentError

LARGEST = 256_000
DEEPEST = 20
PLAIN = {
    "tag:yaml.org,2002:bool": (re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    "tag:yaml.org,2002:int": (re.compile(r"^[-+]?(?:0|[1-9][0-9]{0,17})$"), "-+0123456789"),
    "tag:yaml.org,2002:float": (re.compile(r"^[-+]?[0-9]{1,18}\.[0-9]{1,18}$"), "-+0123456789"),
    "tag:yaml.org,2002:null": (re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
}


class _Loader(yaml.SafeLoader):
    """The safe loader with the plain words of YAML 1.2 only."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        events: Any = self
        event = events.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused("anchors (&) and aliases (*) are not read here", event)
        if getattr(event, "tag", None):
            raise _refused("tags (!) are not read here", event)
        self.depth += 1
        if self.depth > DEEPEST:
            raise _refused(f"it is nested more than {DEEPEST} deep", event)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refused("a key must be a word", key)
            if key.value in seen:
                raise _refused(f"the key {key.value!r} is given twice", key)
            seen.add(key.value)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


_Loader.yaml_implicit_resolvers = {}
for _tag, (_pattern, _first) in PLAIN.items():
    _Loader.add_implicit_resolver(_tag, _pattern, list(_first))
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_mapping)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as they stand, lists indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    style = "|" if "\n" in data else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _text)


def read(text: str, what: str = "the YAML", first_line: int = 1) -> dict[str, Any]:
    """The mapping in `text`; an empty one for a text without any.

    Parameters
    ----------
    what:
        What the text is, for messages: ``the cell``, or a file's name.
    first_line:
        The number that its first line has there.

    Raises
    ------
    AgentError
        It is no YAML, no mapping, or beyond the bounds; the message has the line.
    """
    if len(text) > LARGEST:
        raise AgentError(f"A definition has at most {LARGEST:,} characters; {what} has {len(text):,}.")
    try:
        found = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = "" if mark is None else f", line {mark.line + first_line}"
        parts = [error.context, error.problem] if str(error.problem).startswith("but") else [error.problem]
        raise AgentError(f"{_begin(what)}{line}: {', '.join(filter(None, parts))}.") from None
    except yaml.YAMLError:
        raise AgentError(f"{_begin(what)}: it has a character that YAML does not allow.") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise AgentError(f"{_begin(what)}: expected lines such as 'system: You write Python.'")
    return found


def read_file(name: str) -> dict[str, Any]:
    """The mapping in the file called `name`; raises `AgentError` for what cannot be read."""
    path = Path(name).expanduser()
    if not path.is_file():
        raise AgentError(f"There is no file {name!r} in {Path.cwd()}.")
    if path.stat().st_size > 4 * LARGEST:
        raise AgentError(f"{name!r} is too large for a definition.")
    try:
        return read(path.read_text("utf-8"), name)
    except UnicodeDecodeError:
        raise AgentError(f"{name!r} is not a text file.") from None


def write(doc: Mapping[str, Any]) -> str:
    """`doc` as YAML, its keys in their order."""
    return yaml.dump(dict(doc), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _refused(problem: str, place: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)


def _begin(what: str) -> str:
    return what[:1].upper() + what[1:] if what.startswith("the ") else what

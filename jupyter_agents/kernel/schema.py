"""What a function takes, as the JSON schema of a custom tool, and its arguments checked by it.

Each parameter's annotation goes to pydantic, which makes the schema and validates; ``$ref`` is
replaced by what it stands for, since the API forbids it (spec section 1.3).
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from jupyter_agents.kernel.problems import AgentError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Doc = dict[str, Any]

PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
DEEPEST = 30
LONGEST_DEFAULT = 1000
PROBLEMS = 5
KINDS = "str, int, float, bool, list[...], dict[str, ...], Literal, Enum, a dataclass or a pydantic model"


class BadArguments(Exception):
    """Arguments that do not fit; the message names each field."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function."""

    name: str
    adapter: TypeAdapter[Any]
    schema: Doc
    required: bool


class Parameters:
    """The parameters of `function`, whose tool is called `name`.

    Raises `AgentError` naming the parameter that an agent could not fill in.
    """

    def __init__(self, function: Callable[..., Any], name: str, descriptions: Mapping[str, str]) -> None:
        hints = _hints(function, name)
        self._all: dict[str, Parameter] = {}
        for parameter in inspect.signature(function).parameters.values():
            made = _parameter(parameter, hints, name)
            if parameter.name in descriptions:
                made.schema["description"] = descriptions[parameter.name]
            self._all[made.name] = made

    @property
    def schema(self) -> Doc:
        """The tool's ``input_schema``."""
        required = [parameter.name for parameter in self._all.values() if parameter.required]
        properties = {parameter.name: parameter.schema for parameter in self._all.values()}
        return {"type": "object", "properties": properties, "required": required}

    def check(self, given: Mapping[str, Any]) -> Doc:
        """The arguments as Python values, made anew, so that a function may change them.

        Raises `BadArguments`.
        """
        from pydantic import ValidationError

        problems = [f"{name}: there is no such parameter" for name in given if name not in self._all]
        values: Doc = {}
        for name, parameter in self._all.items():
            if name not in given:
                if parameter.required:
                    problems.append(f"{name}: it is required")
                continue
            try:
                values[name] = parameter.adapter.validate_json(json.dumps(given[name]))
            except ValidationError as error:
                for found in error.errors(include_url=False, include_context=False, include_input=False):
                    where = ".".join([name, *map(str, found["loc"])])
                    problems.append(f"{where}: {found['msg']}")
        if problems:
            more = f"; and {len(problems) - PROBLEMS} more" if len(problems) > PROBLEMS else ""
            raise BadArguments("; ".join(problems[:PROBLEMS]) + more)
        return values


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except Exception as error:
        raise AgentError(f"{name}: an annotation cannot be read: {error}.") from None


def _parameter(parameter: inspect.Parameter, hints: Mapping[str, Any], tool: str) -> Parameter:
    name, kind = parameter.name, parameter.kind
    if kind in (kind.VAR_POSITIONAL, kind.VAR_KEYWORD):
        stars = "*" if kind is kind.VAR_POSITIONAL else "**"
        raise AgentError(
            f"{tool}: an agent cannot fill in {stars}{name}; name each parameter, or take one list or dict."
        )
    if kind is kind.POSITIONAL_ONLY:
        raise AgentError(f"{tool}: the parameter {name!r} is positional only; remove the '/' after it.")
    if name not in hints:
        raise AgentError(f"{tool}: the parameter {name!r} has no annotation; write for example {name}: str.")
    if not PARAMETER.fullmatch(name):
        raise AgentError(
            f"{tool}: the parameter {name!r} needs a name of at most 64 ASCII letters, digits or '_'."
        )
    adapter, schema = _schema(hints[name], name, tool)
    required = parameter.default is parameter.empty
    if not required and parameter.default is not None:
        schema |= _default(adapter, parameter.default)
    return Parameter(name, adapter, schema, required)


def _schema(annotation: Any, name: str, tool: str) -> tuple[TypeAdapter[Any], Doc]:
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError

    shown = getattr(annotation, "__name__", None) or str(annotation)
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        made = adapter.json_schema()
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema):
        raise AgentError(
            f"{tool}: the parameter {name!r} is a {shown}, which an agent cannot send; use {KINDS}."
        ) from None
    except PydanticUserError as error:
        reason = str(error.message).splitlines()[0]
        raise AgentError(f"{tool}: the parameter {name!r} has no schema. {reason}") from None
    try:
        schema: Doc = _inlined(made, made.get("$defs", {}))
    except RecursionError:
        raise AgentError(
            f"{tool}: the parameter {name!r} is a {shown}, which contains itself; "
            "the API takes no such schema. Take a dict or a JSON text."
        ) from None
    return adapter, schema


def _inlined(value: Any, known: Mapping[str, Any], depth: int = 0) -> Any:
    """A schema with each ``$ref`` replaced, without titles; raises RecursionError for one without end."""
    if depth > DEEPEST:
        raise RecursionError
    if isinstance(value, list):
        return [_inlined(item, known, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        rest = {key: item for key, item in value.items() if key != "$ref"}
        value = {**known[str(value["$ref"]).rpartition("/")[2]], **rest}
        return _inlined(value, known, depth + 1)
    made: Doc = {}
    for key, item in value.items():
        if key == "properties":
            made[key] = {name: _inlined(part, known, depth + 1) for name, part in item.items()}
        elif key in ("const", "default", "enum", "examples"):
            made[key] = item
        elif key not in ("$defs", "title", "discriminator"):
            made[key] = _inlined(item, known, depth + 1)
    return made


def _default(adapter: TypeAdapter[Any], value: Any) -> Doc:
    """The default as the agent sees it; one that JSON does not say is left out."""
    try:
        shown = adapter.dump_python(value, mode="json", warnings=False)
        return {"default": shown} if len(json.dumps(shown)) <= LONGEST_DEFAULT else {}
    except (TypeError, ValueError):
        return {}

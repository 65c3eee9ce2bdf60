"""The SDK's request types made strict.

The SDK's own TypedDicts accept almost anything (lists are lazy, required keys are not enforced, unknown
keys pass), so they are rebuilt: eager lists, extra keys forbidden except where the type is open, header
keys dropped, unions tagged by ``type`` or ``name``.

Source: the installed ``anthropic`` package; PEP 655 and PEP 728 (TypedDict).
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from os import PathLike
from typing import IO, Annotated, Any, Literal, Required, Union, get_args, get_origin

import typing_extensions as te
from pydantic import ConfigDict, Discriminator, Tag, TypeAdapter, ValidationError

from jupyter_agents.errors import InvalidRequest

HEADERS = frozenset({"betas", "workspace_id"})
TAGS = ("type", "name")
NOT_JSON = (IO, PathLike)

Validator = Callable[[object], dict[str, Any]]

_nullable: dict[Any, tuple[str, ...]] = {}


def allow_null(params: Any, *fields: str) -> None:
    """Let `fields` of one of the SDK's TypedDicts be null; before its first validator is made."""
    _nullable[params] = fields


@cache
def strict(params: Any) -> Validator:
    """A validator for one of the SDK's request TypedDicts.

    Parameters
    ----------
    params:
        A ``*Params`` class of the SDK.

    Returns
    -------
    A function from a decoded JSON body to the same body with only its given keys; it raises
    `InvalidRequest`, naming the field, for anything that the type does not allow.
    """
    adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(_strict_type(params))

    def validate(body: object) -> dict[str, Any]:
        try:
            return adapter.validate_python(body)
        except ValidationError as error:
            raise InvalidRequest(_explain(error, body)) from None

    return validate


@cache
def query(params: Any) -> Callable[[Mapping[str, Sequence[str]]], dict[str, Any]]:
    """A reader for the query string of one of the SDK's ``*ListParams``.

    Takes the decoded arguments by wire name (``created_at[gte]``, ``statuses[]``) and gives them by
    the SDK's names (``created_at_gte``, ``statuses``), typed. Unknown names are passed over, as
    ``?beta=true`` must be, but not a filter that this list does not have (``statuses[]``). Raises
    `InvalidRequest` naming the parameter. Source: spec section 0.1.
    """
    hints = _query_hints(params)
    arrays = {k for k, t in hints.items() if _is_array(t)}
    names = {k: _query_name(k, k in arrays) for k in hints}
    adapters = {k: TypeAdapter(_strict_type(t)) for k, t in hints.items()}

    def read(arguments: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in arguments:
            if "[" in name and name not in names.values():
                raise InvalidRequest(f"{name[:100]}: there is no such filter here.")
        for key, name in names.items():
            values = arguments.get(name)
            if not values:
                continue
            value: Any = list(values) if key in arrays else _scalar(hints[key], values[-1])
            try:
                found[key] = adapters[key].validate_python(value, strict=True)
            except ValidationError as error:
                raise InvalidRequest(f"{name}: {_reason(error.errors()[0])}") from None
        return found

    return read


def body_type(params: Any) -> Any:
    """The type that `strict` checks a body of `params` against."""
    return _strict_type(params)


def parameters(params: Any) -> dict[str, Any]:
    """The query parameters of `params`: wire name to type."""
    hints = _query_hints(params)
    return {_query_name(k, _is_array(t)): _strict_type(t) for k, t in hints.items()}


def _query_hints(params: Any) -> dict[str, Any]:
    return {k: _plain(t) for k, t in _hints(params).items() if k not in HEADERS}


def _scalar(hint: Any, text: str) -> Any:
    if hint is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if hint is int:
        return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text
    return text


def _query_name(key: str, array: bool) -> str:
    stem, _, operator = key.rpartition("_")
    if operator in ("gt", "gte", "lt", "lte"):
        return f"{stem}[{operator}]"
    return f"{key}[]" if array else key


def _hints(params: Any) -> dict[str, Any]:
    return te.get_type_hints(params, include_extras=True)


def _plain(hint: Any) -> Any:
    """`hint` without Annotated, Required and None."""
    origin = get_origin(hint)
    if origin in (Annotated, Required, te.Required):
        return _plain(get_args(hint)[0])
    if origin in (Union, types.UnionType):
        rest = [a for a in get_args(hint) if a is not type(None)]
        if len(rest) == 1:
            return _plain(rest[0])
        if datetime in rest:
            return str
    return hint


def _is_array(hint: Any) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and origin is not str and issubclass(origin, Iterable)


@cache
def _strict_type(hint: Any) -> Any:
    if te.is_typeddict(hint):
        return _strict_typeddict(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _strict_type(arguments[0])
    if origin in (Required, te.Required):
        return te.Required[_strict_type(arguments[0])]
    if origin in (Union, types.UnionType):
        return _strict_union(arguments)
    if origin is dict:
        return dict[str, _strict_type(arguments[1])]  # type: ignore[misc]
    if origin is Literal:
        return hint
    if _is_array(hint):
        return list[_strict_type(arguments[0])]  # type: ignore[misc]
    return hint


def _strict_typeddict(hint: Any) -> Any:
    fields = {k: _strict_type(t) for k, t in _hints(hint).items() if k not in HEADERS}
    fields |= {k: fields[k] | None for k in _nullable.get(hint, ())}
    is_open = getattr(hint, "__extra_items__", te.NoExtraItems) is not te.NoExtraItems
    typed_dict: Any = te.TypedDict
    made = typed_dict(hint.__name__, fields, total=False)
    made.__pydantic_config__ = ConfigDict(
        extra="allow" if is_open else "forbid", strict=True, arbitrary_types_allowed=False
    )
    return made


def _strict_union(arguments: tuple[Any, ...]) -> Any:
    """Plain members as they are; dict members told apart by their first tag, so that errors are short."""
    arguments = tuple(a for a in arguments if get_origin(a) not in NOT_JSON)
    if str in arguments:
        arguments = tuple(a for a in arguments if get_origin(a) is not Literal)
    tagged: list[tuple[Any, str, str]] = []
    rest: list[Any] = []
    for argument in arguments:
        tag = _tag(argument)
        if tag is None:
            rest.append(_strict_type(argument))
        else:
            tagged.append((_strict_type(argument), *tag))
    if len(tagged) <= 1:
        rest += [member for member, _, _ in tagged]
        return Union[tuple(rest)]  # noqa: UP007
    key = tagged[0][1]
    union: Any = Union
    choices = union[tuple(Annotated[m, Tag(value)] for m, _, value in tagged)]
    chosen: Any = Annotated[choices, Discriminator(_pick(key))]
    return union[(*rest, chosen)] if rest else chosen


def _pick(key: str) -> Callable[[Any], Any]:
    def pick(value: Any) -> Any:
        found = value.get(key) if isinstance(value, dict) else None
        return found if isinstance(found, str) else None

    return pick


def _tag(hint: Any) -> tuple[str, str] | None:
    """The key and value that tell this member of a union from the others."""
    if get_origin(hint) is Annotated:
        return _tag(get_args(hint)[0])
    if not te.is_typeddict(hint):
        return None
    hints = _hints(hint)
    for key in TAGS:
        declared = hints.get(key)
        if get_origin(declared) in (Required, te.Required):
            values = get_args(_plain(declared))
            if get_origin(_plain(declared)) is Literal and len(values) == 1:
                return key, values[0]
    return None


def _explain(error: ValidationError, body: object) -> str:
    problems = error.errors(include_url=False)
    paths = [(_path(p["loc"], body, p["type"]), p) for p in problems]
    path, problem = max(paths, key=lambda pair: len(pair[0]))
    reason = _reason(problem)
    return f"{'.'.join(path)}: {reason}" if path else f"the request body: {reason}"


def _path(location: tuple[int | str, ...], value: Any, kind: str) -> list[str]:
    """`location` without the names of union members that pydantic puts between keys."""
    path: list[str] = []
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if isinstance(value, dict):
            inside = part in value and (last or not _is_tag(value, part))
        else:
            inside = isinstance(value, list) and type(part) is int
        if inside:
            value = value[part]
        elif not (kind == "missing" and last):
            continue
        path.append(str(part))
    return path


def _is_tag(value: dict[Any, Any], part: int | str) -> bool:
    """Whether `part` is the tag of `value` and not a key of it: ``text`` may be both."""
    return part in [value.get(tag) for tag in TAGS] and not isinstance(value[part], dict | list)


def _reason(problem: Any) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    given = str(problem.get("input"))[:100]
    match kind:
        case "missing":
            return "this field is required."
        case "extra_forbidden":
            return "this field is not known here."
        case "union_tag_invalid" | "union_tag_not_found":
            return f"the value must have one of these types: {context.get('expected_tags', 'see the API')}."
        case "literal_error":
            return f"{given!r} is not allowed; expected {context['expected']}."
        case "dict_type":
            return "expected an object."
        case _:
            return f"{problem['msg']}."

"""Annotations become schemas that the API takes, and arguments become Python values."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from typing import Annotated, Any, Literal

import pydantic
import pytest
from typing_extensions import TypedDict

from jupyter_agents.domain import limits
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.schema import BadArguments, Parameters


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5


class Person(pydantic.BaseModel):
    title: str
    home: Point


class Order(TypedDict):
    item: str


@dataclasses.dataclass
class Tree:
    leaves: list[Tree]


class Opaque:
    pass


POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "y": {"type": "number", "default": 0.5}},
    "required": ["x"],
}
TYPES: list[tuple[Any, dict[str, Any], Any, Any]] = [
    (str, {"type": "string"}, "a", "a"),
    (int, {"type": "integer"}, 3, 3),
    (float, {"type": "number"}, 1, 1.0),
    (bool, {"type": "boolean"}, True, True),
    (list[int], {"type": "array", "items": {"type": "integer"}}, [1], [1]),
    (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}, [1], (1,)),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 1}, {"a": 1}),
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}, "b", "b"),
    (Colour, {"type": "string", "enum": ["red", "blue"]}, "red", Colour.RED),
    (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, None, None),
    (Point, POINT, {"x": 1}, Point(1)),
    (list[Point], {"type": "array", "items": POINT}, [{"x": 1}], [Point(1)]),
    (datetime.date, {"type": "string", "format": "date"}, "2024-02-29", datetime.date(2024, 2, 29)),
    (
        Person,
        {
            "type": "object",
            "properties": {"title": {"type": "string"}, "home": POINT},
            "required": ["title", "home"],
        },
        {"title": "Dr", "home": {"x": 1}},
        Person(title="Dr", home=Point(1)),
    ),
    (
        Order,
        {"type": "object", "properties": {"item": {"type": "string"}}, "required": ["item"]},
        {"item": "tea"},
        {"item": "tea"},
    ),
    (
        Annotated[int, pydantic.Field(ge=1, description="One or more")],
        {"type": "integer", "minimum": 1, "description": "One or more"},
        2,
        2,
    ),
]


def taking(annotation: Any) -> Parameters:
    def function(value):  # type: ignore[no-untyped-def]
        return value

    function.__annotations__ = {"value": annotation}
    return Parameters(function, "function", {})


@pytest.mark.parametrize(("annotation", "schema", "given", "value"), TYPES, ids=lambda x: str(x)[:30])
def test_each_type_has_a_schema_and_a_value(
    annotation: Any, schema: dict[str, Any], given: Any, value: Any
) -> None:
    parameters = taking(annotation)
    assert parameters.schema["properties"]["value"] == schema
    limits.input_schema("input_schema", parameters.schema)
    assert parameters.check({"value": given}) == {"value": value}


def test_defaults_and_descriptions_are_shown() -> None:
    def function(a: str, b: int = 3, c: Colour = Colour.RED, d: str | None = None) -> None: ...

    schema = Parameters(function, "function", {"a": "The first."}).schema
    assert schema["required"] == ["a"]
    assert schema["properties"]["a"] == {"type": "string", "description": "The first."}
    assert schema["properties"]["b"]["default"] == 3
    assert schema["properties"]["c"]["default"] == "red"
    assert "default" not in schema["properties"]["d"]


def no_annotation(x): ...  # type: ignore[no-untyped-def]
def stars(*x: int) -> None: ...
def double_stars(**x: int) -> None: ...
def positional(x: int, /) -> None: ...
def opaque(x: Opaque) -> None: ...
def recursive(x: Tree) -> None: ...
def unknown(x: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def umlaut(größe: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (no_annotation, "'x' has no annotation; write for example x: str"),
        (stars, "cannot fill in *x"),
        (double_stars, "cannot fill in **x"),
        (positional, "remove the '/'"),
        (opaque, "'x' is a Opaque, which an agent cannot send; use str"),
        (recursive, "'x' is a Tree, which contains itself"),
        (unknown, "'Nowhere' is not defined"),
        (umlaut, "'größe' needs a name of at most 64 ASCII"),
    ],
)
def test_what_cannot_be_says_what_to_change(function: Any, says: str) -> None:
    with pytest.raises(AgentError) as error:
        Parameters(function, function.__name__, {})
    assert says in str(error.value) and "\n" not in str(error.value)


def test_arguments_that_do_not_fit_are_named() -> None:
    def function(a: str, p: Point, n: int = 1) -> None: ...

    parameters = Parameters(function, "function", {})
    with pytest.raises(BadArguments) as error:
        parameters.check({"p": {"x": "q"}, "n": "z", "m": 1})
    for part in ("m: there is no such parameter", "a: it is required", "p.x: ", "n: Input should be"):
        assert part in str(error.value)


def test_many_problems_are_bounded() -> None:
    with pytest.raises(BadArguments) as error:
        taking(list[int]).check({"value": ["a"] * 1000})
    assert "and 995 more" in str(error.value) and len(str(error.value)) < 1000


def test_a_function_gets_values_of_its_own() -> None:
    given = {"value": [1, 2]}
    taking(list[int]).check(given)["value"].clear()
    assert given == {"value": [1, 2]}

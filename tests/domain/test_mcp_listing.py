from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain.mcp_listing import LARGEST_LISTING, MOST_TOOLS, Listing, schema_problem

Doc = dict[str, Any]


def tool(name: str = "a", description: str = "d", **schema: Any) -> Doc:
    return {"name": name, "description": description, "input_schema": schema}


def taken(*tools: Doc) -> Listing:
    listing = Listing()
    listing.take(tools, lambda name: name != "hidden")
    return listing


def nested(depth: int) -> Doc:
    schema: Doc = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, None),
        ({"type": "object", "$defs": {"a": {}}, "properties": {"a": {"$ref": "#/$defs/a"}}}, None),
        ({}, None),
        ({"type": "array"}, "not that of an object"),
        ({"type": ["object", "null"]}, "not that of an object"),
        ({"type": "object", "anyOf": []}, "union"),
        ({"type": "object", "properties": {"ä": {}}}, "property's name"),
        ({"type": "object", "properties": {"": {}}}, "property's name"),
        ({"type": "object", "properties": []}, "property's name"),
        ({"type": "object", "properties": {"a": {"type": "strong"}}}, "valid JSON Schema"),
        ({"type": "object", "required": "a"}, "valid JSON Schema"),
        ({"type": "object", "properties": {"a": 7}}, "valid JSON Schema"),
        ({"type": "object", "description": "x" * 70_000}, "larger than 64 KiB"),
        (nested(150), "nested too deep"),
    ],
)
def test_schemas(schema: Doc, words: str | None) -> None:
    problem = schema_problem(schema)
    assert (problem is None) == (words is None)
    assert words is None or words in str(problem)


def test_what_is_taken_is_sorted_and_complete() -> None:
    listing = taken(tool("b"), tool("a", " "), tool("hidden"))
    assert [found["name"] for found in listing.done()] == ["a", "b"]
    assert listing.done()[0]["description"] == "The tool a of an MCP server."
    assert listing.done()[0]["input_schema"] == {"type": "object"}
    assert listing.problem() is None


def test_what_is_left_out_is_counted_and_named() -> None:
    listing = taken(
        tool("a"), tool("a"), tool("b", type="array"), *(tool(f"c{n}", oneOf=[]) for n in range(9))
    )
    problem = str(listing.problem())
    assert "1 because the name is listed twice ('a')" in problem
    assert "9 because the input schema is a union at its top ('c0', 'c1', 'c2')" in problem


def test_number_and_size_are_bounded() -> None:
    assert len(taken(*(tool(f"t{n}") for n in range(5000))).tools) == MOST_TOOLS
    large = taken(*(tool(f"t{n}", "x" * 8000) for n in range(200)))
    assert large.size <= LARGEST_LISTING and 60 < len(large.tools) < 70
    assert "larger than 512 KiB" in str(large.problem())
    assert len(taken(tool("a", "x" * 1_000_000)).tools[0]["description"]) < 8300
    assert taken(tool("x" * 129), tool("")).tools == []

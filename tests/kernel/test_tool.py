"""What ``@ja.tool`` makes of a function."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import jupyter_agents as ja
from jupyter_agents.domain.toolsets import resolve_tools
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.tool import KernelTool

NUMPY = """Find it.

    At length.

    Parameters
    ----------
    word : str
        The word.

    Returns
    -------
    int
        A number.
    """
GOOGLE = """Find it.

    At length.

    Args:
        word: The word.
    """
SPHINX = """Find it.

    At length.

    :param word: The word.
    """


@pytest.mark.parametrize("docstring", [NUMPY, GOOGLE, SPHINX], ids=["numpy", "google", "sphinx"])
def test_the_docstring_describes_it(docstring: str) -> None:
    def find(word: str) -> int:
        return len(word)

    find.__doc__ = docstring
    definition = ja.tool(find).definition
    assert definition["description"] == "Find it.\n\nAt length."
    assert definition["input_schema"]["properties"]["word"]["description"] == "The word."
    assert resolve_tools([definition]) == [definition]


def test_it_is_still_the_function() -> None:
    @ja.tool
    def double(x: int) -> int:
        "Twice."
        return 2 * x

    assert (double(4), double.name, double.__doc__, double.timeout) == (8, "double", "Twice.", 60.0)
    assert repr(double) == "<tool double(x: 'int') -> 'int'>"


def test_names_descriptions_and_times_can_be_given() -> None:
    def f(x: int) -> None: ...

    made = ja.tool(f, name="look-up", description="D", timeout=5)
    assert (made.name, made.definition["description"], made.timeout) == ("look-up", "D", 5.0)
    again = ja.tool(made, name="other")
    assert (again.name, again.function) == ("other", f)

    @ja.tool(timeout=0.5)
    async def g() -> None: ...

    assert (g.name, g.is_async, g.timeout) == ("g", True, 0.5)
    assert g.definition["description"] == "The function g of the user's notebook."


def test_methods_are_tools_of_their_object() -> None:
    class Kit:
        def __init__(self, by: int) -> None:
            self.by = by

        @ja.tool(timeout=3)
        def times(self, x: int) -> int:
            "Multiply."
            return self.by * x

    bound = Kit(3).times
    assert isinstance(bound, KernelTool) and Kit.times.needs_object and not bound.needs_object
    assert list(bound.definition["input_schema"]["properties"]) == ["x"]
    assert (bound(2), bound.timeout, bound.name) == (6, 3.0, "times")


def yields() -> Iterator[int]:
    yield 1


async def yields_too() -> AsyncIterator[int]:
    yield 1


def bash() -> None: ...
def fine() -> None: ...


@pytest.mark.parametrize(
    ("function", "options", "says"),
    [
        (3, {}, "'3' is of the type int"),
        (KernelTool, {}, "is of the type type"),
        (yields, {}, "cannot yield; return a list"),
        (yields_too, {}, "cannot yield; return a list"),
        (bash, {}, "'bash' is the name of a built-in tool"),
        (lambda: 1, {}, "letters, digits"),
        (fine, {"name": "mcp__x"}, "built-in"),
        (fine, {"name": "a b"}, "letters, digits"),
        (fine, {"name": "x" * 129}, "letters, digits"),
        (fine, {"timeout": 0}, "seconds above 0"),
        (fine, {"timeout": True}, "seconds above 0"),
        (fine, {"description": "x" * 20_001}, "at most 20,000"),
    ],
)
def test_mistakes_say_what_to_do(function: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(AgentError) as error:
        ja.tool(function, **options)
    assert says in str(error.value) and "\n" not in str(error.value)

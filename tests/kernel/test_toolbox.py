"""Which functions an agent may call, and which definitions that makes of its tools."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import jupyter_agents as ja
from jupyter_agents.kernel import toolbox
from jupyter_agents.kernel.problems import AgentError


@ja.tool
def f(x: int) -> int:
    return x


def g() -> None: ...


class Kit:
    @ja.tool
    def count(self, by: int) -> int:
        return by

    @ja.tool
    def _private(self) -> None: ...

    def plain(self) -> None: ...

    @property
    def costly(self) -> int:
        raise RuntimeError("evaluated")


NAMES: dict[str, Any] = {"f": f, "g": g, "kit": Kit(), "Kit": Kit, "space": SimpleNamespace(f=f, inner=g)}


def test_named_functions_do_not_ask_those_of_a_namespace_do() -> None:
    made = toolbox.of_names(NAMES, ["f", "g", "kit.count"], [])
    assert made is not None
    assert {name: offer.asks for name, offer in made.offers.items()} == dict.fromkeys(
        ["f", "g", "count"], False
    )
    asked = toolbox.of_names(NAMES, ["g"], ["kit", "space"])
    assert asked is not None
    assert {name: offer.asks for name, offer in asked.offers.items()} == {
        "g": False,
        "count": True,
        "f": True,
    }
    assert toolbox.of_names(NAMES, [], []) is None
    assert toolbox.of_functions([]).definitions() == []


def test_a_function_that_is_named_is_not_asked_for_though_its_namespace_is_offered() -> None:
    made = toolbox.of_names(NAMES, ["f"], ["space"])
    assert made is not None and made.offers["f"].asks is False


def test_a_new_definition_is_found_and_a_lost_one_kept() -> None:
    names = dict(NAMES)
    made = toolbox.of_names(names, ["f"], [])
    assert made is not None

    def anew(y: str) -> str:
        return y

    names["f"] = ja.tool(anew, name="f")
    assert list(made.definitions()[0]["input_schema"]["properties"]) == ["y"]
    del names["f"]
    assert made.offers["f"].now()("kept") == "kept"
    names["f"] = 3
    assert made.offers["f"].now()("kept") == "kept"


@pytest.mark.parametrize(
    ("functions", "spaces", "says"),
    [
        (["h"], [], "There is no 'h'"),
        (["space.outer"], [], "space has no 'outer'."),
        (["Kit.count"], [], "make an object"),
        (["space"], [], "A tool is a function"),
        ([], ["g"], "no public function"),
        ([], ["missing"], "There is no 'missing'"),
    ],
)
def test_mistakes(functions: list[str], spaces: list[str], says: str) -> None:
    with pytest.raises(AgentError) as error:
        toolbox.of_names(NAMES, functions, spaces)
    assert says in str(error.value)


def test_two_functions_of_one_name_are_refused() -> None:
    with pytest.raises(AgentError, match="Two tools are called 'f'"):
        toolbox.of_functions([f, ja.tool(g, name="f")])
    with pytest.raises(AgentError, match="more than the 100"):
        toolbox.of_functions([ja.tool(g, name=f"g{number}") for number in range(101)])


def test_definitions_take_the_place_of_those_offered_before() -> None:
    toolset = {"type": "agent_toolset_20260401"}
    tools = [toolset, {"type": "custom", "name": "old"}, {"type": "custom", "name": "theirs"}]
    new = toolbox.of_functions([f]).definitions()
    made = toolbox.merged(tools, ["old"], new)
    assert [entry.get("name") for entry in made] == [None, "theirs", "f"]
    assert toolbox.merged(made, [], new) == made

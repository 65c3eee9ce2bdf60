"""The functions that a session's agent may call: named with ``--tool``, or of a namespace.

A function is looked up again for every call, so that one that was defined anew is used at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from jupyter_agents.kernel.problems import AgentError, did_you_mean
from jupyter_agents.kernel.tool import KernelTool, tool

MOST_TOOLS = 100

Doc = dict[str, Any]
Find = Callable[[], KernelTool]


@dataclass
class Offer:
    """One tool: how to find it now, and whether each call asks first."""

    find: Find
    asks: bool
    last: KernelTool

    def now(self) -> KernelTool:
        """The tool as it is now; where its name is gone, or is none any more, as it was."""
        try:
            found = self.find()
        except Exception:
            return self.last
        if found.name == self.last.name:
            self.last = found
        return self.last


class Toolbox:
    """Tools by the name that the agent calls."""

    def __init__(self, offers: Iterable[Offer] = ()) -> None:
        self.offers: dict[str, Offer] = {}
        for offer in offers:
            name = offer.last.name
            if name in self.offers and self.offers[name].last.function is not offer.last.function:
                raise AgentError(f"Two tools are called {name!r}; give one another name: @ja.tool(name=...).")
            self.offers.setdefault(name, offer)
        if len(self.offers) > MOST_TOOLS:
            raise AgentError(f"{len(self.offers)} tools are more than the {MOST_TOOLS} that an agent takes.")

    def definitions(self) -> list[Doc]:
        """The entries for an agent's ``tools``, as the functions are now."""
        return [offer.now().definition for offer in self.offers.values()]


def of_functions(functions: Iterable[Any]) -> Toolbox:
    """A toolbox of functions, decorated or not; none of them asks."""
    return Toolbox([_named(partial(_as_tool, function)) for function in functions])


def of_names(names: Mapping[str, Any], functions: Sequence[str], namespaces: Sequence[str]) -> Toolbox | None:
    """The toolbox of ``--tool`` and ``--tools-from``; None where neither was given.

    Parameters
    ----------
    names:
        The notebook's variables.
    functions:
        Functions, such as ``f`` or ``module.f``; they run without asking.
    namespaces:
        Modules or objects; each call of their decorated functions asks first.
    """
    if not functions and not namespaces:
        return None
    offers = [_named(partial(_function, names, word)) for word in functions]
    for word in namespaces:
        found = _decorated(word, _value(names, word))
        offers += [
            Offer(partial(_function, names, f"{word}.{key}"), True, made) for key, made in found.items()
        ]
    return Toolbox(offers)


def merged(tools: Iterable[Doc], offered: Iterable[str], definitions: Sequence[Doc]) -> list[Doc]:
    """An agent's `tools` with `definitions` in the place of those that were `offered` before."""
    gone = {*offered, *(made["name"] for made in definitions)}
    kept = [entry for entry in tools if entry["type"] != "custom" or entry["name"] not in gone]
    return [*kept, *definitions]


def _function(names: Mapping[str, Any], word: str) -> KernelTool:
    return _as_tool(_value(names, word))


def _named(find: Find) -> Offer:
    return Offer(find, False, find())


def _as_tool(value: Any) -> KernelTool:
    made = value if isinstance(value, KernelTool) else tool(value)
    if made.needs_object:
        raise AgentError(f"{made.name} is a method: make an object, and name the object's method.")
    return made


def _value(names: Mapping[str, Any], word: str) -> Any:
    """The value of ``name`` or ``name.attribute``."""
    first, *rest = word.split(".")
    if first not in names:
        public = [name for name in names if not name.startswith("_")]
        raise AgentError(f"There is no {first!r} in this notebook.{did_you_mean(first, public)}")
    value = names[first]
    for attribute in rest:
        if not hasattr(value, attribute):
            raise AgentError(f"{word}: {first} has no {attribute!r}.{did_you_mean(attribute, dir(value))}")
        first, value = f"{first}.{attribute}", getattr(value, attribute)
    return value


def _decorated(word: str, space: Any) -> dict[str, KernelTool]:
    """The public decorated functions of a module or an object, by attribute."""
    public = [name for name in _attributes(space) if not name.startswith("_")]
    found = {name: getattr(space, name) for name in public}
    if not found:
        raise AgentError(f"{word} has no public function that is decorated with @ja.tool.")
    return {name: _as_tool(made) for name, made in found.items()}


def _attributes(space: Any) -> list[str]:
    """Where the decorated functions are; properties and the like are not evaluated for it."""
    return sorted(
        name for name in dir(space) if isinstance(inspect.getattr_static(space, name, None), KernelTool)
    )

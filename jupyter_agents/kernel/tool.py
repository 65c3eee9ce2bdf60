"""``@ja.tool``: a function of this kernel that an agent may call.

Source: spec sections 1.3 and 5.4 (custom tools).
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, overload

from jupyter_agents.kernel.definition import TOOLS
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.schema import Parameters

NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
TIMEOUT_SECONDS = 60.0
LONGEST_SECONDS = 24 * 3600.0
LONGEST_DESCRIPTION = 20_000


class KernelTool:
    """A function with what an agent is told of it; calling it calls the function.

    name, description: as the agent sees them. timeout: seconds that a call may take. parameters:
    what it takes. is_async: whether a call is awaited.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        _need_function(function)
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.name = _checked_name(name or str(function.__name__))
        if isinstance(timeout, bool) or not 0 < timeout <= LONGEST_SECONDS:
            raise AgentError(f"{self.name}: timeout is a number of seconds above 0, such as 60.")
        self.timeout = float(timeout)
        self.is_async = inspect.iscoroutinefunction(function)
        self._given = description
        said, descriptions = _documented(function)
        about = (description or said).strip()
        self.description = about or f"The function {self.name} of the user's notebook."
        if len(self.description) > LONGEST_DESCRIPTION:
            raise AgentError(f"{self.name}: a description has at most {LONGEST_DESCRIPTION:,} characters.")
        self.needs_object = _takes_self(function)
        taken = functools.partial(function, None) if self.needs_object else function
        self.parameters = Parameters(_bound(function, taken), self.name, descriptions)

    @property
    def definition(self) -> dict[str, Any]:
        """The entry of an agent's ``tools``."""
        return {
            "type": "custom",
            "name": self.name,
            "description": self.description,
            "input_schema": self.parameters.schema,
        }

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> KernelTool:
        if instance is None:
            return self
        method = self.function.__get__(instance, owner)
        return KernelTool(method, name=self.name, description=self._given, timeout=self.timeout)

    def __repr__(self) -> str:
        return f"<tool {self.name}{inspect.signature(self.function)}>"


@overload
def tool(function: Callable[..., Any], /) -> KernelTool: ...
@overload
def tool(
    function: None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> Callable[[Callable[..., Any]], KernelTool]: ...
@overload
def tool(
    function: Callable[..., Any],
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> KernelTool: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> KernelTool | Callable[[Callable[..., Any]], KernelTool]:
    """Make a function of this kernel a tool, that ``%%agent --tool NAME`` gives to an agent.

    Parameters
    ----------
    function:
        Sync or async. Every parameter has an annotation; the docstring tells the agent what it does.
    name:
        What the agent calls it: 1 to 128 letters, digits, ``_`` or ``-``; by default the function's name.
    description:
        By default the docstring, without its sections.
    timeout:
        Seconds that a call may take.

    Raises
    ------
    AgentError
        The function cannot be a tool; the message says what to change.
    """
    if function is None:
        return functools.partial(KernelTool, name=name, description=description, timeout=timeout)
    inner = function.function if isinstance(function, KernelTool) else function
    return KernelTool(inner, name=name, description=description, timeout=timeout)


def _need_function(function: Any) -> None:
    if isinstance(function, type) or not callable(function) or not hasattr(function, "__name__"):
        raise AgentError(
            f"A tool is a function; {str(function)[:100]!r} is of the type {type(function).__name__}."
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise AgentError(f"{function.__name__}: a tool cannot yield; return a list.")


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise AgentError(
            f"A tool's name has 1 to 128 letters, digits, '_' or '-'; {name[:140]!r} has not. "
            "Give one: @ja.tool(name=...)."
        )
    if name in TOOLS or name.startswith("mcp__"):
        raise AgentError(f"{name!r} is the name of a built-in tool. Give another: @ja.tool(name=...).")
    return name


def _takes_self(function: Callable[..., Any]) -> bool:
    """Whether this is a method that has no object yet."""
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return first is not None and first.name == "self" and first.annotation is first.empty


def _bound(function: Callable[..., Any], taken: Callable[..., Any]) -> Callable[..., Any]:
    """`taken`, with the annotations of `function`."""
    if taken is not function:
        parameters = list(inspect.signature(function).parameters.values())[1:]
        taken.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        taken.__annotations__ = function.__annotations__
        taken.__wrapped__ = function  # type: ignore[attr-defined]
    return taken


def _documented(function: Callable[..., Any]) -> tuple[str, Mapping[str, str]]:
    """What the docstring says: of the function, and of its parameters."""
    text = inspect.getdoc(function) or ""
    from docstring_parser import ParseError, parse

    try:
        parsed = parse(text)
    except ParseError:
        return text, {}
    said = "\n\n".join(filter(None, (parsed.short_description, parsed.long_description)))
    found = {part.arg_name: part.description for part in parsed.params if part.description}
    return said or text, found

"""The tools as the model sees them: built-in, custom, MCP. Source: spec section 8.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_agents.domain import mcp
from jupyter_agents.domain.permissions import enabled_tools
from jupyter_agents.domain.web_config import WEB_TOOLS

Doc = dict[str, Any]

SANDBOX = frozenset({"bash", "read", "write", "edit", "glob", "grep"})
"""The built-in tools that run in a sandbox."""

WEB = frozenset(WEB_TOOLS)
"""The built-in tools that this server runs itself."""

OFFERED = SANDBOX | WEB
"""The built-in tools that this server offers."""


def _tool(name: str, description: str, required: tuple[str, ...], **properties: Doc) -> Doc:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"name": name, "description": description, "input_schema": schema}


def _string(description: str) -> Doc:
    return {"type": "string", "description": description}


_PATH = _string("Absolute, or relative to /workspace.")

BUILT_IN: dict[str, Doc] = {
    tool["name"]: tool
    for tool in (
        _tool(
            "bash",
            "Run a command in a bash shell that lives as long as the session: directory, variables, "
            "functions and background jobs carry over to the next call. Standard error is merged into "
            "the output; there is no standard input.",
            (),
            command=_string("The command line to run."),
            restart={"type": "boolean", "description": "Replace the shell by a fresh one."},
            timeout_ms={
                "type": "integer",
                "description": "Stop the command after so many milliseconds (default 120000).",
            },
        ),
        _tool(
            "read",
            "Read a text file, an image (png, jpeg, gif, webp) or a PDF.",
            ("file_path",),
            file_path=_PATH,
            view_range={
                "type": "array",
                "items": {"type": "integer"},
                "description": "First and last line, counted from 1; a last line of -1 means the end.",
            },
        ),
        _tool(
            "write",
            "Write a file, replacing what was there; missing folders are made.",
            ("file_path", "content"),
            file_path=_PATH,
            content=_string("The whole new content."),
        ),
        _tool(
            "edit",
            "Replace a text in a file. The old text must occur exactly once, unless replace_all is set.",
            ("file_path", "old_string", "new_string"),
            file_path=_PATH,
            old_string=_string("The text to replace, exactly as it stands in the file."),
            new_string=_string("What to put in its place."),
            replace_all={"type": "boolean", "description": "Replace every occurrence."},
        ),
        _tool(
            "glob",
            "List files that match a pattern, newest first.",
            ("pattern",),
            pattern=_string("Such as **/*.py; relative."),
            path=_string("The folder to start from (default /workspace)."),
        ),
        _tool(
            "grep",
            "Search files for a regular expression; answers lines as file:line:text.",
            ("pattern",),
            pattern=_string("A regular expression."),
            path=_string("A file or folder to search (default /workspace)."),
        ),
        _tool(
            "web_fetch",
            "Get a web page as markdown, or a text, JSON, XML, PDF or image file. Public addresses only; "
            "scripts are not run.",
            ("url",),
            url=_string("A whole http:// or https:// address."),
        ),
        _tool(
            "web_search",
            "Search the web; answers titles, addresses and excerpts. Read a page whole with web_fetch.",
            ("query",),
            query=_string("What to look for."),
        ),
    )
}


def definitions(agent: Mapping[str, Any], listed: mcp.Listed) -> list[Doc]:
    """The Messages API's ``tools`` for a session's agent, whose MCP servers list `listed`."""
    built_in = [BUILT_IN[name] for name in enabled_tools(agent, OFFERED)]
    custom = [
        {k: tool[k] for k in ("name", "description", "input_schema")}
        for tool in agent["tools"]
        if tool["type"] == "custom"
    ]
    return built_in + custom + mcp.definitions(agent, listed)


def needs_sandbox(agent: Mapping[str, Any]) -> bool:
    """Whether any tool of `agent` runs in a sandbox."""
    return bool(enabled_tools(agent, SANDBOX))

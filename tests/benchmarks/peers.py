"""Peers that are installed, on the same model and the same task."""

from __future__ import annotations

import importlib.util
import os
import time
from typing import Any


async def claude_agent_sdk(url: str, calls: int) -> float | None:
    """Seconds per tool call of claude-agent-sdk, which has no sandbox; None where it is not installed."""
    if importlib.util.find_spec("claude_agent_sdk") is None:
        return None
    sdk: Any = importlib.import_module("claude_agent_sdk")
    options = sdk.ClaudeAgentOptions(
        allowed_tools=["Bash"],
        model="claude-opus-4-7",
        env={**os.environ, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "none"},
    )
    first = last = 0.0
    results = 0
    async for message in sdk.query(prompt=f"calls {calls}", options=options):
        if any(type(b).__name__ == "ToolResultBlock" for b in getattr(message, "content", None) or ()):
            results += 1
            last = time.perf_counter()
            first = first or last
    if results < calls:
        raise RuntimeError(f"claude-agent-sdk answered {results} of {calls} calls")
    return (last - first) / (calls - 1)

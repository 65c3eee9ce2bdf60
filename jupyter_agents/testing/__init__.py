"""What to test agents with: a scripted model behind a real HTTP endpoint.

The only fake is the outermost seam, the model's endpoint; everything else in a test is real.
"""

from __future__ import annotations

from jupyter_agents.testing.model import Fault, Reply, ScriptedModel, call, say, summary, think

__all__ = ["Fault", "Reply", "ScriptedModel", "call", "say", "summary", "think"]

"""The model of an agent: its id with effort, speed and geography resolved. Source: spec section 1.2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_agents.domain import limits, pricing
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]

GEOGRAPHIES = ("us", "global")


def resolve_model(given: Any) -> Doc:
    """The model object that is stored and shown, from a model string or object.

    What is absent or null gets the model's default. Of a model that is not in the table any effort is
    kept, and a fast mode is refused. Raises `InvalidRequest` for what the model does not have.
    """
    if given is None:
        raise InvalidRequest("model: it cannot be cleared; give a model id.", code="agent_model_required")
    config = {"id": given} if isinstance(given, str) else dict(given)
    model_id = limits.text("model", config["id"], limits.MAX_NAME, shortest=1)
    facts = pricing.model(model_id)
    speed = config.get("speed") or "standard"
    if speed == "fast" and not facts.fast:
        raise InvalidRequest(f"model.speed: {model_id[:100]} has no fast mode.")
    geography = config.get("inference_geo")
    if geography not in (None, *GEOGRAPHIES):
        raise InvalidRequest("model.inference_geo: expected 'us', 'global' or null.")
    if geography is not None and not facts.geo:
        raise InvalidRequest(f"model.inference_geo: {model_id[:100]} runs without one; leave it out.")
    return {
        "id": model_id,
        "effort": _effort(config.get("effort"), facts),
        "speed": speed,
        "inference_geo": geography,
    }


def update_model(given: Any, stored: Mapping[str, Any]) -> Doc:
    """`given` in place of `stored`: an effort that is left out stays with its model (spec section 1.6)."""
    config = {"id": given} if isinstance(given, str) else given
    if config is not None and config.get("id") == stored["id"] and "effort" not in config:
        config = config | {"effort": stored["effort"]}
    return resolve_model(config)


def _effort(given: Any, facts: pricing.Model) -> Doc | None:
    level = given["type"] if isinstance(given, Mapping) else given or facts.effort
    if level is None:
        return None
    if facts.known and level not in facts.efforts:
        raise InvalidRequest(
            f"model.effort: {facts.id} has no level {level!r}; expected {', '.join(facts.efforts)}."
        )
    return {"type": level}

from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain import pricing
from jupyter_agents.domain.model_config import resolve_model, update_model
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]

LEVELS = ("low", "medium", "high", "xhigh", "max")
HIGH = {"type": "high"}


@pytest.mark.parametrize(
    ("model", "resolved"),
    [
        ("claude-haiku-5-5", {"effort": {"type": "medium"}}),
        ("claude-opus-5-5", {"effort": {"type": "medium"}}),
        ("claude-opus-5", {"effort": HIGH}),
        ("claude-haiku-4-5-20251001", {"id": "claude-haiku-4-5-20251001", "effort": HIGH}),
        ({"id": "claude-opus-5", "effort": "low"}, {"effort": {"type": "low"}}),
        ({"id": "claude-opus-5", "effort": {"type": "max"}}, {"effort": {"type": "max"}}),
        ({"id": "claude-opus-5", "effort": None}, {"effort": HIGH}),
        ({"id": "claude-opus-5", "speed": "fast"}, {"speed": "fast"}),
        (
            {"id": "claude-opus-5", "speed": None, "inference_geo": "us"},
            {"speed": "standard", "inference_geo": "us"},
        ),
        ({"id": "claude-opus-5", "inference_geo": "global"}, {"inference_geo": "global"}),
        ("local-model", {"effort": None, "speed": "standard", "inference_geo": None}),
        ({"id": "local-model", "effort": "xhigh"}, {"effort": {"type": "xhigh"}}),
    ],
)
def test_models_are_objects(model: Any, resolved: Doc) -> None:
    found = resolve_model(model)
    assert found.items() >= resolved.items() and found.keys() == {"id", "effort", "speed", "inference_geo"}
    assert resolve_model(found) == found


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        ("claude-opus-4-7", LEVELS),
        ("claude-opus-4-6", ("low", "medium", "high", "max")),
        ("claude-sonnet-4-6", ("low", "medium", "high", "max")),
        ("claude-opus-4-5-20251101", ("low", "medium", "high")),
        ("claude-sonnet-4-5", ("high",)),
        ("claude-haiku-4-5", ("high",)),
    ],
)
def test_a_level_that_a_model_lacks_is_refused(model: str, levels: tuple[str, ...]) -> None:
    for level in LEVELS:
        if level in levels:
            assert resolve_model({"id": model, "effort": level})["effort"] == {"type": level}
        else:
            with pytest.raises(InvalidRequest, match=rf"^model\.effort: .*'{level}'"):
                resolve_model({"id": model, "effort": {"type": level}})


@pytest.mark.parametrize("name", pricing.known_models())
def test_every_known_model_resolves(name: str) -> None:
    effort = resolve_model(name)["effort"]
    assert effort is not None and effort["type"] in pricing.model(name).efforts


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ({"id": "claude-haiku-4-5", "speed": "fast"}, "model.speed"),
        ({"id": "local", "speed": "fast"}, "model.speed"),
        ({"id": "claude-opus-5", "inference_geo": "mars"}, "model.inference_geo"),
        ({"id": "claude-opus-5", "inference_geo": ""}, "model.inference_geo"),
        ({"id": "claude-opus-4-5", "inference_geo": "us"}, "model.inference_geo"),
        ("", "model"),
        ({"id": "x" * 257}, "model"),
        (None, "model"),
    ],
)
def test_what_a_model_does_not_have(model: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        resolve_model(model)
    assert caught.value.message.startswith(f"{field}:")


LOW = resolve_model({"id": "claude-opus-5", "effort": "low", "inference_geo": "us", "speed": "fast"})


@pytest.mark.parametrize(
    ("given", "effort"),
    [
        ("claude-opus-5", "low"),
        ({"id": "claude-opus-5"}, "low"),
        ({"id": "claude-opus-5", "effort": None}, "high"),
        ({"id": "claude-opus-5", "effort": "max"}, "max"),
        ("claude-opus-5-5", "medium"),
        ({"id": "claude-opus-5-5", "effort": "low"}, "low"),
    ],
)
def test_an_effort_stays_with_its_model_and_the_rest_is_replaced(given: Any, effort: str) -> None:
    new = update_model(given, LOW)
    assert new["effort"] == {"type": effort}
    assert (new["speed"], new["inference_geo"]) == ("standard", None)


def test_a_model_cannot_be_cleared() -> None:
    with pytest.raises(InvalidRequest) as caught:
        update_model(None, LOW)
    assert caught.value.code == "agent_model_required"

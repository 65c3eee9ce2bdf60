"""What users import stays where it is."""

from __future__ import annotations

import importlib

import pytest

import jupyter_agents

EXPORTED = {
    "jupyter_agents": jupyter_agents.__all__,
    "jupyter_agents.testing": ["Fault", "Reply", "ScriptedModel", "call", "say", "summary", "think"],
}


@pytest.mark.parametrize("module", EXPORTED)
def test_the_public_names_are_there_and_listed(module: str) -> None:
    found = importlib.import_module(module)
    assert sorted(found.__all__) == sorted(EXPORTED[module])
    assert all(hasattr(found, name) for name in EXPORTED[module])


def test_the_package_offers_itself_to_jupyter() -> None:
    (point,) = jupyter_agents._jupyter_server_extension_points()
    assert point["module"] == "jupyter_agents" and point["app"].name == "jupyter_agents"
    (labextension,) = jupyter_agents._jupyter_labextension_paths()
    assert labextension["dest"] == "jupyter-agents"


def test_importing_the_package_imports_little() -> None:
    import subprocess
    import sys

    program = (
        "import sys, jupyter_agents; "
        "print(*[m for m in ('anthropic', 'tornado', 'jupyter_server', 'docker') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""

from __future__ import annotations

import pytest

from jupyter_agents.domain.hosting import Life
from jupyter_agents.domain.settings import (
    SESSION,
    SHARED,
    Settings,
    check_keys,
    check_shared,
    max_turns,
    notebook_folder,
    settings,
)
from jupyter_agents.errors import InvalidRequest

CEILING = Settings(
    cpus=4,
    memory=4 * 1024**3,
    pids=1000,
    open_files=5000,
    file_size=1536 * 1024**2,
    disk=10 * 1024**3,
    call_timeout=900,
    idle_timeout=7200,
    stop_timeout=7200,
)


def asked(**keys: str) -> Settings:
    metadata = {f"jupyter-agents/{k.replace('_', '-')}": v for k, v in keys.items()}
    return settings(Settings(), CEILING, metadata)


def test_nothing_asked_is_the_default() -> None:
    assert settings(Settings(), CEILING, {}, {"other": "key"}) == Settings()


def test_values_are_read() -> None:
    found = asked(
        **{"sandbox": "docker", "image": "i", "cpus": "0.5", "memory": "512MiB", "pids": "16"},
        **{"open_files": "256", "file_size": "1MiB", "disk": "1.5GiB", "call_timeout": "60"},
        **{"idle_timeout": "300s", "stop_timeout": "900", "hosting": "hybrid"},
    )
    assert found == Settings(
        *("docker", "i", 0.5, 512 * 1024**2, 16, 256, 1024**2, 1610612736, 60.0, 300.0, 900.0, "hybrid")
    )
    assert found.life == Life("hybrid", 300.0, 900.0)


def test_a_longer_idle_timeout_puts_the_stop_off() -> None:
    assert asked(idle_timeout="5000s").stop_timeout == 5000
    assert asked(idle_timeout="5000s", stop_timeout="60s").stop_timeout == 60


def test_the_session_beats_the_environment() -> None:
    environment = {"jupyter-agents/cpus": "1", "jupyter-agents/pids": "20"}
    found = settings(Settings(), CEILING, environment, {"jupyter-agents/cpus": "2"})
    assert (found.cpus, found.pids) == (2, 20)


def test_the_notebooks_folder_is_shown_unless_it_is_refused() -> None:
    key = "jupyter-agents/notebook-folder"
    assert notebook_folder({}) and notebook_folder({key: "yes"}) and not notebook_folder({key: "no"})
    with pytest.raises(InvalidRequest, match="expected yes or no"):
        notebook_folder({key: "false"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sandbox", "none"),
        ("cpus", "0"),
        ("cpus", "-1"),
        ("cpus", "5"),
        ("cpus", "many"),
        ("cpus", "1e9"),
        ("cpus", "nan"),
        ("cpus", "٣"),
        ("pids", "0.5"),
        ("pids", "2000"),
        ("memory", "1GB"),
        ("memory", "0"),
        ("memory", "5GiB"),
        ("disk", "11GiB"),
        ("disk", ""),
        ("open_files", "0"),
        ("open_files", "1.5"),
        ("file_size", "2 GB"),
        ("call_timeout", "-1"),
        ("call_timeout", "1.5s"),
        ("idle_timeout", "0s"),
        ("idle_timeout", "5m"),
        ("idle_timeout", "7201"),
        ("stop_timeout", "1h"),
        ("stop_timeout", "7201"),
    ],
)
def test_a_value_that_cannot_be_had_is_refused_by_name(key: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**{key: value})
    assert f"jupyter-agents/{key.replace('_', '-')}" in caught.value.message


@pytest.mark.parametrize(
    ("key", "value", "ceiling"),
    [
        ("cpus", "4.5", "4"),
        ("memory", "5GiB", "4GiB"),
        ("pids", "1001", "1000"),
        ("open_files", "5001", "5000"),
        ("file_size", "2GiB", "1536MiB"),
        ("disk", "1TiB", "10GiB"),
        ("call_timeout", "901s", "900s"),
        ("idle_timeout", "7201", "7200s"),
        ("stop_timeout", "7201", "7200s"),
    ],
)
def test_a_limit_above_the_ceiling_names_the_key_and_the_ceiling(key: str, value: str, ceiling: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**{key: value})
    assert caught.value.message == (
        f"metadata.jupyter-agents/{key.replace('_', '-')}: {value} is above the ceiling of {ceiling} that "
        "this server's administrator set."
    )


@pytest.mark.parametrize(
    ("key", "value", "least"),
    [("memory", "31MiB", "32MiB"), ("pids", "15", "16"), ("open_files", "255", "256")],
)
def test_a_limit_below_what_any_sandbox_needs_is_refused(key: str, value: str, least: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**{key: value})
    assert f"{value} is below {least}, the least that a sandbox needs" in caught.value.message


def test_an_unknown_pattern_is_answered_with_the_four() -> None:
    with pytest.raises(InvalidRequest, match="ephemeral, long-running, hybrid, shared"):
        asked(hosting="here")


def test_a_session_asks_for_nothing_of_its_own_where_all_is_shared() -> None:
    shared, own = asked(hosting="shared"), {"jupyter-agents/memory": "1GiB", "mine": "x"}
    check_shared(asked(), own)
    check_shared(shared, {"jupyter-agents/max-turns": "3", "memory": "1"})
    with pytest.raises(InvalidRequest, match="jupyter-agents/memory: sessions with hosting shared"):
        check_shared(shared, own)


def test_a_slip_in_our_own_keys_is_not_silent() -> None:
    check_keys({"jupyter-agents/cpus": "1", "mine": "x"}, SHARED)
    check_keys({"jupyter-agents/max-turns": "1"}, SHARED | SESSION)
    for key in ("jupyter-agents/cpu", "jupyter-agents/max-turns"):
        with pytest.raises(InvalidRequest, match=key):
            check_keys({key: "1"}, SHARED)


@pytest.mark.parametrize("value", ["0", "2.5", "1.0", "-3", "x", "10001", ""])
def test_turns_are_a_whole_number(value: str) -> None:
    with pytest.raises(InvalidRequest, match="max-turns"):
        max_turns({"jupyter-agents/max-turns": value}, 200)


def test_turns_have_a_default() -> None:
    assert max_turns({}, 200) == 200
    assert max_turns({"jupyter-agents/max-turns": "7"}, 200) == 7

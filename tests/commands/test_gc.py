from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

import pytest

from jupyter_agents.commands import gc
from tests.commands.conftest import Shell

Stored = Callable[..., str]


def test_an_old_session_goes_when_asked(shell: Shell, stored: Stored) -> None:
    old, young = stored(days=40), stored(days=20, agent={"system": "b"})
    assert shell.json("gc")["sessions"] == []
    said = shell.json("gc", "--older-than", "30d", "--dry-run")
    assert said["sessions"] == [old] and said["dry_run"]
    assert len(shell.json("sessions", "--all")) == 2
    status, out, _ = shell("gc", "--older-than", "30d")
    assert status == 0 and "1 old sessions" in out and "freed" in out
    assert [s["id"] for s in shell.json("sessions", "--all")] == [young]
    assert shell("gc", "--older-than", "30d")[1].startswith("There is nothing to remove")


def test_retention_is_a_trait_that_the_options_beat(shell: Shell, stored: Stored) -> None:
    old = stored(days=40)
    shell.configure(retention_days=60)
    assert shell.json("gc", "--dry-run")["sessions"] == []
    assert shell.json("gc", "--dry-run", "--older-than", "5w")["sessions"] == [old]
    shell.configure(retention_days=30)
    assert shell.json("gc", "--dry-run", "--keep", "1")["sessions"] == []
    assert shell.json("gc")["sessions"] == [old]


def test_a_wrong_trait_is_said(shell: Shell) -> None:
    shell.configure(retention_days="soon")
    status, out, err = shell("gc")
    assert (status, out) == (1, "") and "retention_days" in err and "Traceback" not in err


def test_a_configuration_that_cannot_be_read_is_said(shell: Shell) -> None:
    (shell.config / "jupyter_server_config.py").write_text("c.JupyterAgents.data_dir = nowhere")
    status, _, err = shell("gc")
    assert status == 1 and "NameError" in err and len(err.splitlines()) == 1


def test_no_store_is_not_made(shell: Shell) -> None:
    assert shell("gc")[0] == 0 and not shell.data.exists()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("2w", timedelta(days=14)),
        ("0s", timedelta(0)),
    ],
)
def test_ages(text: str, wanted: timedelta) -> None:
    assert gc.age(text) == wanted


@pytest.mark.parametrize("text", ["30", "d", "-1d", "1y", "1.5d", "9999999d"])
def test_what_is_no_age_is_bad_usage(shell: Shell, text: str) -> None:
    status, out, err = shell("gc", f"--older-than={text}")
    assert (status, out) == (2, "") and "--older-than" in err


def test_packages_that_no_environment_names_go(shell: Shell, stored: Stored) -> None:
    stored(days=1)
    place = shell.data / "packages" / "0123"
    place.mkdir(parents=True)
    (place / "module.py").write_text("x" * 1000)
    mark = place.with_suffix(".json")
    mark.write_text("{}")
    assert shell.json("gc")["removed"].get("packages") is None
    for path in (place, mark):
        os.utime(path, (0, 0))
    assert shell.json("gc")["removed"]["packages"] == {"number": 1, "bytes": 1002}
    assert not list(place.parent.iterdir())

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from jupyter_agents.sandbox.indexes import Indexes, Setting, find_indexes, gather


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (
            Setting("https://mirror.corp/simple", "PIP_INDEX_URL"),
            Indexes(("mirror.corp",), ("mirror.corp:443",), {"PIP_INDEX_URL": "https://mirror.corp/simple"}),
        ),
        (
            Setting("http://me:s3cret@mirror.corp:8081/simple", "PIP_INDEX_URL"),
            Indexes(
                ("mirror.corp",),
                ("mirror.corp:8081",),
                {"PIP_INDEX_URL": "http://mirror.corp:8081/simple"},
                ("The user name and password in PIP_INDEX_URL stay outside of the sandbox.",),
            ),
        ),
        (
            Setting("https://go.corp,https://b.example|direct", "GOPROXY"),
            Indexes(
                ("go.corp", "b.example"),
                ("go.corp:443", "b.example:443"),
                {"GOPROXY": "https://go.corp,https://b.example|direct"},
            ),
        ),
        (Setting("https://default.example/", "X", mirror=False), Indexes(("default.example",))),
        (
            Setting("http://127.0.0.1:3141/root", "PIP_INDEX_URL"),
            Indexes(notes=("PIP_INDEX_URL is not passed on: it names this machine itself or no host.",)),
        ),
        (
            Setting("file:///srv/wheels", "PIP_EXTRA_INDEX_URL"),
            Indexes(
                notes=(
                    "PIP_EXTRA_INDEX_URL names an index that is not at an http address; it is not passed on.",
                )
            ),
        ),
        (
            Setting("http://[::1/", "X"),
            Indexes(notes=("X is not passed on: it names this machine itself or no host.",)),
        ),
        (Setting(""), Indexes()),
    ],
)
def test_what_follows_from_a_setting(setting: Setting, expected: Indexes) -> None:
    assert gather([setting]) == expected


def test_the_first_that_names_a_variable_sets_it() -> None:
    found = gather([Setting("https://a.example", "GOPROXY"), Setting("https://b.example", "GOPROXY")])
    assert found.env == {"GOPROXY": "https://a.example"} and found.hosts == ("a.example",)


def test_every_manager_is_asked(tmp_path: Path) -> None:
    """The managers are scripts that answer as the real ones do; pip is the real one."""
    answers = {
        "npm": 'test "$npm_config_userconfig" = /dev/null && echo https://npm.default.example/ '
        "|| echo https://npm.corp/",
        "go": 'test "$GOENV" = off && echo \'{"GOPROXY": "https://go.default.example,direct", '
        '"GOSUMDB": "sum.default.example"}\' '
        '|| echo \'{"GOPROXY": "https://go.corp,direct", "GOSUMDB": "sum.default.example"}\'',
        "gem": "echo '*** CURRENT SOURCES ***'; echo; echo https://gem.default.example/",
    }
    for name, answer in answers.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{answer}\n")
        (tmp_path / name).chmod(0o755)
    sources = tmp_path / "etc/apt/sources.list.d"
    sources.mkdir(parents=True)
    (sources.parent / "sources.list").write_text(
        "# deb http://old.example/ x\ndeb http://apt.corp/d x main\n"
    )
    (sources / "more.sources").write_text("Types: deb\nURIs: https://apt2.corp/d https://apt3.corp/d\n")
    (tmp_path / "config.toml").write_text('[registries.c]\nindex = "sparse+https://cargo.corp/i/"\n')
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://me:s3cret@pip.corp/simple\n")
    environ = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "CARGO_HOME": str(tmp_path),
        "PIP_CONFIG_FILE": str(config),
    }
    found = find_indexes(environ, tmp_path)
    assert dict(found.env) == {
        "PIP_INDEX_URL": "https://pip.corp/simple",
        "npm_config_registry": "https://npm.corp/",
        "GOPROXY": "https://go.corp,direct",
    }
    trusted = {f"{name}.corp:443" for name in ("pip", "npm", "go", "apt2", "apt3", "cargo")}
    assert trusted | {"apt.corp:80"} <= set(found.trusted)
    assert "s3cret" not in repr(found)
    asked = {"npm.default.example", "go.default.example", "gem.default.example", "sum.default.example"}
    defaults = set(found.hosts) - {entry.rpartition(":")[0] for entry in found.trusted}
    assert asked < defaults, "pip's own defaults are asked of pip"
    assert "old.example" not in found.hosts


def test_a_machine_without_any_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    assert find_indexes({"PATH": str(tmp_path)}, tmp_path) == Indexes()
    found = find_indexes({"PATH": str(tmp_path), "PIP_INDEX_URL": "https://pip.corp/"}, tmp_path)
    assert found.env == {"PIP_INDEX_URL": "https://pip.corp/"}

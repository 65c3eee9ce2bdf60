"""Which package indexes this machine uses, asked from its package managers' own configuration.

The host names are those of each manager's settings and of its built-in default; none is written
here. What is configured (a mirror) is passed on as a variable, without user names and passwords.

Source: docs/sandboxes.md "Network"; ``pip config``, ``npm config``, ``go env``, ``gem sources``,
``sources.list(5)``, the configuration of cargo.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from .hosts import literal_address, normalise

ASK_SECONDS = 20.0
LARGEST_FILE = 1_000_000
VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "npm_config_registry", "GOPROXY")
PIP_DEFAULTS = (
    "from pip._internal.models.index import PyPI as p\n"
    "print(p.simple_url, 'https://' + p.file_storage_domain)"
)
PIP_SETTING = re.compile(r"(:env:|install|global)\.(index-url|extra-index-url)=(.+)")
ELSEWHERE = re.compile(r"\b(?!https?:)[a-z][a-z0-9+.-]*://[^\s,|]+")
URL = re.compile(r"https?://[^\s,|\"'\]]+")


@dataclass(frozen=True)
class Setting:
    """What a package manager said.

    value: text with the addresses of indexes. variable: how it is passed on, or "". mirror: whether it
    was configured here, and is not the manager's default.
    """

    value: str
    variable: str = ""
    mirror: bool = True


@dataclass(frozen=True)
class Indexes:
    """hosts: of every index. trusted: ``host:port`` of the mirrors. env: variables for sandboxes.
    notes: what could not be passed on."""

    hosts: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_indexes(environ: Mapping[str, str] = os.environ, system: Path = Path("/")) -> Indexes:
    """Ask every package manager of this machine. Blocks for a second or so; never raises.

    system: below it lies ``etc/apt``; tests give their own.
    """
    home = Path(environ.get("HOME") or "/nonexistent")
    with ThreadPoolExecutor(4, "jupyter-agents-indexes") as pool:
        asked = [pool.submit(ask, environ) for ask in (_pip, _npm, _go, _gem)]
        read = [*_apt(system / "etc/apt"), *_cargo(Path(environ.get("CARGO_HOME") or home / ".cargo"))]
        return gather([*_variables(environ), *(s for one in asked for s in one.result()), *read])


def gather(settings: Iterable[Setting]) -> Indexes:
    """What follows from the managers' settings; the first that names a variable sets it."""
    hosts: dict[str, None] = {}
    trusted: dict[str, None] = {}
    env: dict[str, str] = {}
    notes: dict[str, None] = {}
    for setting in settings:
        if setting.variable in env:
            continue
        name = setting.variable or "a package index"
        cleaned = ELSEWHERE.sub("", setting.value).strip()
        if setting.variable and cleaned != setting.value.strip():
            notes[f"{name} names an index that is not at an http address; it is not passed on."] = None
        for url in URL.findall(setting.value):
            try:
                parts = urlsplit(url)
                host, port = normalise(parts.hostname or ""), parts.port
            except ValueError:
                host, port = None, None
            if host is None or _is_loopback(host):
                notes[f"{name} is not passed on: it names this machine itself or no host."] = None
                cleaned = ""
                break
            if parts.username is not None:
                notes[f"The user name and password in {name} stay outside of the sandbox."] = None
                place = parts.netloc.rpartition("@")[2]
                cleaned = cleaned.replace(url, urlunsplit(parts._replace(netloc=place)))
            hosts[host] = None
            if setting.mirror:
                trusted[f"{host}:{port or (443 if parts.scheme == 'https' else 80)}"] = None
        if setting.variable and setting.mirror and cleaned:
            env[setting.variable] = cleaned
    return Indexes(tuple(hosts), tuple(trusted), env, tuple(notes))


def _is_loopback(host: str) -> bool:
    address = literal_address(host)
    return host == "localhost" or host.endswith(".localhost") or bool(address and address.is_loopback)


def _variables(environ: Mapping[str, str]) -> list[Setting]:
    values = {name: environ.get(name) or environ.get(name.upper()) for name in VARIABLES}
    return [Setting(value, name) for name, value in values.items() if value]


def _pip(environ: Mapping[str, str]) -> list[Setting]:
    defaults = Setting(_said([sys.executable, "-c", PIP_DEFAULTS], environ), mirror=False)
    settings = {}
    for line in _said([sys.executable, "-m", "pip", "config", "list"], environ).splitlines():
        if found := PIP_SETTING.fullmatch(line):
            section, key, value = found.groups()
            settings[section, key] = str(ast.literal_eval(value))
    order = [
        (section, key)
        for section in (":env:", "install", "global")
        for key in ("index-url", "extra-index-url")
    ]
    configured = [
        Setting(settings[one], "PIP_" + one[1].upper().replace("-", "_")) for one in order if one in settings
    ]
    return [*configured, defaults]


def _npm(environ: Mapping[str, str]) -> list[Setting]:
    nothing = {"npm_config_userconfig": os.devnull, "npm_config_globalconfig": "/nonexistent/npmrc"}
    bare = {k: v for k, v in environ.items() if not k.lower().startswith("npm_config_")} | nothing
    ask = ["npm", "config", "get", "registry"]
    default, now = _said(ask, bare).strip(), _said(ask, environ).strip()
    return [
        Setting(now, "npm_config_registry", mirror=bool(default) and now != default),
        Setting(default, mirror=False),
    ]


def _go(environ: Mapping[str, str]) -> list[Setting]:
    names = ("GOPROXY", "GOSUMDB")
    bare = {k: v for k, v in environ.items() if k not in names} | {"GOENV": "off"}
    ask = ["go", "env", "-json", *names]
    default, now = _object(_said(ask, bare)), _object(_said(ask, environ))
    settings = []
    for name in names:
        value = now.get(name, "")
        mirror = value != default.get(name)
        if name == "GOSUMDB" and value and value != "off" and "://" not in value:
            settings.append(Setting("https://" + value.partition("+")[0], mirror=mirror))
        settings += [Setting(value, name, mirror), Setting(default.get(name, ""), mirror=False)]
    return settings


def _gem(environ: Mapping[str, str]) -> list[Setting]:
    configured = Path(environ.get("HOME") or "/nonexistent", ".gemrc").is_file()
    return [Setting(_said(["gem", "sources", "--list"], environ), mirror=configured)]


def _apt(folder: Path) -> list[Setting]:
    lists = sorted(folder.glob("sources.list.d/*"))
    return [Setting(_text(p)) for p in (folder / "sources.list", *lists) if p.suffix in (".list", ".sources")]


def _cargo(home: Path) -> list[Setting]:
    return [Setting(_text(home / name)) for name in ("config.toml", "config")]


def _text(path: Path) -> str:
    """A configuration file without its comments; "" where there is none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(LARGEST_FILE).splitlines()
    except OSError:
        return ""
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def _object(text: str) -> dict[str, str]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def _said(command: list[str], environ: Mapping[str, str]) -> str:
    """What a package manager prints; "" where it is missing or fails."""
    try:
        ran = subprocess.run(
            command,
            cwd="/",
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return ran.stdout if ran.returncode == 0 else ""

"""What an environment has installed: packages by manager, their names, and what a failure was about.

Names go on the command lines of installers, so only what a registry can name is let through: no
option, no path, no address. Versions pass in the manager's own syntax.

Source: spec section 2.2 (``packages``), docs/sandboxes.md "Packages".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from jupyter_agents.domain import limits
from jupyter_agents.errors import InvalidRequest

MANAGERS = ("apt", "cargo", "gem", "go", "npm", "pip")
"""In the order in which they run."""

MAX_PACKAGES = 500
SHOWN = 8
LAST_LINES = 6
LONGEST = 600

_VERSION = r"[0-9][A-Za-z0-9.+_~-]*"
_NPM_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_PIP_VERSION = r"\s*(===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9][A-Za-z0-9.*+!_-]*\s*"
_NAMES = {
    "apt": r"[a-z0-9][a-z0-9+.-]*[a-z0-9+](:[a-z0-9-]*[a-z0-9])?(=[0-9][A-Za-z0-9.+:~-]*|/[a-z][a-z0-9-]*)?",
    "cargo": r"[A-Za-z][A-Za-z0-9_-]*(@[~^=]?[0-9][A-Za-z0-9.+-]*)?",
    "gem": rf"[A-Za-z0-9][A-Za-z0-9._-]*(:((~>|>=|<=|=|>|<) ?)?{_VERSION})?",
    "go": r"[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]+(/[A-Za-z0-9_~][A-Za-z0-9._~+-]*)+"
    r"(@[A-Za-z0-9][A-Za-z0-9.+/_-]*)?",
    "npm": rf"(@{_NPM_PART}/)?{_NPM_PART}(@[A-Za-z0-9.*^~<>=+_| -]+)?",
    "pip": r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\s*(\[[A-Za-z0-9._, -]*\])?\s*"
    rf"({_PIP_VERSION}(,{_PIP_VERSION})*)?",
}
_EXAMPLES = {
    "apt": "jq or jq=1.6-2.1",
    "cargo": "hyperfine@1.18.0",
    "gem": "rails:7.1.0",
    "go": "golang.org/x/tools/cmd/goimports@latest",
    "npm": "express@4.18.0",
    "pip": "pandas==2.2.0",
}
_COMPLAINT = re.compile(r"\berr(or)?\b|^E:|not found|unable|could not", re.IGNORECASE)
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

Packages = Mapping[str, Sequence[str]]


def checked(manager: str, names: Sequence[str]) -> list[str]:
    """`names` if each is one that `manager` takes, else `InvalidRequest` naming the field."""
    field = f"config.packages.{manager}"
    if len(names) > MAX_PACKAGES:
        raise InvalidRequest(f"{field}: {len(names)} packages, at most {MAX_PACKAGES} are allowed.")
    for position, name in enumerate(names):
        limits.text(f"{field}.{position}", name, limits.MAX_NAME, shortest=1)
        if not re.fullmatch(_NAMES[manager], name) or name != name.strip() or "\n" in name:
            raise InvalidRequest(
                f"{field}.{position}: {name[:100]!r} is not the name of a package; give one as {manager} "
                f"takes it, such as {_EXAMPLES[manager]}, without options, paths or addresses."
            )
    return list(names)


def wanted(lists: Packages) -> dict[str, tuple[str, ...]]:
    """What there is to install, in the order of `MANAGERS`; managers without packages are left out."""
    return {manager: tuple(lists[manager]) for manager in MANAGERS if lists.get(manager)}


def digest(*parts: object) -> str:
    """A name for what `parts`, which are JSON, say: 32 hex digits."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def lists_digest(lists: Packages) -> str:
    """A name for what an environment wants installed."""
    return digest({manager: list(names) for manager, names in wanted(lists).items()})


def installing(manager: str, names: Sequence[str]) -> str:
    """What a user is told while it is done."""
    return f"Installing {manager} packages: {_listed(names)}."


def failure(manager: str, names: Sequence[str], output: str) -> str:
    """One sentence on which package failed, then the last lines of what the manager said."""
    plain = _ESCAPE.sub("", output).replace("\r", "\n")
    lines = ["".join(c for c in line if c.isprintable()).strip() for line in plain.splitlines()]
    last = [line for line in lines if line][-LAST_LINES:]
    said = "\n".join(last)[-LONGEST:]
    complaints = "\n".join(filter(_COMPLAINT.search, last))
    blamed = [name for name in names if _mentions(complaints, _bare(manager, name))] or names
    return f"{manager} could not install {_listed(blamed)}. It said: {said or 'nothing.'}"


def refused(manager: str, kind: str, possible: Sequence[str]) -> str:
    """Why a sandbox of `kind` cannot be had with packages of `manager`, and what to do."""
    able = f"install {' and '.join(possible)} packages only" if possible else "cannot install packages"
    return (
        f"config.packages.{manager}: {kind} sandboxes {able}. Use Docker (metadata "
        f"jupyter-agents/sandbox: docker), or take the {manager} packages out of the environment."
    )


def _bare(manager: str, name: str) -> str:
    if manager == "npm":
        return name[0] + name[1:].partition("@")[0]
    return re.split(r"[@=:\[<>~! /]" if manager != "go" else "@", name, maxsplit=1)[0]


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE) is not None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more

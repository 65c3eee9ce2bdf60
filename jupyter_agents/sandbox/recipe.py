"""The Dockerfile of an image with an environment's packages: one RUN for each manager.

A manager that the image lacks is installed with apt first. What is installed lies in the system's
places, because a sandbox has its own home directory. Names are checked (`domain.packages`), and
quoted here all the same.

Source: docs/sandboxes.md "Packages".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from shlex import quote

LABEL = "jupyter-agents.packages"
LABEL_BASE = "jupyter-agents.base"
LABEL_STORE = "jupyter-agents.store"

NODE_MODULES = "/usr/local/lib/node_modules"
_APT = "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends"
_CLEAN = "rm -rf /var/lib/apt/lists/*"


def dockerfile(
    base: str,
    labels: Mapping[str, str],
    packages: Mapping[str, Sequence[str]],
    arguments: Iterable[str] = (),
    files: Sequence[str] = (),
) -> str:
    """The recipe's text.

    Parameters
    ----------
    base:
        The id of the image to add to.
    labels:
        What the image is found by.
    packages:
        Names by manager, in the order in which the managers run.
    arguments:
        Names of variables that the build is given, such as ``PIP_INDEX_URL``.
    files:
        Paths inside of files that the build's context has as ``0``, ``1`` ...: certificates.
    """
    labelled = " ".join(f"{name}={value}" for name, value in labels.items())
    lines = [f"FROM {base}", f"LABEL {labelled}", "USER root"]
    lines += [f"COPY {json.dumps([str(number), target])}" for number, target in enumerate(files)]
    lines += [f"ARG {name}" for name in sorted(arguments)]
    lines += [f"RUN {_RUNS[manager](names)}" for manager, names in packages.items()]
    if "npm" in packages:
        lines.append(f"ENV NODE_PATH={NODE_MODULES}")
    return "\n".join(lines) + "\n"


def _quoted(names: Sequence[str]) -> str:
    return " ".join(quote(name) for name in names)


def _needs(program: str, *debian: str) -> str:
    install = f"apt-get update && {_APT} {' '.join(debian)} && {_CLEAN}"
    return f"{{ command -v {program} >/dev/null || {{ {install}; }}; }}"


def _apt(names: Sequence[str]) -> str:
    return f"apt-get update && {_APT} -- {_quoted(names)} && apt-get clean && {_CLEAN}"


def _cargo(names: Sequence[str]) -> str:
    cargo = f"CARGO_HOME=/tmp/cargo cargo install --root /usr/local -- {_quoted(names)}"
    return f"{_needs('cargo', 'cargo')} && {cargo} && rm -rf /tmp/cargo"


def _gem(names: Sequence[str]) -> str:
    ruby = _needs("gem", "ruby", "ruby-dev", "build-essential")
    return f"{ruby} && gem install --no-document {_quoted(names)}"


def _go(names: Sequence[str]) -> str:
    given = [name if "@" in name else f"{name}@latest" for name in names]
    folders = "GOBIN=/usr/local/bin GOPATH=/tmp/go GOCACHE=/tmp/go-cache GOFLAGS=-modcacherw"
    installs = " && ".join(f"{folders} go install {quote(name)}" for name in given)
    return (
        f"{_needs('go', 'golang-go', 'git', 'ca-certificates')} && {installs} && rm -rf /tmp/go /tmp/go-cache"
    )


def _npm(names: Sequence[str]) -> str:
    npm = f"npm install --global --prefix /usr/local --no-audit --no-fund -- {_quoted(names)}"
    return f"{_needs('npm', 'npm')} && {npm} && rm -rf /root/.npm"


def _pip(names: Sequence[str]) -> str:
    variables = "PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore"
    pip = f"{variables} python3 -m pip install --no-cache-dir --no-input -- {_quoted(names)}"
    return f"{_needs('pip3', 'python3-pip')} && {pip}"


_RUNS: dict[str, Callable[[Sequence[str]], str]] = {
    "apt": _apt,
    "cargo": _cargo,
    "gem": _gem,
    "go": _go,
    "npm": _npm,
    "pip": _pip,
}

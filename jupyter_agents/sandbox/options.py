"""What a provider tells a toolhost when it starts it: one JSON argument, never a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .base import Limits
from .beside import NOTEBOOK


@dataclass(frozen=True)
class Root:
    """A directory (or file) that the file tools may reach.

    virtual: its path as the agent knows it. real: where it lies for the toolhost, where that is
    another place (Landlock); "" is the same place.
    """

    virtual: str
    real: str = ""
    writable: bool = False


WORKSPACE = "/workspace"
UPLOADS = "/mnt/session/uploads"
OUTPUTS = "/mnt/session/outputs"
OVERFLOW = "/tmp/tool-outputs"

STANDARD_ROOTS = (
    Root(WORKSPACE, writable=True),
    Root(OUTPUTS, writable=True),
    Root(UPLOADS),
    Root(OVERFLOW, writable=True),
)
NOTEBOOK_ROOT = Root(NOTEBOOK)


@dataclass(frozen=True)
class ToolhostOptions:
    """How a toolhost runs.

    roots: what the file tools may reach; the first is the working directory. env: added to the
    toolhost's own environment for the tools. limits: file_size, open_files and call_seconds are
    set from it, pids is watched. processes: RLIMIT_NPROC, for providers that want it. uid: taken
    on with the same gid when the toolhost starts as root. egress: the egress proxy's unix socket
    inside; None is no network. confine: Landlock's rules and a seccomp program, from `landlock`.
    """

    roots: tuple[Root, ...] = STANDARD_ROOTS
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    processes: int | None = None
    uid: int | None = None
    egress: str | None = None
    confine: Mapping[str, Any] | None = None

    def arguments(self, zipapp: str) -> list[str]:
        """What follows ``python3`` on the command line. zipapp: its path inside."""
        options = {
            "roots": [[r.virtual, r.real or r.virtual, r.writable] for r in self.roots],
            "env": dict(self.env),
            "call_seconds": self.limits.call_seconds,
            "pids": self.limits.pids,
            "rlimits": {
                "FSIZE": self.limits.file_size,
                "NOFILE": self.limits.open_files,
                "CORE": 0,
                **({} if self.processes is None else {"NPROC": self.processes}),
            },
            "uid": self.uid,
            "egress": self.egress,
            "confine": self.confine,
        }
        return ["-I", "-S", "-W", "ignore", zipapp, json.dumps(options, separators=(",", ":"))]

"""What one sandbox container is made of: a `SandboxSpec` as the engine's create request.

Writable are ``/workspace``, its ``outputs``, and a few sized tmpfs over the directories that anyone
may write to; the user is not root and has no capability, so the image's own files stay as they are.

Source: docs/decisions.md (sandbox and network), Docker Engine API, ``POST /containers/create``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.types import LogConfig, Ulimit
from docker.types import Mount as Bind

from .base import Mount, SandboxSpec
from .beside import NOTEBOOK, Cover
from .embedded import extra_roots
from .options import NOTEBOOK_ROOT, OUTPUTS, STANDARD_ROOTS, UPLOADS, WORKSPACE, Root, ToolhostOptions

LABEL_SESSION = "jupyter-agents.session"
LABEL_OWNER = "jupyter-agents.owner"
HOME = "/home/agent"

_OWN = "/opt/jupyter-agents"
TOOLHOST = f"{_OWN}/toolhost.pyz"
_NETWORK = f"{_OWN}/network"
_PROCESSES = 16384

CARRIED_ROOTS = tuple(
    Root(root.virtual, f"{WORKSPACE}/outputs", root.writable) if root.virtual == OUTPUTS else root
    for root in STANDARD_ROOTS
)
"""Where there is no second mount, the outputs are reached through a link."""


def tmpfs(memory: int) -> dict[str, str]:
    """The mounts of memory over directories that anyone may write to, and their options.

    memory: what the container may use, bytes; a mount may fill half of it at most. A directory that
    the image has keeps its own mode.
    """
    half, little = f"size={memory // 2}", f"size={memory // 16}"
    return {
        "/tmp": f"rw,exec,nosuid,nodev,mode=1777,{half}",
        HOME: f"rw,exec,nosuid,nodev,mode=1777,{half}",
        "/var/tmp": f"rw,exec,nosuid,nodev,mode=1777,{little}",
        "/run": f"rw,exec,nosuid,nodev,mode=1777,{little}",
    }


def on_tmpfs(target: str) -> bool:
    """Whether the path `target` inside lies on a mount that the engine cannot write to later."""
    return any(target.startswith(f"{place}/") for place in (*tmpfs(0), "/dev", "/proc", "/sys"))


def container_name(session_id: str) -> str:
    """A name for the container of a session, or of none yet."""
    return f"jupyter-agents-{session_id[-6:]}-{secrets.token_hex(4)}"


def create_request(
    api: APIClient,
    spec: SandboxSpec,
    *,
    image: str,
    user: str,
    owner: str,
    toolhost: Path,
    network: Path | None,
    mounts: Sequence[Mount],
    runtime: str | None,
    cover: Cover | None = None,
    carried: bool = False,
) -> dict[str, Any]:
    """The arguments of ``create_container``.

    Parameters
    ----------
    user:
        ``uid:gid`` inside.
    toolhost:
        The zipapp on the host.
    network:
        The egress socket on the host, in a directory of its own; `None` is no network.
    mounts:
        Files and directories that are bound read-only.
    runtime:
        An engine runtime such as ``runsc`` (gVisor); `None` is the engine's default.
    cover:
        What is covered of the notebook's folder, which is bound where this is given.
    carried:
        Whether nothing but `mounts` is bound: see `cargo`.
    """
    limits = spec.limits
    standard = CARRIED_ROOTS if carried else STANDARD_ROOTS
    options = ToolhostOptions(
        env={"HOME": HOME, "LANG": "C.UTF-8", **spec.env},
        limits=limits,
        roots=(*standard, *(() if cover is None else (NOTEBOOK_ROOT,)), *extra_roots(spec, real=False)),
        egress=None if network is None else f"{_NETWORK}/{network.name}",
    )
    binds = [_bind(mount.source, mount.target) for mount in mounts]
    if not carried:
        binds += [
            _bind(spec.workspace, WORKSPACE, writable=True),
            _bind(spec.workspace / "outputs", OUTPUTS, writable=True),
            _bind(spec.uploads, UPLOADS),
            _bind(toolhost, TOOLHOST),
        ]
    if cover is not None and not carried:
        empty, nothing = toolhost.with_name("empty"), toolhost.with_name("nothing")
        empty.touch(mode=0o444)
        nothing.mkdir(mode=0o555)
        binds.append(_bind(cover.folder, NOTEBOOK))
        binds += [_bind(empty, f"{NOTEBOOK}/{name}") for name in cover.files]
        binds += [_bind(nothing, f"{NOTEBOOK}/{name}") for name in cover.directories]
    if network is not None:
        binds.append(_bind(network.parent, _NETWORK))
    host_config = api.create_host_config(
        mounts=binds,
        tmpfs=tmpfs(limits.memory),
        shm_size=limits.memory // 16,
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        init=True,
        mem_limit=limits.memory,
        memswap_limit=limits.memory,
        pids_limit=limits.pids,
        nano_cpus=int(limits.cpus * 1e9),
        ulimits=[
            Ulimit(name="nofile", soft=limits.open_files, hard=limits.open_files),
            Ulimit(name="nproc", soft=_PROCESSES, hard=_PROCESSES),
            Ulimit(name="fsize", soft=limits.file_size, hard=limits.file_size),
            Ulimit(name="core", soft=0, hard=0),
        ],
        log_config=LogConfig(type="none", config={}),
        runtime=runtime,
    )
    return {
        "image": image,
        "command": options.arguments(TOOLHOST),
        "entrypoint": ["python3"],
        "name": container_name(spec.session_id),
        "hostname": "sandbox",
        "user": user,
        "working_dir": WORKSPACE,
        "environment": {"HOME": HOME, "LANG": "C.UTF-8"},
        "labels": {LABEL_SESSION: spec.session_id, LABEL_OWNER: owner},
        "stdin_open": True,
        "tty": False,
        "network_disabled": False,
        "host_config": host_config,
        "use_config_proxy": False,
    }


def _bind(source: Path, target: str, *, writable: bool = False) -> Bind:
    return Bind(target, str(source), type="bind", read_only=not writable)

"""The contract between the runtime and whatever isolates an agent's tools.

A *provider* (Docker, bubblewrap, Landlock) starts a *sandbox* for one session. A sandbox runs the
toolhost, a small stdlib-only program that executes ``bash``, ``read``, ``write``, ``edit``, ``glob``
and ``grep``; the host talks to it in JSON lines.

Trust model. Everything that comes out of a sandbox is hostile: frames, file names, file contents,
sizes. Nothing secret goes in. A sandbox has an empty network of its own; the only way out is the
egress proxy on a unix socket that the host serves.

Failures are of three kinds and never mixed:

- the command failed: a `ToolResult` with ``is_error``;
- a limit was hit: a `ToolResult` with ``is_error`` whose text names the limit; the sandbox goes on;
- the provider failed: `SandboxUnavailable` is raised; the runtime ends the open call as an error
  and starts a fresh sandbox for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from .beside import Beside

GIB = 1024**3

SANDBOX_TOOLS = ("bash", "read", "write", "edit", "glob", "grep")


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use.

    cpus: cores. memory, file_size, disk: bytes. pids: processes. open_files: descriptors per
    process. call_seconds: the longest any one call may take, seconds.
    """

    cpus: float = 1.0
    memory: int = GIB
    pids: int = 256
    open_files: int = 4096
    file_size: int = GIB
    disk: int = 5 * GIB
    call_seconds: float = 600.0


@dataclass(frozen=True)
class Refusal:
    """A connection that was not allowed, and why; `host` is a normalised name or address."""

    host: str
    port: int
    reason: str


@dataclass(frozen=True)
class Network:
    """Where a sandbox may go: nowhere (`None` in the spec), listed hosts, or every public host.

    allowed_hosts: bare host names or ``*.example.com``; `None` means every public host.
    trusted: ``host`` or ``host:port``, which may be at a private address where it is allowed.
    Other private, loopback, link-local and metadata addresses are refused in any case.
    told: called with each refusal.
    """

    allowed_hosts: tuple[str, ...] | None = None
    trusted: tuple[str, ...] = ()
    told: Callable[[Refusal], None] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Mount:
    """A host file that the agent reads at `target` (absolute path inside), always read-only."""

    source: Path
    target: str


@dataclass(frozen=True)
class SandboxSpec:
    """What a provider needs to start one sandbox.

    workspace: host directory that is ``/workspace`` (read-write); its ``outputs/`` is also
    ``/mnt/session/outputs``. uploads: host directory that is ``/mnt/session/uploads`` (read-only;
    additions appear at once). mounts: files at exact paths. network: `None` is no network.
    image: a container image, for providers that use one. uid: the user id inside when the server
    runs as root. python: ``(sys.prefix, sys.base_prefix)`` of the notebook's environment, bound
    read-only and put first on PATH by embedded providers. env: extra variables for the tools; never
    secrets. beside: the notebook's folder, shown read-only at ``/mnt/notebook``; `None` is none.
    packages: what to install first, by manager (`SandboxProvider.managers`). told: takes a sentence on
    what is being installed, and "" afterwards. own_path: the workspace is at its own path too, for what
    is installed there.
    notes: what the user should know of this spec. warm: whether a sandbox may be taken that was started
    before; it brings an empty workspace folder of its own, in place of the one that is there.
    """

    session_id: str
    workspace: Path
    uploads: Path
    mounts: tuple[Mount, ...] = ()
    limits: Limits = field(default_factory=Limits)
    network: Network | None = None
    image: str | None = None
    uid: int = 65532
    python: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    beside: Beside | None = None
    packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    told: Callable[[str], None] = field(default=lambda text: None, compare=False)
    own_path: bool = False
    notes: tuple[str, ...] = ()
    warm: bool = False


@dataclass(frozen=True)
class ToolResult:
    """What a tool call gives back: wire content blocks (text, image, document) and the verdict.

    limit: whether it is an error because a limit was hit.
    """

    content: list[dict[str, Any]]
    is_error: bool = False
    limit: bool = field(default=False, compare=False)

    @classmethod
    def text(cls, text: str, *, is_error: bool = False) -> ToolResult:
        """One text block; an empty text becomes ``(no output)`` (spec section 8.7)."""
        return cls([{"type": "text", "text": text or "(no output)"}], is_error)

    def beyond(self, limit: str) -> ToolResult:
        """This result of a call that hit `limit`: an error that says so in its last line."""
        return replace(self.saying(limit), is_error=True, limit=True)

    def saying(self, line: str) -> ToolResult:
        """This result with one more line, in brackets."""
        *content, last = self.content
        if last["type"] == "text":
            gap = "" if last["text"].endswith("\n") else "\n"
            content.append({"type": "text", "text": f"{last['text']}{gap}[{line}]"})
        else:
            content += [last, {"type": "text", "text": f"[{line}]"}]
        return ToolResult(content, self.is_error, self.limit)


@dataclass(frozen=True)
class Probe:
    """Whether a provider works on this machine, found out by running the real thing.

    reason: one sentence, why or why not. remedy: what a user can do about it, or "".
    """

    kind: str
    ok: bool
    reason: str
    remedy: str = ""


@dataclass(frozen=True)
class Warm:
    """The sandboxes that wait for a session: how many are ready, and should be.

    problem: why there are fewer, or None.
    """

    ready: int
    wanted: int
    problem: str | None = None


class Sandbox(Protocol):
    """One running sandbox. Calls may overlap; `cancel` ends them all."""

    kind: str
    notes: tuple[str, ...]
    """Sentences the user should know, such as "no network with Landlock"."""
    image: str | None
    """The digest of the image that was made for its packages; None for none."""

    @property
    def alive(self) -> bool:
        """Whether a call can still be answered."""

    async def call(self, name: str, input: Mapping[str, Any]) -> ToolResult:
        """Run one of `SANDBOX_TOOLS`. Raises `SandboxUnavailable` when the sandbox is gone."""

    async def cancel(self) -> None:
        """Stop every running call and its whole process tree within 500 ms; the open `call`s
        return an error result. Background jobs of earlier calls live on."""

    async def add_file(self, mount: Mount) -> None:
        """Make one more file readable while the sandbox runs."""

    async def pause(self) -> bool:
        """Let nothing inside run until `resume`, keeping the shell, its variables and its jobs.

        Returns whether it is so now. A sandbox that cannot, or that has an open call, goes on running and
        says False: it is ended at the stop timeout instead. `close` ends a paused one too. Raises
        `SandboxUnavailable` when the sandbox is gone.
        """
        return False

    async def resume(self) -> None:
        """Go on after `pause`; does nothing to one that runs. Raises `SandboxUnavailable`."""

    async def memory(self) -> int | None:
        """Bytes of memory that it takes now; None where that is not known. Never raises."""
        return None

    async def close(self) -> None:
        """End everything inside. Idempotent; never raises."""


class SandboxProvider(Protocol):
    """Starts sandboxes of one kind."""

    @property
    def kind(self) -> str:
        """``docker``, ``bubblewrap``, ``landlock``, or a name of your own."""

    @property
    def managers(self) -> tuple[str, ...]:
        """The package managers of which it installs packages (`domain.packages.MANAGERS`)."""

    async def probe(self) -> Probe:
        """Run the real argument list once and say whether it works."""

    async def start(self, spec: SandboxSpec) -> Sandbox:
        """Start a sandbox. Raises `SandboxUnavailable` with what to do."""

    async def close(self) -> None:
        """End all sandboxes of this provider."""


@runtime_checkable
class ImageProvider(Protocol):
    """What a provider that makes sandboxes of images may offer besides."""

    async def probe(self, image: str | None = None) -> Probe:
        """As `SandboxProvider.probe`, with a sandbox of `image`."""

    async def image_problem(self, image: str) -> str | None:
        """Why no sandbox can be made of `image`, with what to do; None where one can, or none can tell."""


@runtime_checkable
class WarmProvider(Protocol):
    """What a provider that starts sandboxes before they are asked for may offer besides."""

    @property
    def warm(self) -> Warm | None:
        """How those are; None for a provider that keeps none."""

    def keep_warm(self, number: int, root: Path, data: Path, first: SandboxSpec | None = None) -> None:
        """Keep `number` sandboxes ready from now on, for specs with ``warm``. Only the first call counts.

        What servers left that were killed is removed, with 0 too.

        root: the directory below which the workspaces lie. data: the one below which the uploads lie.
        first: what they are like until a session starts, then they are like that one's.
        """

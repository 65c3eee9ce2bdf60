"""Our own metadata keys: what environments and sessions ask of their sandbox.

``jupyter-agents/{sandbox,image,cpus,memory,pids,open-files,file-size,disk,call-timeout,idle-timeout,
stop-timeout,hosting}`` on an environment or a session,
``jupyter-agents/{workspace,max-turns,notebook,notebook-folder,forked-from}`` on a session. The session's
value beats the environment's, that beats the server's; none goes above the server's ceilings.
Source: docs/decisions.md "Names".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jupyter_agents.domain.hosting import PATTERNS, Life
from jupyter_agents.errors import InvalidRequest

PREFIX = "jupyter-agents/"
SHARED = frozenset(
    {
        *("sandbox", "image", "cpus", "memory", "pids", "open-files", "file-size", "disk"),
        *("call-timeout", "idle-timeout", "stop-timeout", "hosting"),
    }
)
SESSION = frozenset({"workspace", "max-turns", "notebook", "notebook-folder", "forked-from"})
NOT_SHARED = (SHARED - {"idle-timeout", "stop-timeout", "hosting"}) | {"workspace"}
"""What a session cannot ask for where a sandbox is shared."""
AUTO, UNSAFE = "auto", "unsafe"
BEST_FIRST = ("docker", "bubblewrap", "landlock")
"""The kinds that ``auto`` tries where nothing else is set."""
SANDBOXES = (AUTO, *BEST_FIRST, UNSAFE)
LEAST = {"memory": 32 * 1024**2, "pids": 16, "open-files": 256}
"""What a sandbox needs for itself."""
MOST_TURNS = 10_000
UNITS = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}


@dataclass(frozen=True)
class Settings:
    """What a sandbox is asked for. memory, file_size and disk are bytes; call_timeout, idle_timeout, after
    which it is paused, and stop_timeout are seconds; hosting is one of `hosting.PATTERNS`."""

    sandbox: str = AUTO
    image: str | None = None
    cpus: float = 1.0
    memory: int = 1024**3
    pids: int = 256
    open_files: int = 4096
    file_size: int = 1024**3
    disk: int = 5 * 1024**3
    call_timeout: float = 600.0
    idle_timeout: float = 600.0
    stop_timeout: float = 3600.0
    hosting: str = "long-running"

    @property
    def life(self) -> Life:
        """What becomes of the sandbox while nothing happens."""
        return Life(self.hosting, self.idle_timeout, self.stop_timeout)


def settings(
    default: Settings, ceiling: Settings, *metadata: Mapping[str, str], kinds: Sequence[str] = SANDBOXES
) -> Settings:
    """`default` as changed by each of `metadata` in turn (environment first, then session); `kinds` is what
    may be named as a sandbox.

    Raises `InvalidRequest` naming the key for a value that cannot be read, is above `ceiling`, or is too
    little for any sandbox.
    """
    given: dict[str, str] = {}
    for pairs in metadata:
        given |= {k.removeprefix(PREFIX): v for k, v in pairs.items() if k.startswith(PREFIX)}
    if given.get("sandbox", AUTO) not in kinds:
        raise InvalidRequest(f"metadata.{PREFIX}sandbox: expected one of {', '.join(kinds)}.")
    if given.get("hosting", default.hosting) not in PATTERNS:
        raise InvalidRequest(f"metadata.{PREFIX}hosting: expected one of {', '.join(PATTERNS)}.")
    cpus = _number("cpus", given.get("cpus"), default.cpus, ceiling.cpus)
    idle = _seconds("idle-timeout", given, default.idle_timeout, ceiling.idle_timeout)
    stop = max(default.stop_timeout, idle)
    return Settings(
        sandbox=given.get("sandbox", default.sandbox),
        image=given.get("image", default.image),
        cpus=cpus,
        memory=_size("memory", given.get("memory"), default.memory, ceiling.memory),
        pids=_whole("pids", given.get("pids"), default.pids, ceiling.pids),
        open_files=_whole("open-files", given.get("open-files"), default.open_files, ceiling.open_files),
        file_size=_size("file-size", given.get("file-size"), default.file_size, ceiling.file_size),
        disk=_size("disk", given.get("disk"), default.disk, ceiling.disk),
        call_timeout=_seconds("call-timeout", given, default.call_timeout, ceiling.call_timeout),
        idle_timeout=idle,
        stop_timeout=_seconds("stop-timeout", given, stop, ceiling.stop_timeout),
        hosting=given.get("hosting", default.hosting),
    )


def check_shared(found: Settings, metadata: Mapping[str, str]) -> None:
    """Raises `InvalidRequest` where a session asks for something of its own in a sandbox that is shared."""
    own = sorted(k for k in metadata if k.removeprefix(PREFIX) in NOT_SHARED and k.startswith(PREFIX))
    if found.hosting == "shared" and own:
        raise InvalidRequest(
            f"metadata.{own[0]}: sessions with hosting shared have one sandbox and one workspace, which the "
            "environment decides about."
        )


def check_keys(metadata: Mapping[str, str], known: frozenset[str]) -> None:
    """Raises `InvalidRequest` for a key of ours that nobody knows, so that a slip is not silent."""
    for key in metadata:
        if key.startswith(PREFIX) and key.removeprefix(PREFIX) not in known:
            names = ", ".join(sorted(known))
            raise InvalidRequest(f"metadata.{key}: unknown; the keys below {PREFIX} are {names}.")


def max_turns(metadata: Mapping[str, str], default: int) -> int:
    """``jupyter-agents/max-turns``: model requests per user turn."""
    return _whole("max-turns", metadata.get(PREFIX + "max-turns"), default, MOST_TURNS)


def _whole(key: str, text: str | None, default: int, ceiling: int) -> int:
    if text is not None and not re.fullmatch(r"[0-9]+", text):
        raise InvalidRequest(f"metadata.{PREFIX}{key}: {text[:50]!r} is not a whole number above 0.")
    return int(_number(key, text, default, ceiling))


def _number(key: str, text: str | None, default: float, ceiling: float) -> float:
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text) or float(text) <= 0:
        raise InvalidRequest(f"metadata.{PREFIX}{key}: {text[:50]!r} is not a number above 0.")
    return _below(key, float(text), ceiling, text, f"{ceiling:g}")


def _size(key: str, text: str | None, default: int, ceiling: int) -> int:
    if text is None:
        return default
    found = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([KMGT]iB|B|)", text)
    if found is None or not float(found[1]):
        raise InvalidRequest(f"metadata.{PREFIX}{key}: {text[:50]!r} is not a size such as 512MiB or 1GiB.")
    return int(_below(key, float(found[1]) * UNITS[found[2]], ceiling, text, size_text(ceiling)))


def notebook_folder(metadata: Mapping[str, str]) -> bool:
    """Whether the session's sandbox may show its notebook's folder; raises `InvalidRequest`."""
    given = metadata.get(f"{PREFIX}notebook-folder", "yes")
    if given not in ("yes", "no"):
        raise InvalidRequest(f"metadata.{PREFIX}notebook-folder: expected yes or no.")
    return given == "yes"


def _seconds(key: str, given: Mapping[str, str], default: float, ceiling: float) -> float:
    text = given.get(key)
    if text is None:
        return default
    found = re.fullmatch(r"([0-9]{1,9})s?", text)
    if found is None or not int(found[1]):
        raise InvalidRequest(f"metadata.{PREFIX}{key}: {text[:50]!r} is not a time such as 300s.")
    return _below(key, float(found[1]), ceiling, text, f"{ceiling:g}s")


def size_text(size: int) -> str:
    """`size` bytes as metadata says them: in the largest unit of which they are a whole number."""
    unit, factor = [(unit, factor) for unit, factor in UNITS.items() if size % factor == 0][-1]
    return f"{size // factor}{unit}"


def _below(key: str, value: float, ceiling: float, text: str, most: str) -> float:
    if value < LEAST.get(key, 0):
        least = size_text(LEAST[key]) if key == "memory" else LEAST[key]
        raise InvalidRequest(
            f"metadata.{PREFIX}{key}: {text} is below {least}, the least that a sandbox needs."
        )
    if value > ceiling:
        raise InvalidRequest(
            f"metadata.{PREFIX}{key}: {text} is above the ceiling of {most} that this server's "
            "administrator set."
        )
    return value

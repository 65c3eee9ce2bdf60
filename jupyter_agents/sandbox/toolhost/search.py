"""The glob and grep tools.

Source: spec section 8.5. grep is ripgrep where the sandbox has one outside the roots, else a walk
in a forked process of its own: a pattern that backtracks for ever can be killed there.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import stat
from collections.abc import Callable, Iterator
from itertools import islice

from .answers import Content, ToolError, optional_text, text_argument
from .paths import Root, Roots, canonical, within
from .processes import Children

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

GLOB_RESULTS = 200
WALK_ENTRIES = 50_000
OUTPUT_LIMIT = 100 * 1024
LINE_LIMIT = 2000
CPU_SECONDS = 30
TRUNCATED = f"[output truncated at {OUTPUT_LIMIT} bytes]"
SKIPPED = (".git", "node_modules")
CLOSED = "Permission denied (os error 13)"
FOUND, NOTHING, BAD_PATTERN = 0, 1, 2


def glob(roots: Roots, arguments: dict[str, Any]) -> Content:
    from pathlib import Path, PurePosixPath

    pattern = text_argument("glob", arguments, "pattern")
    path = optional_text("glob", arguments, "path")
    if pattern.startswith("/"):
        raise ToolError("glob: absolute pattern not permitted; pass a relative pattern (and optionally path)")
    if ".." in PurePosixPath(pattern).parts:
        raise ToolError("glob: '..' is not permitted in the pattern")
    top, root = _start("glob", roots, path)
    try:
        matches = [str(match) for match in islice(Path(top).glob(pattern), WALK_ENTRIES)]
    except (ValueError, OSError, NotImplementedError) as e:
        raise ToolError(f"glob: {e}") from e
    matches = list(_inside(matches, top))
    if not matches:
        return "no matches"
    matches.sort(key=_modified, reverse=True)
    return "\n".join(root.shown(match) for match in matches[:GLOB_RESULTS])


def grep(
    roots: Roots,
    arguments: dict[str, Any],
    children: Children,
    environment: dict[str, str],
    started: Callable[[int], None],
) -> Content:
    """started: told the pid of the searching process, so that a cancel can kill it."""
    pattern = text_argument("grep", arguments, "pattern")
    path = optional_text("grep", arguments, "path")
    top, root = _start("grep", roots, path)
    ripgrep = _ripgrep(roots, environment)
    if ripgrep is not None:
        command = [ripgrep, "--no-config", "-n", "--no-heading", "-e", pattern, "--", top]
        output, errors, status = _run(children, started, _spawner(command, environment))
        said = errors.decode("utf-8", "replace")
        lines = said.splitlines()
        closed = bool(lines) and all(CLOSED in line for line in lines[:-1] or lines)
        if status not in (FOUND, NOTHING) and len(output) <= OUTPUT_LIMIT and not closed:
            raise ToolError(f"grep: rg failed: {said}")
    else:
        output, errors, status = _run(children, started, _forker(pattern, top))
        said = errors.decode("utf-8", "replace")
        if status == BAD_PATTERN:
            raise ToolError(f"grep: invalid regex: {said}")
        if status in (-signal.SIGXCPU, -signal.SIGKILL):
            raise ToolError(f"grep: timed out after {CPU_SECONDS}s")
        output = output.rstrip(b"\n")
        return _show(output.decode("utf-8", "replace"), root) if output else "no matches"
    text = output.decode("utf-8", "replace")
    if len(text) > OUTPUT_LIMIT:
        text = f"{text[:OUTPUT_LIMIT]}\n{TRUNCATED}"
    return _show(text, root) if text else "no matches"


def _start(tool: str, roots: Roots, path: str) -> tuple[str, Root]:
    return roots.resolve(tool, path) if path else (roots.workdir.real, roots.workdir)


def _inside(matches: list[str], top: str) -> Iterator[str]:
    """Those that lie inside `top` once links are followed; each directory is looked at once."""
    directories: dict[str, bool] = {}
    for match in matches:
        if os.path.islink(match):
            inside = _stays_inside(match, top)
        else:
            directory = os.path.dirname(match) if match != top else top
            if directory not in directories:
                directories[directory] = _stays_inside(directory, top)
            inside = directories[directory]
        if inside:
            yield match


def _stays_inside(path: str, top: str) -> bool:
    try:
        return within(canonical(path), top)
    except OSError:
        return False


def _modified(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _show(text: str, root: Root) -> str:
    if root.virtual == root.real:
        return text
    lines = text.split("\n")
    inside = root.real + "/", root.real + ":"
    return "\n".join(root.shown(line) if line.startswith(inside) else line for line in lines)


def _ripgrep(roots: Roots, environment: dict[str, str]) -> str | None:
    for entry in environment.get("PATH", os.defpath).split(":"):
        found = os.path.join(entry, "rg")
        runs = entry.startswith("/") and os.path.isfile(found) and os.access(found, os.X_OK)
        if runs and not roots.reach(found):
            return found
    return None


def _run(
    children: Children, started: Callable[[int], None], start: Callable[[int, int], int]
) -> tuple[bytes, bytes, int]:
    out, out_inside = os.pipe()
    err, err_inside = os.pipe()
    with open(out, "rb") as output, open(err, "rb") as errors:
        try:
            pid = children.add(lambda: start(out_inside, err_inside))
        finally:
            os.close(out_inside)
            os.close(err_inside)
        started(pid)
        found = output.read(4 * OUTPUT_LIMIT + 1)
        if len(found) > 4 * OUTPUT_LIMIT:
            children.kill(pid)
        said = errors.read(4096)
        children.kill(pid)
        return found, said, children.wait(pid)


def _spawner(command: list[str], environment: dict[str, str]) -> Callable[[int, int], int]:
    def start(out: int, err: int) -> int:
        return os.posix_spawn(
            command[0],
            command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, out, 1),
                (os.POSIX_SPAWN_DUP2, err, 2),
            ],
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )

    return start


def _forker(pattern: str, top: str) -> Callable[[int, int], int]:
    def start(out: int, err: int) -> int:
        pid = os.fork()
        if pid:
            return pid
        status = BAD_PATTERN
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            status = _walk(pattern, top, out)
        except re.error as e:
            os.write(err, str(e).encode("utf-8", "replace")[:4096])
        finally:
            os._exit(status)

    return start


def _walk(pattern: str, top: str, out: int) -> int:
    expression = re.compile(pattern)
    left = OUTPUT_LIMIT
    for path in islice(_files(top), WALK_ENTRIES):
        for line in _matches(expression, path):
            left -= len(line.decode("utf-8", "replace"))
            if left < 0:
                os.write(out, TRUNCATED.encode("ascii"))
                return FOUND
            os.write(out, line)
    return FOUND


def _files(top: str) -> Iterator[str]:
    if os.path.isfile(top):
        yield top
        return
    for directory, names, files in os.walk(top):
        names[:] = [name for name in names if name not in SKIPPED]
        for name in files:
            path = os.path.join(directory, name)
            try:
                if stat.S_ISREG(os.lstat(path).st_mode):
                    yield path
            except OSError:
                continue


def _matches(expression: re.Pattern[str], path: str) -> Iterator[bytes]:
    shown = os.fsencode(path)
    try:
        with open(path, "rb") as file:
            if b"\0" in file.read(512):
                return
            file.seek(0)
            number = 0
            while True:
                raw = file.readline(LINE_LIMIT + 1)
                if not raw:
                    return
                number += 1
                if len(raw) > LINE_LIMIT:
                    while raw and not raw.endswith(b"\n"):
                        raw = file.readline(65536)
                    continue
                line = raw.rstrip(b"\r\n")
                if expression.search(line.decode("utf-8", "replace")):
                    yield b"%s:%d:%s\n" % (shown, number, line)
    except OSError:
        return

"""What `jupyter agents gc` removes of installed packages: what no environment names any more.

Source: docs/sandboxes.md "Packages".
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from jupyter_agents.domain.packages import lists_digest, wanted
from jupyter_agents.runtime.cleanup import Removed, size
from jupyter_agents.store.catalog import Catalog

UNUSED_SECONDS = 86400.0
"""A sandbox that used a folder when it started may still run so long."""


def named(catalog: Catalog) -> set[str]:
    """The digests of the package lists that environments name. Blocks."""
    lists = [environment["config"].get("packages") or {} for environment in catalog.all("environment")]
    return {lists_digest(one) for one in lists if wanted(one)}


def folders(folder: Path, keep: Collection[str], *, dry_run: bool = False) -> Iterator[Removed]:
    """Remove the folders with packages that are not in `keep`; yields each once it is gone. Blocks.

    folder: where `sandbox.prefix` keeps them. One that was used within a day stays.
    """
    names = {path.stem for path in folder.iterdir()} if folder.is_dir() else set[str]()
    for name in sorted(names):
        parts = [folder / name, folder / f"{name}.json", folder / f"{name}.lock"]
        if _used(parts) > time.time() - UNUSED_SECONDS or _holds(parts[1]) in keep:
            continue
        weight = sum(size(path) for path in parts)
        if not dry_run:
            for path in parts[1:]:
                path.unlink(missing_ok=True)
            shutil.rmtree(parts[0], ignore_errors=True)
        yield Removed("packages", name, weight)


def _used(parts: list[Path]) -> float:
    times = [0.0]
    for path in parts:
        with contextlib.suppress(OSError):
            times.append(path.lstat().st_mtime)
    return max(times)


def _holds(mark: Path) -> str:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(mark.read_text())["packages"])
    return ""

"""Variables of the notebook as files for an agent: tables as parquet, arrays as npy, values as JSON.

No library is imported for the sake of a type: a DataFrame can only be there where pandas is loaded.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_agents.kernel import tabular
from jupyter_agents.kernel.bounded import Bounded, Full
from jupyter_agents.kernel.files import MAX_MB, MEGABYTE, Given, check, too_large
from jupyter_agents.kernel.problems import AgentError, did_you_mean

PLAIN = (dict, list, tuple, int, float, type(None))
Form = tuple[str, str]
"""The file's ending, and what the variable is, in one line."""


def pick(names: Sequence[str], space: Mapping[str, Any]) -> dict[str, Any]:
    """The variables called `names`; raises `AgentError` naming close ones where there is none."""
    for name in names:
        if name not in space:
            own = [known for known in space if not known.startswith("_")]
            raise AgentError(f"There is no variable {name!r}.{did_you_mean(name, own)}")
    return {name: space[name] for name in names}


def pack(name: str, value: Any, *, pickle: bool = False, max_mb: float = MAX_MB) -> Given:
    """The variable `name` as a file.

    Parameters
    ----------
    pickle:
        Pickle a value that has no other form.
    max_mb:
        The largest file, megabytes.

    Raises
    ------
    AgentError
        It is too large, or has no form as a file.
    """
    if isinstance(value, Path):
        return _file(name, value, max_mb)
    size = _size(value)
    if not tabular.is_table(value) and size > max_mb * MEGABYTE:
        raise too_large(f"The variable {name!r}", size, max_mb)
    buffer = Bounded(max_mb * MEGABYTE)
    try:
        ending, about = _write(name, value, buffer, pickle)
    except Full:
        if size > max_mb * MEGABYTE:
            raise too_large(f"The variable {name!r}", size, max_mb) from None
        raise AgentError(
            f"The variable {name!r} is more than {max_mb:g} MB as a file. Give a part of it, or raise the "
            f"limit with --max-mb."
        ) from None
    data = buffer.getvalue()
    return Given(f"{name}.{ending}", data, hashlib.sha256(data).hexdigest(), name, about)


def _write(name: str, value: Any, to: Bounded, pickle: bool) -> Form:
    why = ""
    try:
        form = _known(name, value, to)
    except (TypeError, ValueError, RecursionError) as error:
        form, why = None, f" ({str(error)[:200]})"
    if form is not None:
        return form
    if pickle:
        return _pickled(name, value, to)
    raise AgentError(
        f"The variable {name!r}, a {kind_of(value)}, has no plain form as a file{why}. Save it yourself and "
        "give the file with --file, or add --pickle."
    )


def _known(name: str, value: Any, to: Bounded) -> Form | None:
    if isinstance(value, str):
        to.write(value.encode("utf-8", "surrogateescape"))
        return "txt", f"str, {len(value):,} characters"
    if isinstance(value, bytes | bytearray | memoryview):
        to.write(value)
        return "bin", f"{kind_of(value)}, {memoryview(value).nbytes:,} bytes"
    if isinstance(value, PLAIN):
        return _json(value, to)
    if tabular.is_table(value):
        return tabular.write(name, value, to)
    if _is(value, "numpy", "generic"):
        return _json(value.item(), to, kind_of(value))
    if _is(value, "numpy", "ndarray"):
        sys.modules["numpy"].save(to, value, allow_pickle=False)
        return "npy", f"{kind_of(value)}, shape {value.shape}, {value.dtype}"
    if _is(value, "matplotlib.figure", "Figure"):
        value.savefig(to, format="png")
        return "png", "matplotlib Figure, drawn as an image"
    if _is(value, "PIL.Image", "Image"):
        fits = value.mode in ("1", "L", "LA", "I", "P", "RGB", "RGBA")
        (value if fits else value.convert("RGB")).save(to, "PNG")
        return "png", f"PIL Image, {value.width} x {value.height} pixels"
    return None


def _json(value: Any, to: Bounded, kind: str | None = None) -> Form:
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain)
    for part in encoder.iterencode(value):
        to.write(part.encode("utf-8", "backslashreplace"))
    length = f", {len(value):,} entries" if isinstance(value, dict | list | tuple) else ""
    return "json", f"{kind or kind_of(value)}{length}"


def _plain(value: Any) -> Any:
    if _is(value, "numpy", "generic") or _is(value, "numpy", "ndarray"):
        return value.tolist()
    raise TypeError(f"a {kind_of(value)} inside it is not JSON")


def _pickled(name: str, value: Any, to: Bounded) -> Form:
    import pickle

    to.clear()
    try:
        pickle.dump(value, to)
    except Full:
        raise
    except Exception as error:
        raise AgentError(
            f"The variable {name!r}, a {kind_of(value)}, cannot be pickled: {str(error)[:200]}"
        ) from None
    return "pkl", f"{kind_of(value)}, as a pickle"


def _file(name: str, path: Path, max_mb: float) -> Given:
    (found,) = check([str(path)], max_mb)
    data = path.expanduser().read_bytes()
    stamp = hashlib.sha256(data).hexdigest()
    return Given(f"{name}{path.suffix}", data, stamp, name, f"the file {found.name}, {len(data):,} bytes")


def _size(value: Any) -> int:
    """Bytes in memory, as far as the value knows at once."""
    if isinstance(value, str | bytes | bytearray):
        return len(value)
    if tabular.is_table(value):
        return tabular.size(value)
    return int(value.nbytes) if _is(value, "numpy", "ndarray") else 0


def kind_of(value: Any) -> str:
    """The type as a reader knows it: ``dict``, ``numpy ndarray``."""
    kind = type(value)
    top = kind.__module__.partition(".")[0]
    return kind.__name__ if top in ("builtins", "__main__") else f"{top} {kind.__name__}"


def _is(value: Any, module: str, name: str) -> bool:
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)

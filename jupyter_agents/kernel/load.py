"""A file that an agent made, as the object that it stands for.

What an agent leaves is not trusted: nothing here runs what a file says, except a pickle that the user
asks for by name. Each library is imported when a file needs it.

Source: docs/runs.md.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_agents.kernel.problems import AgentError

LARGEST = 2 * 1024**3
"""Bytes that `load` reads at most; larger files are for a reader that takes them in parts."""

TEXTS = (
    *(".txt", ".md", ".log", ".py", ".r", ".sh", ".sql", ".js", ".ts", ".css", ".html", ".htm", ".xml"),
    *(".svg", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".tex", ".rst", ".diff", ".patch", ""),
)
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff")
PICKLES = (".pkl", ".pickle", ".joblib")


def load(path: Path, name: str, *, allow_pickle: bool = False, **options: Any) -> Any:
    """What the file at `path` holds, by its name's ending.

    CSV, TSV and parquet give a pandas DataFrame; JSON its value and JSONL a list of them; ``.npy`` a
    NumPy array and ``.npz`` a dict of them; images a Pillow image; text a str; a pickle its object.

    Parameters
    ----------
    name:
        The file's path as the agent knows it, for its ending and for messages.
    allow_pickle:
        Whether a pickle may be read. Reading one runs whatever code it holds.
    options:
        Passed on to the reader (`pandas.read_csv`, `pandas.read_parquet`, `numpy.load`).

    Raises
    ------
    AgentError
        The file is missing, too large, a refused pickle, of a kind that is not known, not what its name
        says, or needs a package that this kernel does not have.
    """
    kind = Path(name).suffix.lower()
    reader = _reader(kind, name, allow_pickle)
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise AgentError(f"{name} has {size} bytes; load() reads up to {LARGEST}. Open it in parts.")
        return reader(path, options)
    except (AgentError, TypeError, MemoryError):
        raise
    except ImportError as error:
        raise AgentError(
            f"{name} needs a package that this kernel does not have: {str(error).splitlines()[0]}"
        ) from None
    except OSError as error:
        raise AgentError(f"{name} cannot be read: {error.strerror or error}.") from None
    except Exception as error:
        raise AgentError(f"{name} is not what its name says: {error}"[:500]) from None


def _reader(kind: str, name: str, allow_pickle: bool) -> Callable[[Path, dict[str, Any]], Any]:
    if kind in PICKLES and not allow_pickle:
        raise AgentError(
            f"{name} is a pickle: reading it runs whatever code the agent put into it. If you trust it: "
            "load(allow_pickle=True). Better ask the agent for CSV, parquet, JSON or npy."
        )
    if kind in PICKLES:
        return _pickle
    if kind in TEXTS:
        return lambda path, options: path.read_text(**{"encoding": "utf-8", **options})
    if kind in IMAGES:
        return _image
    known = READERS.get(kind)
    if known is None:
        kinds = ", ".join(sorted({*READERS, *IMAGES, ".txt"}))
        raise AgentError(f"load() does not know files like {name}; it knows {kinds}. Use read_bytes().")
    return known


def _csv(path: Path, options: dict[str, Any]) -> Any:
    return need("pandas", "tables").read_csv(path, **options)


def _tsv(path: Path, options: dict[str, Any]) -> Any:
    return _csv(path, {"sep": "\t", **options})


def _parquet(path: Path, options: dict[str, Any]) -> Any:
    return need("pandas", "tables").read_parquet(path, **options)


def _json(path: Path, options: dict[str, Any]) -> Any:
    return json.loads(path.read_text("utf-8"), **options)


def _jsonl(path: Path, options: dict[str, Any]) -> Any:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line, **options) for line in lines if line.strip()]


def _array(path: Path, options: dict[str, Any]) -> Any:
    found = need("numpy", "arrays").load(path, **{**options, "allow_pickle": False})
    if not hasattr(found, "files"):
        return found
    with found:
        return {key: found[key] for key in found.files}


def _image(path: Path, options: dict[str, Any]) -> Any:
    need("PIL", "images", "pillow")
    image = importlib.import_module("PIL.Image").open(path, **options)
    image.load()
    return image


def _pickle(path: Path, options: dict[str, Any]) -> Any:
    if path.suffix.lower() == ".joblib":
        return need("joblib", "joblib files").load(path, **options)
    with path.open("rb") as file:
        return importlib.import_module("pickle").load(file, **options)


def need(module: str, what: str, package: str | None = None) -> Any:
    """The module called `module`; raises `AgentError` saying what to install for `what`."""
    try:
        return importlib.import_module(module)
    except ImportError:
        name = package or module
        raise AgentError(
            f"For {what} this kernel needs {name}, which is not installed. Install it with: "
            f"%pip install {name}"
        ) from None


READERS: dict[str, Callable[[Path, dict[str, Any]], Any]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
    ".json": _json,
    ".ipynb": _json,
    ".geojson": _json,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".npy": _array,
    ".npz": _array,
}

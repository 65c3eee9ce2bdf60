"""The toolhost as one file: a zip that any Python 3.8 or later runs.

Beside each module lies its bytecode for the server's own Python, which zipimport takes when the
sandbox has the same version and passes over otherwise. That halves the start-up time.
"""

from __future__ import annotations

import io
import marshal
import os
import tempfile
import zipfile
from functools import cache
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path

SOURCES = Path(__file__).with_name("toolhost")
LONG_AGO = (1980, 1, 1, 0, 0, 0)
MAIN = b"from toolhost.main import main\n\nmain()\n"
UNCHECKED_HASH = b"\x01\x00\x00\x00"


@cache
def toolhost_zipapp() -> bytes:
    """The zipapp's bytes; the same on every call, and for the same sources and Python."""
    modules = {"__main__.py": MAIN}
    for path in sorted(SOURCES.glob("*.py")):
        modules[f"toolhost/{path.name}"] = path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, source in modules.items():
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO), source)
            archive.writestr(zipfile.ZipInfo(f"{name}c", LONG_AGO), _bytecode(name, source))
    return buffer.getvalue()


def write_zipapp(directory: Path) -> Path:
    """Write ``toolhost.pyz`` (mode 0444) into `directory`, at once as a whole; returns its path."""
    path = directory / "toolhost.pyz"
    handle, temporary = tempfile.mkstemp(dir=directory, prefix=".toolhost-")
    with os.fdopen(handle, "wb") as file:
        file.write(toolhost_zipapp())
        os.fchmod(file.fileno(), 0o444)
    os.replace(temporary, path)
    return path


def _bytecode(name: str, source: bytes) -> bytes:
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    return MAGIC_NUMBER + UNCHECKED_HASH + source_hash(source) + marshal.dumps(code)

"""The certificate authorities that this machine is told to trust, for its sandboxes.

Of a file that a variable names only the certificates are passed on: a bundle may hold a private key.
Source: docs/sandboxes.md "Network".
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .base import Mount

PLACE = "/mnt/certificates"
VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")
LARGEST = 10 * 1024**2
BLOCK = re.compile(
    rb"-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END \1?CERTIFICATE-----"
)


@dataclass(frozen=True)
class Certificates:
    """mounts: files for sandboxes. env: the variables that point to them. notes: what is missing."""

    mounts: tuple[Mount, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_certificates(folder: Path, environ: Mapping[str, str] = os.environ) -> Certificates:
    """Copy the certificates that `environ` names to `folder`. Blocks; never raises."""
    mounts, env, notes = [], {}, []
    for name in VARIABLES:
        given = environ.get(name)
        if not given:
            continue
        copy = folder / f"{name.lower()}.pem"
        target = f"{PLACE}/{copy.name}"
        try:
            _copy(Path(given), copy)
        except OSError:
            notes.append(f"{name} is not passed on: it names no file with certificates.")
            continue
        mounts.append(Mount(copy, target))
        env[name] = target
    return Certificates(tuple(mounts), env, tuple(notes))


def _copy(source: Path, copy: Path) -> None:
    with source.open("rb") as file:
        data = file.read(LARGEST)
    blocks = [found.group() for found in BLOCK.finditer(data)]
    if not blocks:
        raise OSError
    copy.parent.mkdir(mode=0o755, exist_ok=True)
    temporary = copy.with_suffix(".new")
    temporary.write_bytes(b"\n".join(blocks) + b"\n")
    temporary.chmod(0o444)
    temporary.replace(copy)

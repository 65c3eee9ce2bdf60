"""What the network refused to a session, as a fold over the journal's records of it.

Source: docs/sandboxes.md "Network", docs/local-api.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

REFUSED = "private.refused"
KEPT = 100

Doc = dict[str, Any]


def newest(refusals: Iterable[Doc]) -> list[Doc]:
    """The newest `KEPT` of ``{"host", "port", "reason", "at"}``, each host and port once, oldest first.

    refusals: oldest first.
    """
    kept: dict[tuple[str, int], Doc] = {}
    for one in refusals:
        key = (one["host"], one["port"])
        kept.pop(key, None)
        kept[key] = one
    return list(kept.values())[-KEPT:]

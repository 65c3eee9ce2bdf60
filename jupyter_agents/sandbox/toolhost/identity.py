"""Who the toolhost is: its limits, and the user it becomes when it was started as root."""

from __future__ import annotations

import os
import resource


def set_limits(limits: dict[str, int]) -> None:
    """Set each ``RLIMIT_<name>``, never above what the process was given."""
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(kind)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))


def become(uid: int | None) -> None:
    """Give up root for `uid` and the same gid, for good; nothing where this is not root."""
    if uid is None or os.getuid() != 0:
        return
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)

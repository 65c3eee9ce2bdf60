"""What the `auto` policy says about paths inside the sandbox: to read, write and delete them.

Pure text: no file system is asked. A path whose place is not certain is never allowed.
Source: docs/permissions.md.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase

from jupyter_agents.domain.ruling import Ruling, heaviest

WORKSPACE = "/workspace"
WRITABLE = (WORKSPACE, "/tmp", "/mnt/session/outputs")
READABLE = (*WRITABLE, "/mnt/session", "/usr", "/opt", "/bin", "/lib", "/lib64")
SYSTEM = (
    "/etc",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/boot",
    "/dev",
    "/proc",
    "/sys",
    "/root",
    "/home",
)
DEVICES = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/stdin", "/dev/zero", "/dev/urandom"})
HOME = "/home/user"
LONGEST = 4096

KEYS = (
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".gcloud",
    ".kube",
    ".docker",
    ".netrc",
    ".pgpass",
    ".git-credentials",
    ".pypirc",
    ".vault-token",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "shadow",
    "gshadow",
    "sudoers",
    "environ",
)
"""Where credentials lie: names of files and folders that are never read or written."""

SECRET = re.compile(
    r"\.env(\..+)?|\.envrc|\.npmrc|\..*history|.*\.(pem|key|p12|pfx|jks|kdbx|keystore)"
    r"|(.*[._-])?(credentials?|secrets?|passwords?|passwd|tokens?|api[._-]?keys?)([._-].*)?"
)
SECRETS = (
    ".env",
    ".envrc",
    ".npmrc",
    "credentials.json",
    "secrets.toml",
    "token",
    "server.pem",
    "server.key",
)
SAMPLES = frozenset({".env.example", ".env.sample", ".env.template"})

STARTED = (
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".inputrc",
    ".gitconfig",
    ".git",
    ".config",
    ".local",
    ".jupyter",
    ".ipython",
    ".ipynb_checkpoints",
)
"""What other programs run or trust by themselves: never written."""

ORDINARY_DOTFILES = frozenset({".gitignore", ".gitkeep", ".dockerignore", ".editorconfig", ".pytest_cache"})
IMPORTED = frozenset({"sitecustomize.py", "usercustomize.py"})


def plain(text: str) -> bool:
    """Whether `text` has only characters that show: no controls but tab and newline, no odd spaces."""
    return (text.isascii() and text.isprintable()) or not any(map(_odd, text))


def _odd(character: str) -> bool:
    kind = unicodedata.category(character)
    return (kind[0] == "C" and character not in "\n\t") or (kind[0] == "Z" and character != " ")


def reading(path: str, *, pattern: bool = False) -> Ruling:
    """May `path` be read? pattern: whether the shell expands wildcards in it."""
    secret = _secrets(path, pattern)
    if path in DEVICES:
        return Ruling.ALLOW
    place = _place(path)
    known = place is not None and _below(place, READABLE)
    return max(secret, Ruling.ALLOW if known else Ruling.ASK)


def writing(path: str, *, pattern: bool = False) -> Ruling:
    """May `path` be written, or made?"""
    if path in DEVICES:
        return Ruling.ALLOW
    started = heaviest(_started(part, pattern) for part in _parts(path))
    place = _place(path)
    if place is None:
        where = Ruling.ASK
    elif _below(place, WRITABLE):
        where = Ruling.ALLOW
    else:
        where = Ruling.DENY if _below(place, SYSTEM) else Ruling.ASK
    return max(_secrets(path, pattern), started, where)


def deleting(path: str, *, recursive: bool, pattern: bool = False) -> Ruling:
    """May `path` be deleted, and with all that lies below it?"""
    place = _place(path)
    if place is None:
        return max(Ruling.ASK, writing(path, pattern=pattern))
    inside = place not in WRITABLE and _below(place, WRITABLE)
    if not inside:
        return Ruling.DENY if recursive else max(Ruling.ASK, writing(path, pattern=pattern))
    ruling = writing(path, pattern=pattern)
    folder, name = posixpath.split(place)
    if pattern and _wild(name) and folder in WRITABLE:
        everything = not name.strip("*?.")
        if everything or recursive:
            ruling = max(ruling, Ruling.DENY if everything and recursive else Ruling.ASK)
    return ruling


def _place(path: str) -> str | None:
    """Where `path` is, or None where that hangs on links or on the present folder."""
    if len(path) > LONGEST or not plain(path) or "\n" in path:
        return None
    if path.startswith("~"):
        return f"{HOME}/{path}"
    tidy = re.sub("/+", "/", path)
    climbs = ".." in tidy.split("/")
    place = posixpath.normpath(posixpath.join(WORKSPACE, tidy))
    if climbs and (not tidy.startswith("/") or _below(place, READABLE)):
        return None
    return place


def _below(place: str, roots: Iterable[str]) -> bool:
    return any(f"{place}/".startswith(f"{root}/") for root in roots)


def _parts(path: str) -> list[str]:
    return [part for part in path.casefold().split("/") if part not in ("", ".", "..")]


def _wild(part: str) -> bool:
    return any(mark in part for mark in "*?[")


def _secrets(path: str, pattern: bool) -> Ruling:
    return heaviest(_secret(part, pattern) for part in _parts(path))


def _secret(part: str, pattern: bool) -> Ruling:
    if part in KEYS or part.rstrip("-~") in KEYS:
        return Ruling.DENY
    if pattern and _wild(part):
        return Ruling.ASK if any(_matches(name, part) for name in (*KEYS, *SECRETS)) else Ruling.ALLOW
    return Ruling.ASK if SECRET.fullmatch(part) and part not in SAMPLES else Ruling.ALLOW


def _started(part: str, pattern: bool) -> Ruling:
    if part in STARTED:
        return Ruling.DENY
    hidden = part.startswith(".") and part not in ORDINARY_DOTFILES
    notebook = part.endswith(".ipynb") or (pattern and _wild(part) and fnmatchcase("a.ipynb", part))
    return Ruling.ASK if hidden or notebook or part in IMPORTED else Ruling.ALLOW


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) and (pattern[0] == "." or name[0] != ".")

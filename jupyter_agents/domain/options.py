"""Options and scripts of single programs that the `auto` policy looks into. Source: docs/permissions.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from jupyter_agents.domain.places import LONGEST, reading, writing
from jupyter_agents.domain.ruling import Ruling, heaviest
from jupyter_agents.domain.shell import Word

ALLOW, ASK, DENY = Ruling.ALLOW, Ruling.ASK, Ruling.DENY
MOST_ARGUMENTS = 12


def words(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


RISKY: dict[str, tuple[str, tuple[str, ...]]] = {
    "sort": ("oTS", ("--output", "--compress-program", "--temporary-directory")),
    "tree": ("oR", ("--output",)),
    "rg": ("z", ("--pre", "--hostname-bin", "--search-zip")),
    "file": ("Cm", ("--compile", "--magic-file")),
    "xxd": ("r", ("-revert",)),
    "date": ("s", ("--set",)),
    "jq": ("Lf", ("--from-file", "--rawfile", "--slurpfile")),
    "diff": ("", ("--to-file", "--from-file")),
    "tar": ("CIFPTVXgx", ("--",)),
    "gzip": ("rS", ("--recursive", "--suffix")),
    "gunzip": ("rS", ("--recursive", "--suffix")),
    "ln": ("", ("--target-directory",)),
    "pytest": (
        "cop",
        ("--pastebin", "--rootdir", "--confcutdir", "--override-ini", "--config-file", "--debug"),
    ),
    "mypy": ("", ("--config-file", "--install-types", "--python-executable", "--custom")),
    "ruff": ("", ("--config",)),
    "black": ("c", ("--config", "--code")),
    "flake8": ("", ("--config", "--append-config", "--output-file")),
}
"""By program: short letters and long names of options that write, run or load something else."""

SED = re.compile(
    r"(\d+|\$)?(,(\d+|\$))?[pdq]"
    r"|s/(?:[^/\\\n]|\\[^/\n])*/(?:[^/\\\n]|\\[^/\n])*/[gIi]*"
    r"|s\|(?:[^|\\\n]|\\[^|\n])*\|(?:[^|\\\n]|\\[^|\n])*\|[gIi]*"
)
AWK = re.compile(r"system|getline|close|ARG[VC]|ENVIRON|@|[|>]")
MODES = re.compile(r"[ug]*\+?[-+=][rwx]+|\+[rx]+|0?[4-7][0-5][0-5]")
WIDE = re.compile(
    r"[0-7]?[0-7][0-7][2367]|[1-7][0-7]{3}|[ug]*[+=][rwxX]*s.*|[a-z]*[ao][ugo]*[+=][rwxX]*w.*|\+[rx]*w.*"
)
GIT = words("status diff log show add commit init rev-parse ls-files blame")
GIT_RISKY = (
    "--output",
    "--ext-diff",
    "--exec-path",
    "--open-files-in-pager",
    "--template",
    "--git-dir",
    "--no-index",
)
FINDS = words(
    "-name -iname -type -maxdepth -mindepth -path -ipath -size -mtime -mmin -newer -print -print0 -not ! -o "
    "-a -empty ( ) -regex -prune -delete -exec -execdir -ok -okdir"
)


def paths(word: str) -> Iterator[str]:
    """What in a word could be a path: the word, or the value of an option."""
    if len(word) > LONGEST:
        yield word
        return
    if "@" in word:
        yield word.rpartition("@")[2]
    if not word.startswith("-"):
        yield word
        value = word.partition("=")[2]
        if value:
            yield value
        yield from (part for part in word.split(":")[1:MOST_ARGUMENTS] if part)
        return
    value = word.partition("=")[2]
    if value:
        yield value
    if not word.startswith("--"):
        yield from (word[i:] for i in range(2, min(len(word), 8)) if re.match(r"[./~]..|id_", word[i:]))


def risky(name: str, words: Sequence[str]) -> bool:
    """Whether `words` hold an option of the program that does more than the program's usual work."""
    letters, names = RISKY.get(name, ("", ()))
    for word in words:
        if word.startswith("--") and len(word) > 2:
            if _stem(word, names):
                return True
        elif word.startswith("-") and any(letter in word[1:] for letter in letters):
            return True
    if name == "tar":
        return not words or not re.fullmatch(r"-?[ctzjJvf]+", words[0])
    if name == "jq":
        return any("env" in word.lower() for word in words)
    return name in ("uniq", "xxd") and sum(not word.startswith("-") for word in words) > 1


def _stem(word: str, names: Sequence[str]) -> bool:
    """Whether `word` is one of the long options `names`, which may be shortened."""
    stem = word.partition("=")[0]
    return len(stem) > 2 and any(known.startswith(stem) or stem.startswith(known) for known in names)


def script(name: str, args: Sequence[Word]) -> Ruling:
    """``sed`` and ``awk``: one plain script, then files."""
    texts = [word.text for word in args]
    flags = 0
    while flags < len(texts) and (texts[flags] or "").startswith("-"):
        flags += 1
    ordinary = r"-[nErsi]+" if name == "sed" else r"-F.{1,3}"
    if not all(re.fullmatch(ordinary, text or "") for text in texts[:flags]) or flags >= len(texts):
        return max(ASK, _named(args))
    program = texts[flags]
    if program is None or any((text or "-").startswith("-") for text in texts[flags + 1 :]):
        return max(ASK, _named(args))
    plain = SED.fullmatch(program) if name == "sed" else not AWK.search(program)
    judged = writing if any("i" in (text or "") for text in texts[:flags]) else reading
    files = heaviest(judged(w.text or "", pattern=w.pattern) for w in args[flags + 1 :])
    return max(files, ALLOW if plain else ASK)


def _named(args: Sequence[Word]) -> Ruling:
    return DENY if any(reading(word.text or "") is DENY for word in args) else ASK


def mode(args: Sequence[Word]) -> Ruling:
    """``chmod``: one mode, then files of one's own."""
    texts = [word.text or "-" for word in args]
    found = [text for text in texts if not re.fullmatch(r"-[Rvcf]+|--.*", text)]
    recursive = any(re.fullmatch(r"-[vcf]*R[vcf]*|--rec.*", text) for text in texts)
    if len(found) < 2 or any(word.text is None for word in args):
        return ASK
    places = heaviest(writing(path) for path in found[1:])
    wide = any(WIDE.fullmatch(part) for part in found[0].split(","))
    if wide and (recursive or places is not ALLOW or re.search(r"s|^[1-7][0-7]{3}$", found[0])):
        return DENY
    patterned = any(word.pattern for word in args)
    usual = MODES.fullmatch(found[0]) and not recursive and not patterned and not wide
    return max(places, ALLOW if usual and len(found) == len(texts) else ASK)


def git(args: Sequence[Word]) -> Ruling:
    """``git``: a subcommand that stays inside the repository, without options that run something."""
    texts = [word.text or "" for word in args]
    if not texts or texts[0] not in GIT:
        return ASK
    loose = any(text in ("-O", "-c", "-C") or _stem(text, GIT_RISKY) for text in texts[1:])
    return ASK if loose else ALLOW


def roots(args: Sequence[Word]) -> list[Word]:
    """Where ``find`` starts."""
    found: list[Word] = []
    for word in args:
        if word.text is not None and word.text[:1] in ("-", "(", "!"):
            break
        found.append(word)
    return found


def find(args: Sequence[Word]) -> Ruling:
    """``find``: only tests that look, for it can also write and run."""
    tests = [word.text for word in args if word.text is None or word.text.startswith("-")]
    return ALLOW if all(re.fullmatch(r"-\d+", t or "") or t in FINDS for t in tests) else ASK

"""``python -m tests.benchmarks [NAME ...]``: the whole table, or the named parts of it."""

from __future__ import annotations

import argparse
from importlib import import_module

from tests.benchmarks.table import HEAD

PARTS = ("tools", "sandboxes", "store", "listing", "start", "memory", "streaming", "interrupt", "browser")


def main() -> None:
    """Measure and print. Other work on the machine shows in every figure: compare ratios of one run."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    given = parser.parse_args().part
    if unknown := set(given) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    print(HEAD)
    for name in given or PARTS:
        for row in import_module(f"tests.benchmarks.{name}").rows():
            print(row, flush=True)


if __name__ == "__main__":
    main()

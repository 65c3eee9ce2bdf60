"""The table: our figure beside the floor's, their ratio, and what is to be reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

HEAD = f"{'':58} {'figure':>10} {'':8} {'ratio':>6} {'target':>15}"
SCALE = {"ms": 1e3, "µs": 1e6}


class Row(NamedTuple):
    """One line.

    figure, floor: seconds where the unit is a time, else in `unit`. most, least: the bound of the ratio
    where there is a floor, else of the figure.
    """

    what: str
    figure: float
    floor: float | None = None
    most: float | None = None
    unit: str = "ms"
    least: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        value = self.figure if self.floor is None else self.figure / self.floor
        if self.most is not None:
            return value <= self.most
        return None if self.least is None else value >= self.least

    def __str__(self) -> str:
        scale = SCALE.get(self.unit, 1)
        ratio = "" if self.floor is None else f"{self.figure / self.floor:.2f}"
        bound = self.most if self.most is not None else self.least
        target = ""
        if bound is not None:
            sign = "<=" if self.most is not None else ">="
            what = f"{bound:g} x" if self.floor is not None else f"{bound * scale:,g} {self.unit}"
            target = f"{sign} {what}"
        missed = "  missed" if self.reached is False else ""
        line = f"{self.what:58} {self.figure * scale:10,.2f} {self.unit:8} {ratio:>6} {target:>15}{missed}"
        return line.rstrip()


def side_by_side(
    measure: Callable[[], float], floor: Callable[[], float], rounds: int = 5
) -> tuple[float, float]:
    """Figure and floor of the middle round: each is measured in turn, so that a noisy machine slows both."""
    pairs = [(measure(), floor()) for _ in range(rounds)]
    return sorted(pairs, key=lambda pair: pair[0] / pair[1])[rounds // 2]


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

"""Figures of a series: several runs of each contender, set side by side.

A ratio says how many times better the first contender is: above 1 it is ahead, whichever way the figure goes.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Values = dict[str, float]

# Share of the machine that others may use before a run is no longer to be believed, percent.
_CLEAN = 5.0


@dataclass(frozen=True, slots=True)
class Figure:
    key: str
    label: str
    better: Literal["more", "less", ""] = ""


# What stands under every series, so that a reader can judge it.
HONESTY = (
    Figure("server_cpu_s", "server's CPU, s"),
    Figure("driver_cpu_s", "driver's CPU, s"),
    Figure("foreign_cpu_share", "others' CPU, % of the machine"),
    Figure("wall_s", "time of the run, s"),
)


def percentile(values: Sequence[float], share: float) -> float:
    """Between the two nearest; nan of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    place = (len(ordered) - 1) * share / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread(key: str, values: Sequence[float]) -> Values:
    """The two percentiles that every list of times is told by."""
    return {f"{key}_p50": percentile(values, 50), f"{key}_p99": percentile(values, 99)}


@dataclass(slots=True)
class Result:
    """All runs of one series: contender → figure → values of its runs."""

    title: str
    settings: str
    figures: tuple[Figure, ...]
    runs: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: dict[str, list[str]] = field(default_factory=dict)

    def add(self, contender: str, values: Mapping[str, float]) -> None:
        kept = self.runs.setdefault(contender, {})
        for key, value in values.items():
            kept.setdefault(key, []).append(value)

    def fail(self, contender: str, reason: str) -> None:
        self.runs.setdefault(contender, {})
        self.failures.setdefault(contender, []).append(reason)

    def table(self) -> str:
        names = list(self.runs)
        width = 26
        lines = [
            "",
            f"== {self.title}  ({self.settings})",
            " " * 44 + "".join(f"{name[:width]:>{width}}" for name in names) + ("   ratio" if len(names) > 1 else ""),
        ]
        for figure in (*self.figures, *HONESTY):
            values = [self.runs[name].get(figure.key, []) for name in names]
            if any(values):
                cells = "".join(f"{_cell(each):>{width}}" for each in values)
                lines.append(f"{figure.label[:43]:<44}{cells}{_ratio(figure, values)}")
        for name, reasons in self.failures.items():
            lines += [f"  ! {name}: {reason}" for reason in dict.fromkeys(reasons)]
        for name in names:
            foreign = self.runs[name].get("foreign_cpu_share", [])
            if foreign and max(foreign) > _CLEAN:
                lines.append(f"  ! {name}: others used the machine: the truth is better than this")
        return "\n".join(lines)

    def write(self, path: Path) -> None:
        """Append everything as one line of JSON."""
        record = {
            "series": self.title,
            "settings": self.settings,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "runs": self.runs,
            "failures": self.failures,
        }
        with open(path, "a", encoding="utf-8") as out:
            out.write(json.dumps(record, ensure_ascii=False) + "\n")


def _cell(values: Sequence[float]) -> str:
    if not values:
        return "–"
    middle = _number(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({_number(min(values))}–{_number(max(values))})"


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 or value == 0 else f"{value:.3f}"


def _ratio(figure: Figure, values: Sequence[Sequence[float]]) -> str:
    """Of the first against the best of the others."""
    others = [statistics.median(each) for each in values[1:] if each]
    if not figure.better or not values[0] or not others:
        return ""
    ours = statistics.median(values[0])
    best = max(others) if figure.better == "more" else min(others)
    above, below = (ours, best) if figure.better == "more" else (best, ours)
    if math.isnan(ours) or math.isnan(best) or below <= 0:
        return ""
    return f"{above / below:>7.2f}×"

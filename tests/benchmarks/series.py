"""What a series of measurements is: a preparation for each contender, then runs that take turns."""

from __future__ import annotations

import abc
import functools
import traceback
from collections.abc import Callable, Sequence

from tests.benchmarks.contender import Server
from tests.benchmarks.figures import Figure, Result, Values
from tests.benchmarks.metering import wait_until_quiet


class Series(abc.ABC):
    figures: tuple[Figure, ...]

    @property
    @abc.abstractmethod
    def title(self) -> str: ...

    @property
    @abc.abstractmethod
    def settings(self) -> str:
        """What was measured with, in a few words."""

    def prepare(self, contender: Server) -> Values:
        """Once for each contender, before the first run; figures of things that happen only once."""
        return {}

    @abc.abstractmethod
    def measure(self, contender: Server, run: int) -> Values:
        """One run."""


def take_turns(series: Series, contenders: Sequence[Server], runs: int, patience: float) -> Result:
    """Every contender in every round, the other way round in every second one.

    A contender that fails is left out of the rounds that follow; the others go on.  ``patience`` is how many seconds
    a run waits for others to leave the machine alone.
    """
    result = Result(series.title, series.settings, series.figures)
    for contender in contenders:
        _try(series.prepare, result, contender)
    for run in range(runs):
        for contender in contenders if run % 2 == 0 else reversed(contenders):
            if contender.name not in result.failures:
                wait_until_quiet(patience)
                _try(functools.partial(series.measure, run=run), result, contender)
    return result


def _try(step: Callable[[Server], Values], result: Result, contender: Server) -> None:
    try:
        result.add(contender.name, step(contender))
    except Exception as fault:  # whatever a server did: the measurements of the others are worth having
        traceback.print_exc()
        result.fail(contender.name, f"{type(fault).__name__}: {fault}"[:300])

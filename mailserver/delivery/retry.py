"""When to try again: the schedule as data.

A little chance is added, so that what failed together does not come back together.

Standards: RFC 5321 §4.5.4.1 (retry strategy: patience, and giving up after four or five days).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

# A wait is shortened or stretched by up to this part of itself.
JITTER = 0.1


def next_attempt(schedule: Sequence[int], attempts: int, now: int, random: Callable[[], float]) -> int:
    """The time of the next try after ``attempts`` failures (one at least); the last entry of the schedule
    repeats.
    """
    wait = schedule[min(attempts, len(schedule)) - 1] if schedule else 3600
    return now + max(1, round(wait * (1 + JITTER * (2 * random() - 1))))

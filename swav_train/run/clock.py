"""The clock of a training: seconds over all its runs, and how much of a budget they are."""

from __future__ import annotations

import time
from collections.abc import Callable

from swav_train.distributed import broadcast_value

MOST_RESERVED = 0.5
"""Share of a budget that the work after the last step may have, so that steps have some; chosen."""


class TrainClock:
    """Counts the seconds of a training, pauses between its runs left out.

    Attributes:
        budget_seconds: Time for the whole training; None where its epochs are given.
        reserved_seconds: Part of the budget that the work after the last step takes, under 1 of it.
    """

    def __init__(
        self,
        budget_seconds: float | None,
        *,
        read_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin at 0, now.

        Args:
            budget_seconds: Time for the whole training, > 0; None where its epochs are given.
            read_clock: Seconds that only grow.
        """
        self.budget_seconds = budget_seconds
        self.reserved_seconds = 0.0
        self._read_clock = read_clock
        self._seconds_before = 0.0
        self._began_at = read_clock()

    def add_earlier(self, seconds: float) -> None:
        """Count the seconds that earlier runs of the same training took, too."""
        self._seconds_before = seconds

    def reserve(self, seconds: float) -> None:
        """Keep a part of the budget for the work after the last step, half of it at most.

        Raises:
            ValueError: There is no budget.
        """
        self.reserved_seconds = min(seconds, MOST_RESERVED * self._budget())

    def seconds(self) -> float:
        """Return the seconds spent so far."""
        return self._seconds_before + self._read_clock() - self._began_at

    def share_spent(self, seconds: float) -> float:
        """Return the share of the time for steps that ``seconds`` are, the same in every process.

        Raises:
            ValueError: There is no budget.
        """
        return broadcast_value(seconds / (self._budget() - self.reserved_seconds))

    def _budget(self) -> float:
        if self.budget_seconds is None:
            raise ValueError("a training without a budget has no time to share")
        return self.budget_seconds


class Deadline:
    """A moment that has come or not; without a limit it never comes."""

    def __init__(
        self, seconds: float | None, *, read_clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to wait.

        Args:
            seconds: From now, None for no limit.
            read_clock: Seconds that only grow.
        """
        self._read_clock = read_clock
        self._seconds = seconds
        self._began_at = read_clock()

    def spent_share(self) -> float:
        """Return how much of the time has gone by, 0 without a limit, the same in every process."""
        if self._seconds is None:
            return 0.0
        spent = self._read_clock() - self._began_at
        return broadcast_value(spent / max(self._seconds, 1e-9))

    def is_over(self, share: float = 1.0) -> bool:
        """Return whether a share of the time has gone by."""
        return self.spent_share() >= share


def subtract_spent(budget_seconds: float | None, spent_seconds: float) -> float | None:
    """Return what is left of a budget for training: half of it in any case.

    Args:
        budget_seconds: Time for everything, None for no limit.
        spent_seconds: Spent before, on reading the images, say.
    """
    if budget_seconds is None:
        return None
    return max(budget_seconds - spent_seconds, budget_seconds / 2)

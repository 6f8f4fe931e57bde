"""The clock of a training: seconds over all its runs, and how much of a budget they are."""

from __future__ import annotations

import time
from collections.abc import Callable

from swav_train.distributed import broadcast_value


class TrainClock:
    """Counts the seconds of a training, pauses between its runs left out.

    Attributes:
        budget_seconds: Time for the whole training; None where its epochs are given.
        reserved_seconds: Part of the budget that the work after the last step takes.
    """

    def __init__(
        self,
        budget_seconds: float | None,
        *,
        read_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Stand at 0.

        Args:
            budget_seconds: Time for the whole training, > 0; None where its epochs are given.
            read_clock: Seconds that only grow.
        """
        self.budget_seconds = budget_seconds
        self.reserved_seconds = 0.0
        self._read_clock = read_clock
        self._seconds_before = 0.0
        self._resumed_at = read_clock()

    def resume(self, seconds_before: float) -> None:
        """Go on from the seconds that earlier runs of the same training took."""
        self._seconds_before = seconds_before
        self._resumed_at = self._read_clock()

    def seconds(self) -> float:
        """Return the seconds spent so far."""
        return self._seconds_before + self._read_clock() - self._resumed_at

    def share_spent(self, seconds: float) -> float:
        """Return the share of the time for steps that ``seconds`` are, the same in every process.

        Raises:
            ValueError: There is no budget.
        """
        if self.budget_seconds is None:
            raise ValueError("a training without a budget has no time to share")
        return broadcast_value(seconds / (self.budget_seconds - self.reserved_seconds))


def subtract_spent(budget_seconds: float | None, spent_seconds: float) -> float | None:
    """Return what is left of a budget for training: half of it in any case.

    Args:
        budget_seconds: Time for everything, None for no limit.
        spent_seconds: Spent before, on reading the images, say.
    """
    if budget_seconds is None:
        return None
    return max(budget_seconds - spent_seconds, budget_seconds / 2)

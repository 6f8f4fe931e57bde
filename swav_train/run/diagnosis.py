"""What to tell a person about a run that ended but did not do well."""

from __future__ import annotations

from swav_train.run.metrics import EpochMetrics

LITTLE_PREDICTED = 0.95
NOTHING_PREDICTED = 0.985
UNEVEN = 0.8
ENOUGH_STEPS = 2000
ENOUGH_STEPS_TO_MEND = 300


def is_stalled(metrics: EpochMetrics, *, steps: int, enough: int = ENOUGH_STEPS) -> bool:
    """Return True if a run had time to learn and predicts nothing: its loss is still at log K.

    Args:
        metrics: Of the last epoch.
        steps: Made so far.
        enough: Steps that a run needs to show something.
    """
    return steps >= enough and metrics.loss_ratio > NOTHING_PREDICTED


def warning(metrics: EpochMetrics) -> str | None:
    """Return one sentence on what is wrong with the last epoch and what to try, None if nothing.

    Args:
        metrics: Of the last epoch.
    """
    if metrics.loss_ratio > LITTLE_PREDICTED:
        return (
            f"Little was learned after {metrics.epoch} epochs: the loss is {metrics.loss_ratio:.2f}"
            " of log K, where 1 means that nothing is predicted; train longer, or with fewer"
            " prototypes, larger crops or weaker colour changes."
        )
    if metrics.usage_entropy < UNEVEN:
        return (
            f"Prototypes are used unevenly (entropy {metrics.usage_entropy:.2f} of log K); train"
            " longer, or with fewer prototypes."
        )
    return None

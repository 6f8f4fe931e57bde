"""Whether a run has failed or did not do well: rules that refuse it, and a warning in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from swav_train.errors import TrainingDiverged
from swav_train.run.metrics import EpochMetrics


@dataclass(frozen=True, kw_only=True, slots=True)
class DiagnosisParams:
    """When a run counts as failed or as weak.

    Chosen by looking at runs that failed and at runs that learned, on CIFAR-10 and on clothes,
    where a loss of 0.6 to 0.7 of log K is usual after some minutes; not measured over a range.

    Attributes:
        little_predicted: A loss over this share of log K gets a warning.
        nothing_predicted: A loss over this share of log K is a stall.
        uneven: A usage entropy under this share of log K gets a warning.
        stall_steps: Steps that a run needs to show something.
        early_stall_steps: Steps after which a run that may begin again is given up.
        early_stall_share: Share of the training before which it is not.
        collapse_steps: Steps before which a collapse is not looked for.
        collapse_prototypes: Fewer prototypes in use, by their entropy, are a collapse.
        steps_between_checks: Steps from one look at the loss to the next; a look waits for the
            device.
    """

    little_predicted: float = 0.95
    nothing_predicted: float = 0.985
    uneven: float = 0.8
    stall_steps: int = 2000
    early_stall_steps: int = 300
    early_stall_share: float = 0.15
    collapse_steps: int = 50
    collapse_prototypes: float = 1.5
    steps_between_checks: int = 10


DIAGNOSIS = DiagnosisParams()


def refuse_infinite_loss(loss: float, *, step: int) -> None:
    """Give up a run whose loss is not a number.

    Args:
        loss: Sum over some steps.
        step: Steps made so far.

    Raises:
        TrainingDiverged: It is not.
    """
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"the loss was not a number at step {step}",
            advice="try precision float32, or other images",
            is_finite=False,
        )


def refuse_collapse(
    metrics: EpochMetrics, *, n_prototypes: int, steps: int, params: DiagnosisParams = DIAGNOSIS
) -> None:
    """Give up a run that gives all images one code.

    Args:
        metrics: Of the last epoch.
        n_prototypes: K.
        steps: Made so far.
        params: When it counts as one.

    Raises:
        TrainingDiverged: It does.
    """
    n_used = n_prototypes**metrics.usage_entropy
    if steps >= params.collapse_steps and n_used < params.collapse_prototypes:
        raise TrainingDiverged(
            f"all images got one code by epoch {metrics.epoch}",
            advice="check that the images differ; try fewer prototypes",
        )


def refuse_stall(
    metrics: EpochMetrics,
    *,
    steps: int,
    progress: float = 1.0,
    can_retry: bool = True,
    params: DiagnosisParams = DIAGNOSIS,
) -> None:
    """Give up a run that predicts nothing: early if it can begin again, else at the end.

    Args:
        metrics: Of the last epoch.
        steps: Made so far.
        progress: Share of the training that is done, >= 0.
        can_retry: False in the second attempt.
        params: When it counts as one.

    Raises:
        TrainingDiverged: It does.
    """
    is_early = progress < 1
    if is_early and (not can_retry or progress < params.early_stall_share):
        return
    enough = params.early_stall_steps if is_early else params.stall_steps
    if steps >= enough and metrics.loss_ratio > params.nothing_predicted:
        raise TrainingDiverged(
            f"nothing was learned in {steps} steps, the loss stayed at "
            f"{metrics.loss_ratio:.2f} of log K",
            advice="try fewer prototypes, larger crops or more time",
        )


def describe_weakness(
    metrics: EpochMetrics, *, usage_entropy: float, params: DiagnosisParams = DIAGNOSIS
) -> str | None:
    """Return one sentence on what is wrong with a model and what to try, None if nothing.

    Args:
        metrics: Of the last epoch.
        usage_entropy: Of the finished prototypes over whole images, as the result tells it: that
            of the crops of an epoch is lower, and the prototypes were refined since.
        params: What counts as weak.
    """
    if metrics.loss_ratio > params.little_predicted:
        epochs = "1 epoch" if metrics.epoch == 1 else f"{metrics.epoch} epochs"
        return (
            f"Little was learned after {epochs}: the loss is {metrics.loss_ratio:.2f}"
            " of log K, where 1 means that nothing is predicted; train longer, or with fewer"
            " prototypes, larger crops or weaker colour changes."
        )
    if usage_entropy < params.uneven:
        return (
            f"Prototypes are used unevenly: usage is {usage_entropy:.3f}, where 1 means that all"
            " are used alike; train longer, or with fewer prototypes."
        )
    return None

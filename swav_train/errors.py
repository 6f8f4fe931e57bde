"""What can go wrong in training that the caller should tell a person about."""

from __future__ import annotations

from pathlib import Path


class TrainingError(RuntimeError):
    """What a person should be told.

    Attributes:
        reason: What was seen, one clause without a full stop.
        advice: What to try next, one clause without a full stop.
    """

    def __init__(self, reason: str, *, advice: str) -> None:
        super().__init__(f"{reason}; {advice}")
        self.reason = reason
        self.advice = advice


class TrainingDiverged(TrainingError):
    """Training produced nothing worth keeping.

    Attributes:
        is_finite: False if the loss was not a number.
    """

    def __init__(self, reason: str, *, advice: str, is_finite: bool = True) -> None:
        super().__init__(reason, advice=advice)
        self.is_finite = is_finite


class DamagedFile(TrainingError, ValueError):
    """A file that a training wrote is not what was written.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged: {reason}", advice="train again")
        self.path = path


class FolderInUse(TrainingError, ValueError):
    """Another process writes the folder of the model."""


class WrongUse(TrainingError):
    """What the command line was told cannot be done.

    Attributes:
        exit_code: What the command exits with.
    """

    def __init__(self, reason: str, *, advice: str, exit_code: int) -> None:
        super().__init__(reason, advice=advice)
        self.exit_code = exit_code


class WeightsUnavailable(TrainingError):
    """Pretrained weights were asked for that cannot be had."""


class WeightsUnusable(ValueError):
    """The weights to start from, which the caller names, are none, or not of this backbone."""

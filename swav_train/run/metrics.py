"""Measures of a run, epoch by epoch, and the file that holds them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from zlib import crc32

from torch import Tensor

from swav_train.files import write_lines
from swav_train.networks.encoder import METRICS

METRICS_FILE = METRICS


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochMetrics:
    """One line of ``metrics.jsonl``.

    Attributes:
        epoch: Number of this epoch, from 1.
        epochs: How many there will be; an estimate while a time budget runs.
        loss: Mean of the epoch, >= 0.
        loss_ratio: ``loss / log K``; 1 means that nothing is predicted.
        usage_entropy: Entropy of the prototypes nearest to the full-resolution crops over log K,
            in [0, 1]; 1 means that all are used alike.
        view_agreement: How often the nearest neighbour of one view of an image is the other view of
            it, among images held out of training, or of training where there are
            none to spare, in [0, 1], as last measured; see
            :mod:`swav_train.run.view_agreement`.
        learning_rate: Of the last step.
        images_per_second: Images of this epoch per second, each with all its crops.
        seconds: Since the training began, pauses left out.
    """

    epoch: int
    epochs: int
    loss: float
    loss_ratio: float
    usage_entropy: float
    view_agreement: float
    learning_rate: float
    images_per_second: float
    seconds: float


def compute_usage_entropy(counts: Tensor) -> float:
    """Return the entropy of prototype usage over log K, in [0, 1].

    Args:
        counts: (K,) how many crops are nearest to each prototype, not all 0, K >= 2.
    """
    shares = counts.double() / counts.sum()
    entropy = -(shares * shares.clamp_min(1e-300).log()).sum().item()
    return entropy / math.log(len(counts))


def write_metrics(path: Path, history: list[EpochMetrics]) -> None:
    """Write one JSON object per epoch.

    Args:
        path: The file, replaced if it is there.
        history: Of all epochs so far.
    """
    write_lines(path, [asdict(metrics) for metrics in history])


def sum_metrics(path: Path, *, epochs: int) -> int:
    """Return a checksum of the first epochs of a file, by which damage to them is noticed.

    Args:
        path: The file; one that is not there counts as empty.
        epochs: How many.
    """
    lines = path.read_bytes().splitlines()[:epochs] if path.exists() else []
    return crc32(b"\n".join(lines))


def read_metrics(path: Path, *, epochs: int) -> list[EpochMetrics]:
    """Return what :func:`write_metrics` wrote; nothing if there is no file.

    Args:
        path: The file.
        epochs: How many to read at most, from the first.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()[:epochs]
    return [EpochMetrics(**json.loads(line)) for line in lines]

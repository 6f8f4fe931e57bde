"""Do no harm: published features are kept where training has not made better ones."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from swav_train.run.view_agreement import compute_view_agreement

MOST_IMAGES = 256
"""Images that views are made of; chosen."""


def measure_features(first: Tensor, second: Tensor) -> float:
    """Return how often the nearest view is of the same image, a figure that needs no labels.

    Measured with `tests/benchmarks/pretrained_harm.py`, whose table is in docs/training.md: it rose
    where k-NN rose and fell where k-NN fell. The share of an image's neighbours that a view of it
    has, too, rose where k-NN fell by 0.04; mutual neighbours and effective rank fell where k-NN
    rose.

    Args:
        first: (B, D) unit rows, embeddings of one view of each image.
        second: (B, D) unit rows, of another view of each, in the same order.

    Returns:
        A share in [0, 1], the mean of both directions; 1 / B by chance.
    """
    return (compute_view_agreement(first, second) + compute_view_agreement(second, first)) / 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Which of two features were kept.

    Attributes:
        trained: Figure of the trained features, in [0, 1].
        published: That of the published ones.
    """

    trained: float
    published: float

    @property
    def keeps_published(self) -> bool:
        """True where training has not made them better."""
        return self.published >= self.trained

    def describe(self) -> str:
        """Return one clause for people."""
        figures = f"view agreement {self.trained:.3f} trained, {self.published:.3f} published"
        if self.keeps_published:
            return f"the published features are as good or better; kept ({figures})"
        return f"the trained features are better than the published ones ({figures})"

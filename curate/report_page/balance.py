"""Balance: how evenly images are spread over clusters or labels, before and after."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.pages.images_table import ImagesTable

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How some of the images are spread over G groups.

    Attributes:
        name: Which images, such as ``kept``.
        sizes: (G,) int64, images of each group.
        effective: Number of groups of one size that would be as even: exp of the entropy of the
            shares, in [1, G] (Hill 1973, order 1); 0 without images.
    """

    name: str
    sizes: Ints
    effective: float

    @property
    def n_images(self) -> int:
        """Images in all."""
        return int(self.sizes.sum())

    @property
    def evenness(self) -> float:
        """``effective`` as a share of the groups, in [0, 1]."""
        return self.effective / max(len(self.sizes), 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Balance:
    """The spread over one column, of all images, those kept and those selected.

    Attributes:
        by: The column.
        values: The G values, as text, in the order of the sizes.
        spreads: One for each set of images that the manifest tells apart.
    """

    by: str
    values: list[str]
    spreads: list[Spread]


def measure_balance(images: ImagesTable) -> Balance | None:
    """Return the balance over clusters, over labels where there are none, or None."""
    by = next((name for name in ("cluster", "label") if images.has(name)), None)
    if by is None:
        return None
    texts = images.texts(by)
    is_in_one = images.is_readable & (texts != None)  # noqa: E711 - elementwise
    values, code = np.unique(texts[is_in_one].astype(str), return_inverse=True)
    sets = {"all images": np.ones(len(images), np.bool_)}
    if images.has("keep"):
        sets["without copies"] = images.is_kept
    if images.is_selected.any():
        sets["in the sample"] = images.is_selected
    spreads = [
        measure_spread(name, np.bincount(code[chosen[is_in_one]], minlength=len(values)))
        for name, chosen in sets.items()
    ]
    return Balance(by=by, values=values.tolist(), spreads=spreads)


def measure_spread(name: str, sizes: Ints) -> Spread:
    """Return how even sizes are.

    Args:
        name: Which images they count.
        sizes: (G,) int64 >= 0.
    """
    shares = sizes[sizes > 0] / max(int(sizes.sum()), 1)
    effective = float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0
    return Spread(name=name, sizes=sizes.astype(np.int64), effective=effective)

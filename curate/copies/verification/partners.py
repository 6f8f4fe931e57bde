"""Partners: the images that each image is compared with, the likeliest first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class PartnerParams:
    """Which partners come first.

    Attributes:
        sure: Partners from this probability of the first look on are equally likely: of these,
            those with the most partners come first, so that a crowd is compared with the same few.
            Of 300 encodings of one picture nearly all pairs lie above.
    """

    sure: float = 0.9999


PARTNER_PARAMS = PartnerParams()


def list_partners(
    ends: Ints, likely: NDArray[np.float64], n: int, *, most: int
) -> tuple[Ints, Ints, Ints]:
    """Return the likeliest partners of each image.

    Args:
        ends: (2, P) both images of each pair.
        likely: (P,) how likely each shows the same scene.
        n: Number of images.
        most: Partners of an image at most.

    Returns:
        (Q,) rows of pairs, images and their partners, by image, its best partner first.
    """
    image, partner = np.concatenate([ends, ends[::-1]], axis=1)
    n_partners = np.bincount(image, minlength=n)
    chance = np.tile(np.minimum(likely, PARTNER_PARAMS.sure), 2)
    order = np.lexsort((partner, -n_partners[partner], -chance, image))
    rank = np.arange(len(order)) - np.searchsorted(image[order], image[order])
    order = order[rank < most]
    return order % ends.shape[1] if len(order) else order, image[order], partner[order]

"""Relations: what two aligned images are to each other: copies, a part of a collage, one scene."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.config import DedupConfig
from curate.copies.looks import has_overlay, is_part
from curate.copies.pair_tables import take_pairs
from curate.copies.placement import measure_overlap
from curate.copies.probability.classifier import FIRST_LOOK
from curate.copies.verification.evidence import NAMES
from curate.copies.verification.findings import Findings, Links

Bools = NDArray[np.bool_]

_TURNED_HUE = NAMES.index("turned_hue")


@dataclass(frozen=True, kw_only=True, slots=True)
class RelationParams:
    """What ties two images that are no copies.

    Attributes:
        least_scene: Probability of the first look, which sees whether frames agree and not what
            fills them, from which on two images show one scene: even odds.
        recoloured: Share of the overlap whose hue was turned, from which on it is another colour
            (`curate.copies.verification.color`).
    """

    least_scene: float = 0.5
    recoloured: float = 0.04


RELATION_PARAMS = RelationParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Relations:
    """Pairs by what ties them; a pair is in one table at most, but views are of one scene, too.

    Attributes:
        copies: Of which one may be dropped for the other.
        parts: A picture and a collage that shows it among others.
        views: Two views of one picture that share less than the config wants of copies.
        scenes: The same scene, template or burst with other content, or two views that share
            little; their probability is that of the first look.
    """

    copies: Links
    parts: Links
    views: Links
    scenes: Links


def are_recoloured(findings: Findings) -> Bools:
    """Return in which pairs hues were turned: another colour of one product, or an edit."""
    return np.asarray(findings.evidence[:, _TURNED_HUE] > RELATION_PARAMS.recoloured, np.bool_)


def sort_relations(
    links: Links, shapes: NDArray[np.int32], config: DedupConfig, *, threshold: float
) -> Relations:
    """Return pairs by what ties them.

    Args:
        links: Pairs and their probability to be copies.
        shapes: (R, 2) int32, height and width of the working copies.
        config: What counts as a copy.
        threshold: Least probability that counts.
    """
    findings = links.findings
    is_copy = links.probability >= threshold
    parts = is_copy & is_part(findings)
    shares_enough = measure_overlap(findings, shapes) >= config.min_overlap
    kept = is_copy & ~parts & shares_enough
    views = is_copy & ~parts & ~shares_enough
    if not config.overlays:
        kept &= ~has_overlay(findings)
    if not config.recolour:
        kept &= ~are_recoloured(findings)
    alike = FIRST_LOOK.predict(findings.evidence)
    is_scene = (
        ~kept & ~parts & (np.maximum(alike, links.probability) >= RELATION_PARAMS.least_scene)
    )
    scenes = take_pairs(Links(findings=findings, probability=alike), is_scene)
    return Relations(
        copies=take_pairs(links, kept),
        parts=take_pairs(links, parts),
        views=take_pairs(links, views),
        scenes=scenes,
    )

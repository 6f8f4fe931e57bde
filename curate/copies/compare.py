"""Two pictures compared: are they copies, how do they lie, what conflicts."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.choices import IN_DOUBT, OVERLAPS, PART_OF, RECOLOURED, Level
from curate.copies.config import DedupConfig
from curate.copies.placement import place_pairs
from curate.copies.probability.classifier import CLOSE_LOOK, FIRST_LOOK, THRESHOLD_PARAMS
from curate.copies.probability.context import judge_in_context
from curate.copies.records import Pairs, QueryImage
from curate.copies.relations import are_recoloured, sort_relations
from curate.copies.verification.close_look import CloseLook
from curate.copies.verification.conflicts import ConflictPlaces, find_conflict_places
from curate.copies.verification.detail import shrink_for_close_look
from curate.copies.verification.findings import (
    BY_FRAME,
    BY_KEYPOINTS,
    BY_MIRRORED_KEYPOINTS,
    Links,
    drop_unaligned,
    select_best,
)
from curate.copies.verification.frames import drop_other_frames
from curate.copies.verification.keypoints import Keypoints, make_working_copy
from curate.copies.verification.laying import Laid, lay_over, scale_map
from curate.copies.verification.verifier import Verifier
from curate.images.perceptual_hash import orientations
from curate.parallel import one_thread_each

Pixels = NDArray[np.uint8]

_AS_LIKELY_AS_NOT = 0.5
_CONFLICT = (214, 69, 40)  # the colour that outlines what conflicts


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What two pictures are to each other.

    Attributes:
        relation: ``bytes``, ``pixels`` or ``near`` for copies, ``part_of`` for a picture and a
            collage, ``overlaps`` for views that share little, ``recoloured`` where a part has
            another hue and is else the same, ``in_doubt`` where they are likelier copies than not,
            but less than is asked for, ``scene``; None if they have nothing to do with each other.
        probability: Of being copies, in [0, 1], at even odds.
        placement: How the first lies in the second, one row; none if they cannot be aligned.
        conflicts: Places in which they conflict, in the second: left, top, right, bottom, as shares
            of its sides, largest first.
        picture: Both side by side, and the first laid on the second with what conflicts outlined,
            (H, W, 3) uint8.
    """

    relation: str | None
    probability: float
    placement: Pairs
    conflicts: list[tuple[float, float, float, float]]
    picture: Pixels


def compare_pictures(first: QueryImage, second: QueryImage, config: DedupConfig) -> Comparison:
    """Return what two pictures are to each other.

    Args:
        first: A picture.
        second: Another one.
        config: What counts as a copy; its ``precision`` is the least probability.
    """
    if first.content_hash == second.content_hash:
        return _call_equal(Level.BYTES, first, second)
    is_one_size = (first.width, first.height) == (second.width, second.height)
    if is_one_size and first.digest() == second.digest():
        return _call_equal(Level.PIXELS, first, second)
    with one_thread_each():
        links, keypoints = _verify(first, second)
        if len(links) == 0:
            picture = _draw(first.pixels, second.pixels)
            return Comparison(
                relation=None,
                probability=0.0,
                placement=Pairs.none(),
                conflicts=[],
                picture=picture,
            )
        return _describe(first, second, links, keypoints, config)


def _verify(first: QueryImage, second: QueryImage) -> tuple[Links, Keypoints]:
    """Return the likeliest way to lay the one on the other, if there is any.

    There is none of two animations that share a frame and no others.
    """
    images = (first.pixels, second.pixels)
    keypoints = Keypoints.of([make_working_copy(pixels) for pixels in images])
    verifier = Verifier(keypoints, lambda rows: [images[row] for row in rows], FIRST_LOOK)
    versions = orientations(np.array([first.phash], np.uint64)).reshape(-1)
    apart = np.bitwise_count(versions ^ np.uint64(second.phash))
    method = np.array([BY_KEYPOINTS, BY_MIRRORED_KEYPOINTS, BY_FRAME + int(apart.argmin())])
    zeros = np.zeros(len(method), np.int64)
    findings = drop_unaligned(verifier.verify(zeros, zeros + 1, method))
    best = select_best(findings, FIRST_LOOK)
    close_look = CloseLook(
        keypoints.shapes,
        lambda rows: [images[row] for row in rows],
        read_file=lambda row: (first, second)[row].read_exact(),
    )
    seen = replace(best.findings, close=close_look.look(best.findings))
    probability = CLOSE_LOOK.predict(judge_in_context(seen, None))
    links = drop_other_frames(
        Links(findings=seen, probability=probability),
        np.array([first.frames, second.frames], np.int32),
        lambda row: (first, second)[row].hash_frames(),
        least=THRESHOLD_PARAMS.least,
    )
    return links, keypoints


def _describe(
    first: QueryImage,
    second: QueryImage,
    links: Links,
    keypoints: Keypoints,
    config: DedupConfig,
) -> Comparison:
    sizes = np.array([(one.height, one.width) for one in (first, second)], np.int32)
    threshold = config.threshold or config.precision
    relations = sort_relations(links, keypoints.shapes, config, threshold=threshold)
    named = (
        (Level.NEAR, relations.copies),
        (PART_OF, relations.parts),
        (OVERLAPS, relations.views),
        (Level.SCENE, relations.scenes),
    )
    relation = next((str(name) for name, some in named if len(some)), None)
    probability = float(links.probability[0])
    if relation in (None, Level.SCENE) and probability >= _AS_LIKELY_AS_NOT:
        is_other_colour = not config.recolour and are_recoloured(links.findings)[0]
        relation = RECOLOURED if is_other_colour else IN_DOUBT
    greys = [shrink_for_close_look(one.pixels) for one in (first, second)]
    shapes = [tuple(shape) for shape in keypoints.shapes.tolist()]
    a_to_b = scale_map(
        links.findings.maps[0], (shapes[0], shapes[1]), (greys[0].shape, greys[1].shape)
    )
    laid = lay_over(greys[0], greys[1], a_to_b)
    places = find_conflict_places(laid.below, laid.above, laid.valid) if laid else None
    return Comparison(
        relation=relation,
        probability=probability,
        placement=place_pairs(links, keypoints.shapes, sizes, np.arange(2)),
        conflicts=_list_conflicts(laid, places, greys[1].shape) if laid and places else [],
        picture=_draw(first.pixels, second.pixels, laid, places),
    )


def _call_equal(level: Level, first: QueryImage, second: QueryImage) -> Comparison:
    return Comparison(
        relation=str(level),
        probability=1.0,
        placement=Pairs.none(),
        conflicts=[],
        picture=_draw(first.pixels, second.pixels),
    )


def _list_conflicts(
    laid: Laid, places: ConflictPlaces, shape: tuple[int, ...]
) -> list[tuple[float, float, float, float]]:
    """Return the places that conflict, as boxes of the second image."""
    boxes = []
    for number in np.argsort(-places.area, kind="stable") + 1:
        y, x = np.nonzero(places.label == number)
        corners = np.array(
            [[x.min(), y.min(), 1], [x.max(), y.max(), 1], [x.min(), y.max(), 1],
             [x.max(), y.min(), 1]], np.float64
        )  # fmt: skip
        if laid.is_first_below:
            corners = corners @ laid.into.T
            corners /= corners[:, 2:]
        shares = (corners[:, :2] + 0.5) / np.array([shape[1], shape[0]])
        low, high = np.clip(shares.min(axis=0), 0, 1), np.clip(shares.max(axis=0), 0, 1)
        boxes.append((float(low[0]), float(low[1]), float(high[0]), float(high[1])))
    return boxes


def _draw(
    first: Pixels, second: Pixels, laid: Laid | None = None, places: ConflictPlaces | None = None
) -> Pixels:
    """Return both pictures side by side, and the one on the other with what conflicts outlined."""
    parts = [first, second]
    if laid is not None and places is not None:
        half = np.clip((laid.below + np.where(laid.valid > 0, laid.above, laid.below)) / 2, 0, 255)
        over = np.repeat(half.astype(np.uint8)[..., None], 3, axis=2)
        outlines, _ = cv2.findContours(
            (places.label > 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        parts.append(np.asarray(cv2.drawContours(over, outlines, -1, _CONFLICT, 1), np.uint8))
    height = max(part.shape[0] for part in parts)
    padded = [
        cv2.copyMakeBorder(
            part, 0, height - part.shape[0], 0, 8, cv2.BORDER_CONSTANT, value=(255, 255, 255)
        )
        for part in parts
    ]
    return np.asarray(np.concatenate(padded, axis=1), np.uint8)

"""Looks: what copies show beside each other, so that the best of them can stay.

Whether something lies over an image, whether a frame lies around it or it is a piece of a larger
view is seen only beside a copy; so is which of two shows true detail.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.graph import connected_components
from curate.copies.cache.true_details import N_SCALARS
from curate.copies.encodings import Encodings, compare_encodings, is_bad_jpeg
from curate.copies.keep_policy import Looks
from curate.copies.placement import find_placement
from curate.copies.verification.findings import Findings, Links
from curate.images.enlarging_trace import N_PEAKS, find_enlarged
from curate.manifest.text_column import TextColumn

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class LooksParams:
    """How copies are judged beside each other.

    Measured by ``tests/benchmarks/keep_quality.py``.

    Attributes:
        seam: Times the edges beside it that the edge of a frame has; the border of a crop has
            none.
        least_outside: Share of an image around the shared part that is a frame, or more of a scene.
        wedge: The same, of the plain corners that a small turn leaves, whose edge is sharper:
            ``wedge_seam``. 33 photos turned by 2 to 4 degrees had 0.02 to 0.04, 14 of them such
            an edge; of 687 copies without a frame none had one.
        wedge_seam: See ``wedge``.
        least_part: Share of a collage that shows other pictures; the bar of a caption is less.
        varied: Share of what lies around that is not plain: in a collage, not in a frame. 148
            collages had 0.33 at least, 68 screenshots and borders 0.2 at most
            (``tests/benchmarks/collages.py`` shows how they lie).
        marked: Share of the overlap that something lies over in one image more than in the other.
        step: Times the true detail that is one step.
        grey: Colour of an image that has none; ``coloured`` of one that has.
        coloured: See ``grey``.
        enlarged: Share of its copies' resolution, below which an image is enlarged.
        one_scale: Times as large; up to that copies are of one size.
    """

    seam: float = 2.0
    least_outside: float = 0.04
    wedge: float = 0.02
    wedge_seam: float = 3.0
    least_part: float = 0.35
    varied: float = 0.3
    marked: float = 0.015
    step: float = 1.25
    grey: float = 0.015
    coloured: float = 0.04
    enlarged: float = 0.8
    one_scale: float = 1.1


LOOKS_PARAMS = LooksParams()


def compare_looks(
    links: Links,
    shapes: NDArray[np.int32],
    sizes: NDArray[np.int32],
    n_bytes: Ints,
    formats: TextColumn,
    details: Floats | None,
) -> Looks:
    """Return how R images look beside their copies.

    Args:
        links: Pairs of copies.
        shapes: (R, 2) int32, height and width of the working copies.
        sizes: (R, 2) int32, height and width of the source images.
        n_bytes: (R,) int64, of the files.
        formats: R names of formats.
        details: (R, 14), `curate.copies.cache.true_details.DETAIL_COLUMNS` of images, NaN for those
            that are no copies, or whose file could not be looked at; None where they do not matter.
    """
    n, findings = len(sizes), links.findings
    votes, is_framed = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    cut, turns = np.zeros(n, np.int64), np.zeros(n, np.int64)
    is_turned = np.where(_are_upright(findings), -1, 1)
    params = LOOKS_PARAMS
    for one, side, far_side in (
        (findings.a, "first", "second"),
        (findings.b, "second", "first"),
    ):
        marks = findings.measure_close(f"marks_{side}")
        rest = findings.measure_close(f"marks_{far_side}")
        says = np.where(marks - rest > params.marked, 1, -1)
        np.add.at(votes, one, says)
        np.add.at(turns, one, is_turned)
        is_framed[one[_has_frame(findings, side)]] = True
        outside = findings.measure_close(f"outside_{far_side}")
        is_more = (outside > params.least_outside) & ~_has_frame(findings, far_side)
        tenths = np.round(outside[is_more] * 10).astype(np.int64)
        np.maximum.at(cut, one[is_more], tenths)
    looks = replace(
        Looks.alike(n), is_marked=votes > 0, is_framed=is_framed, cut=cut, is_turned=turns > 0
    )
    if details is None or len(findings) == 0:
        return looks
    group = connected_components(n, findings.a, findings.b)
    scalars, waves = np.split(details, [N_SCALARS], axis=1)
    resolution, blocks, colour, noise, step, purity = _fill_unknown(scalars, group).T
    n_pixels = np.maximum(sizes[:, 0] * sizes[:, 1].astype(np.float64), 1)
    files = Encodings(
        n_pixels=n_pixels,
        rate=n_bytes / n_pixels,
        formats=formats,
        blocks=blocks,
        noise=noise,
        step=step,
        purity=purity,
    )
    scale = find_placement(findings, shapes, sizes).scale.astype(np.float64)
    scaled = _find_scaled(findings, scale, waves)
    looks = _compare_detail(looks, links, files, resolution, scaled)
    is_grey = (colour < params.grey) & (_find_largest(colour, group) > params.coloured)
    has_one_scale = np.abs(np.log(scale)) < np.log(params.one_scale)
    return compare_encodings(
        replace(looks, is_grey=is_grey), files, findings.a, findings.b, has_one_scale
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scaled:
    """Pairs of copies of different size, Q of them.

    Attributes:
        larger: (Q,) int64, the image of more pixels for the same thing.
        smaller: (Q,) int64, the other.
        is_enlarged: (Q,) bool, the larger was made of the smaller: it has the trace of that.
    """

    larger: Ints
    smaller: Ints
    is_enlarged: Bools


def _find_scaled(findings: Findings, scale: Floats, waves: Floats) -> _Scaled:
    """Return the pairs of copies of different size.

    Args:
        findings: Pairs of copies.
        scale: (P,) how large the first is in the second, in pixels of the files.
        waves: (R, 8), see `curate.images.enlarging_trace.measure_enlarging_trace`.
    """
    times = np.maximum(scale, 1 / np.maximum(scale, 1e-9))
    rows = np.flatnonzero(times > LOOKS_PARAMS.one_scale)
    ends = findings.a[rows], findings.b[rows]
    larger, smaller = np.where(scale[rows] > 1, ends[::-1], ends)
    peaks = np.nan_to_num(waves).reshape(-1, N_PEAKS, 2).astype(np.float32)
    is_enlarged = find_enlarged(peaks[larger], times[rows])
    return _Scaled(larger=larger, smaller=smaller, is_enlarged=is_enlarged)


def _compare_detail(
    looks: Looks, links: Links, files: Encodings, resolution: Floats, scaled: _Scaled
) -> Looks:
    """Return the looks with which images show less detail than their copies, or were enlarged.

    An enlarged image shows no more than its source, a bad JPEG no more than a better copy of it,
    and what a smaller copy has pixels enough for is no detail that it lacks, whatever the spectrum
    of either promises: noise, blocks and the overshoot of enlarging are in it, too.

    Args:
        looks: What else there is against the images.
        links: Pairs of copies.
        files: The R images as files.
        resolution: (R,) see `curate.images.true_detail.TrueDetail`.
        scaled: The pairs of different size.
    """
    a, b = links.findings.a, links.findings.b
    one, other = np.concatenate([a, b]), np.concatenate([b, a])
    is_bad = is_bad_jpeg(files, one, other)
    across = np.maximum(resolution * np.sqrt(files.n_pixels), 1e-9)
    is_no_finer = scaled.is_enlarged | (
        across[scaled.larger] <= np.sqrt(files.n_pixels[scaled.smaller])
    )
    shown = across.copy()
    np.minimum.at(shown, one[is_bad], across[other[is_bad]])
    np.minimum.at(shown, scaled.larger[is_no_finer], across[scaled.smaller[is_no_finer]])
    group = connected_components(len(shown), a, b)
    below = np.log(_find_largest(shown, group) / shown)
    coarse = np.floor(below / np.log(LOOKS_PARAMS.step)).astype(np.int64)
    is_enlarged = np.zeros(len(shown), np.bool_)
    shows_less = resolution[one] < LOOKS_PARAMS.enlarged * resolution[other]
    is_enlarged[one[shows_less & ~is_bad_jpeg(files, other, one)]] = True
    is_enlarged[scaled.larger[scaled.is_enlarged]] = True
    return replace(looks, coarse=coarse, is_enlarged=is_enlarged)


def _are_upright(findings: Findings) -> Bools:
    """Return whether the one image lies in the other neither mirrored nor turned far."""
    linear = findings.maps[:, :, :2]
    along, across = linear[:, [0, 1], [0, 1]], np.abs(linear[:, [0, 1], [1, 0]])
    return np.asarray((along > across).all(axis=1), np.bool_)


def is_part(findings: Findings) -> Bools:
    """Return which pairs are a picture and a collage that shows it among others, (P,) bool."""
    params = LOOKS_PARAMS
    is_either = np.zeros(len(findings), np.bool_)
    for side in ("first", "second"):
        is_either |= (
            (findings.measure_close(f"outside_{side}") > params.least_part)
            & (findings.measure_close(f"seam_{side}") > params.seam)
            & (findings.measure_close(f"varied_{side}") > params.varied)
        )
    return is_either


def has_overlay(findings: Findings) -> Bools:
    """Return in which pairs something lies over or around one of the images, (P,) bool."""
    found = np.zeros(len(findings), np.bool_)
    for side in ("first", "second"):
        found |= findings.measure_close(f"marks_{side}") > LOOKS_PARAMS.marked
        found |= _has_frame(findings, side)
    return found


def _has_frame(findings: Findings, side: str) -> Bools:
    params = LOOKS_PARAMS
    outside, seam = (findings.measure_close(f"{name}_{side}") for name in ("outside", "seam"))
    is_wedge = (outside > params.wedge) & (seam > params.wedge_seam)
    is_wedge &= findings.measure_close(f"varied_{side}") < params.varied
    return np.asarray(
        ((outside > params.least_outside) & (seam > params.seam)) | is_wedge, np.bool_
    )


def _find_largest(values: Floats, group: Ints) -> Floats:
    """Return for each image the largest value of its group."""
    largest = np.full(len(values), -np.inf)
    np.maximum.at(largest, group, values)
    return np.asarray(largest[group], np.float64)


def _fill_unknown(details: Floats, group: Ints) -> Floats:
    """Return details without NaN: what is not known of an image is as with the least of its group.

    So its copies are no worse for it, and it is no better than they are.
    """
    known = np.where(np.isnan(details), np.inf, details)
    least = np.stack([-_find_largest(-column, group) for column in known.T], axis=1)
    filled = np.where(np.isnan(details), least, details)
    return np.asarray(np.where(np.isinf(filled), 1.0, filled), np.float64)

"""Context: what the other pairs of a folder say of a pair.

Of two frames of a fixed camera each carries something of its own; so does, it seems, a marked copy
beside its original. With a third image the two are told apart: what a carries of its own is half of
what it differs from b and from c by, less what these differ by from each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from curate.copies.verification.evidence import NAMES
from curate.copies.verification.findings import Findings
from curate.copies.verification.partners import list_partners

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONTEXT_NAMES = ("marked_once", "marked_twice", "crowd", "little")
"""The kinds of evidence that come from marks, other pairs and size, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextParams:
    """How other pairs are heard.

    Measured by ``tests/benchmarks/base_rates.py`` on frames of a fixed camera.

    Attributes:
        n_neighbors: Images that an image is compared with at most, the likeliest.
        n_triangles: With fewer nothing is known of an image: an original and its few marked copies
            are no crowd.
        alike: Probability of the first look, from which on an image is one of a crowd.
        little: Share of an image that is too little to be carried: 8 px square of a cached one.
        small: px, sides of the smaller picture, at the resolution of the coarser one, between which
            a pair comes to be judged as one that shows little: of 40 frames of a camera, shrunk to
            40 to 90 px, that differ in 2 % of what they show, 97 of 248 pairs passed for copies by
            the weights of others, 2 where those for little alone count below 80 px
            (``tests/benchmarks/fit_small_pictures.py`` makes and judges such).
        few_tiles: Tiles of 8 px with texture, between which the same happens: pictures of 80 and 96
            px can have so many. Of icons of 96 px 198 pairs had log odds above 4 by size alone, now
            49; of 1,569 copies of photos, clothes, tiles and faces two fewer have.
        most_marked: Shares of an image between which marks come to say nothing: what covers more is
            no mark. Of copies 1 % are covered by more than 0.1 to 0.17 (photos, clothes, tiles,
            faces), by words in rows up to 0.37 (``tests/benchmarks/marked_copies.py``); of traffic
            signs of different scenes half by more than 0.9.
        marked: Share of one image that marks lie over and not over the other: a marked copy.
        marked_twice: Share of that, which may lie over the other one all the same.
        other_grain: Lack of shared grain, from which on two images that both carry something are
            two captures: of 1,123 copies of photos, faces, clothes, tiles and papers 2 were called
            so, of 1,057 pairs of frames of a camera that passed for copies 776
            (``tests/benchmarks/folder_evidence.py``).
        other_tone: Correlation of the shades of all tiles, below which two pictures have nothing in
            common but what lies over both.
        other_chroma: What the correlation of their chroma lacks, with that. Of 1,401 copies of
            photos, clothes, tiles, faces and receipts none had both, of plain pictures under one
            watermark nearly all (``tests/benchmarks/unseen_kinds.py``).
        frame_chroma: What the correlation of chroma may lack at most where no keypoint agrees: of
            flags of three plain stripes half had more; no copy of those above was found by its
            frame alone.
        crushed: Usual difference of two images, log(1 + grey levels), from which on conflicts that
            no tile sees at middle and coarse detail are what compression made of fine texture, if
            nothing lies over either image. So were 645 of 645 refused pairs of 300 encodings of one
            picture (``tests/benchmarks/dedup_one_picture.py``), and none of frames of a camera.
        apart: Share of both images outside what they share, from which on they are two views.
        far: Share of one image outside the other, from which on that one is a small piece.
        alone: px that each of two images alone shows on plain ground, from which on both show
            something of their own: of 1,530 copies of photos, clothes, faces and tiles none did, of
            48 pairs of screenshots that passed for copies, most of them of windows with other words
            or values, 31 (``tests/benchmarks/own_content.py``).
        spoilt: Share of such a view or piece that something lies over.
        unlike: Agreement of its least alike tiles, coarsely seen. Of 164 views and pieces of
            photos, clothes, tiles and faces none had more marks or less agreement; of 58 pairs of
            pictures that hold one cut-out, called copies at 0.99, 57 had
            (``tests/benchmarks/shared_insets.py`` makes such).
    """

    n_neighbors: int = 8
    n_triangles: int = 8
    alike: float = 0.5
    little: float = 1e-3
    small: tuple[float, float] = (80.0, 96.0)
    few_tiles: tuple[float, float] = (100.0, 144.0)
    most_marked: tuple[float, float] = (0.3, 0.45)
    marked: float = 0.02
    marked_twice: float = 0.2
    other_grain: float = 0.4
    other_tone: float = 0.7
    other_chroma: float = 0.3
    frame_chroma: float = 0.1
    crushed: float = 1.3
    apart: float = 0.25
    far: float = 0.8
    alone: float = 12.0
    spoilt: float = 0.03
    unlike: float = 0.9


CONTEXT_PARAMS = ContextParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderContext:
    """What the pairs of a folder say of each of its n images.

    Attributes:
        own: (n,) float64, share of the image that it alone carries; 0 where unknown.
        marked: (n,) float64, usual share of the image that something lies over, as its pairs show.
        crowd: (n,) float64, number of images that look like it at the first look: what looks like
            many says little of each.
    """

    own: Floats
    marked: Floats
    crowd: Floats

    @classmethod
    def none(cls, n: int) -> "FolderContext":
        """Return what is said of n images where nothing is known."""
        return cls(own=np.zeros(n), marked=np.zeros(n), crowd=np.zeros(n))

    @property
    def columns(self) -> dict[str, Floats]:
        """Return each column by its name, (n,) each."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def put(self, rows: Ints | slice, other: "FolderContext") -> None:
        """Write what another context says of its images in place of what is said of some here."""
        for name, column in self.columns.items():
            column[rows] = other.columns[name]


def measure_context(findings: Findings, likely: Floats, n: int) -> FolderContext:
    """Return what the pairs of a folder say of each of its images.

    Args:
        findings: On pairs of n images, each once.
        likely: (P,) how likely each shows the same scene.
        n: Number of images.
    """
    params = CONTEXT_PARAMS
    area = findings.measure_close("conflict_area").astype(np.float64) ** 2
    known = np.isfinite(findings.close).all(axis=1)
    ends = np.sort(np.stack([findings.a[known], findings.b[known]]), axis=0)
    a, b = ends.tolist()
    between = dict(zip(zip(a, b, strict=True), area[known].tolist(), strict=True))
    own = np.zeros(n)
    for image, some in _list_neighbors(ends, likely[known], n):
        estimates = [
            (_look_up(between, image, b) + _look_up(between, image, c) - apart) / 2
            for number, b in enumerate(some)
            for c in some[number + 1 :]
            if (apart := between.get((min(b, c), max(b, c)))) is not None
        ]
        if len(estimates) >= params.n_triangles:
            own[image] = max(0.0, float(np.median(estimates)))
    marks = [findings.measure_close(f"marks_{side}")[known] for side in ("first", "second")]
    marked = _find_medians(
        np.concatenate([findings.a[known], findings.b[known]]), np.concatenate(marks), n
    )
    is_alike = likely >= params.alike
    ends = np.concatenate([findings.a[is_alike], findings.b[is_alike]])
    return FolderContext(
        own=own, marked=marked, crowd=np.bincount(ends, minlength=n).astype(np.float64)
    )


def _find_medians(images: Ints, values: NDArray[np.float32], n: int) -> Floats:
    """Return the lower median of what is said of each of n images, (n,) float64; 0 of no value.

    Args:
        images: (V,) int64, of which each value is.
        values: (V,) float32.
        n: Number of images.
    """
    order = np.lexsort((values, images))
    n_values = np.bincount(images, minlength=n)
    middle = np.cumsum(n_values) - n_values + np.maximum(n_values - 1, 0) // 2
    medians = np.zeros(n)
    has_any = n_values > 0
    medians[has_any] = values[order][middle[has_any]]
    return medians


def _list_neighbors(ends: Ints, likely: Floats, n: int) -> Iterator[tuple[int, list[int]]]:
    """Yield the images that are compared with enough others to tell anything, and those others.

    Args:
        ends: (2, P) both images of each pair.
        likely: (P,) how likely each shows the same scene.
        n: Number of images.
    """
    params = CONTEXT_PARAMS
    _, images, partners = list_partners(ends, likely, n, most=params.n_neighbors)
    n_partners = np.bincount(images, minlength=n)
    starts = np.cumsum(n_partners) - n_partners
    is_enough = n_partners * (n_partners - 1) // 2 >= params.n_triangles
    for image in np.flatnonzero(is_enough).tolist():
        yield image, partners[starts[image] : starts[image] + n_partners[image]].tolist()


def _look_up(between: dict[tuple[int, int], float], one: int, other: int) -> float:
    return between[min(one, other), max(one, other)]


def judge_in_context(findings: Findings, context: FolderContext | None) -> NDArray[np.float32]:
    """Return the evidence of both looks and of the context, (P, 61) float32.

    Rows are NaN where there was no close look, where both images carry something of their own, as
    other pairs, their grain or the plain ground below it tell, and where both hold one cut-out, lie
    under one mark or have one plain frame and are of other scenes: such pairs are no copies by
    definition, however little they differ by.

    Args:
        findings: On pairs of images.
        context: What the folder says of the images; None where nothing is known.
    """
    marks = [findings.measure_close(f"marks_{side}") for side in ("first", "second")]
    once, twice = _drop_large(np.abs(marks[0] - marks[1])), np.minimum(*marks)
    crowd = np.ones(len(findings))  # they look like each other at least
    evidence = findings.whole_evidence
    is_other = _are_two_captures(findings) | _share_an_inset(findings)
    is_other |= _does_each_show_its_own(findings)
    is_other |= _lie_under_one_mark(findings) | _share_a_plain_frame(findings)
    evidence[is_other] = np.nan
    if context is not None:
        crowd = np.maximum(1, np.minimum(context.crowd[findings.a], context.crowd[findings.b]))
        evidence[_do_both_carry(findings, context, once, twice)] = np.nan
    little = _measure_littleness(findings)
    columns = np.stack([np.sqrt(once), np.sqrt(twice), np.log1p(crowd), little], axis=1)
    return np.concatenate([evidence, columns.astype(np.float32)], axis=1)


def _drop_large(marks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return shares of images that marks lie over, less where so much is covered by no mark."""
    least, most = CONTEXT_PARAMS.most_marked
    return np.asarray(marks * np.clip((most - marks) / (most - least), 0, 1), np.float32)


def _measure_littleness(findings: Findings) -> Floats:
    """Return how much each pair is one of pictures that show little, (P,) in [0, 1].

    Small ones do, and large ones in which few tiles have texture: letters, flags, symbols. Pictures
    that share a part of themselves only count as if all of the smaller one were shared.
    """
    overlap = findings.evidence[:, NAMES.index("overlap")].astype(np.float64)
    unshared = -np.log(np.maximum(overlap, 1e-3))
    side = findings.measure_close("log_side").astype(np.float64) + unshared / 2
    bands = [findings.measure_close(f"{band}_log_tiles") for band in ("fine", "middle")]
    tiles = np.log(np.maximum(np.expm1(np.maximum(*bands).astype(np.float64)), 1)) + unshared
    shares = []
    for measured, limits in ((side, CONTEXT_PARAMS.small), (tiles, CONTEXT_PARAMS.few_tiles)):
        least, most = np.log(limits)
        shares.append((most - measured) / (most - least))
    return np.asarray(np.clip(np.maximum(*shares), 0, 1))


def _are_two_captures(findings: Findings) -> NDArray[np.bool_]:
    """Return in which pairs both images carry something and have grain of their own, (P,) bool."""
    params = CONTEXT_PARAMS
    both = findings.measure_close("two_sided_area").astype(np.float64) ** 2 > params.little
    both &= ~are_crushed(findings)
    both &= findings.measure_close("two_sided_places") >= np.log(2)
    return np.asarray(both & (findings.measure_close("grain_deficit") > params.other_grain))


def _does_each_show_its_own(findings: Findings) -> NDArray[np.bool_]:
    """Return in which pairs each image alone shows something on plain ground, (P,) bool.

    A marked copy does, and its original does not; of two states of one window, or two forms with
    other words on them, both do.
    """
    alone = [findings.measure_close(f"alone_{side}") for side in ("first", "second")]
    return np.asarray(np.minimum(*alone) >= CONTEXT_PARAMS.alone, np.bool_)


def _share_an_inset(findings: Findings) -> NDArray[np.bool_]:
    """Return which pairs are two pictures that one cut-out was laid into, (P,) bool.

    Something may lie over a picture, but then the one lies in the other. Two views of one picture,
    and a small piece and its source, show the same wherever both have pixels; around a cut-out
    everything differs.
    """
    params = CONTEXT_PARAMS
    outside, marks = (
        [findings.measure_close(f"{name}_{side}") for side in ("first", "second")]
        for name in ("outside", "marks")
    )
    is_partial = (np.minimum(*outside) > params.apart) | (np.maximum(*outside) > params.far)
    differs = (np.maximum(*marks) > params.spoilt) | (
        findings.measure_close("coarse_lowest") < params.unlike
    )
    return np.asarray(is_partial & differs, np.bool_)


def _lie_under_one_mark(findings: Findings) -> NDArray[np.bool_]:
    """Return which pairs are two pictures with one watermark over both, (P,) bool.

    Letters over plain pictures are all the texture that these have, and it agrees; what lies below
    agrees neither in shade nor in colour, and no change of tone or hue explains it.
    """
    params = CONTEXT_PARAMS
    tone, chroma = (findings.evidence[:, NAMES.index(n)] for n in ("tone", "chroma_deficit"))
    return np.asarray((tone < params.other_tone) & (chroma > params.other_chroma), np.bool_)


def _share_a_plain_frame(findings: Findings) -> NDArray[np.bool_]:
    """Return which pairs have no keypoint in common and other hues, as flags do, (P,) bool."""
    chroma = findings.evidence[:, NAMES.index("chroma_deficit")]
    return np.asarray((findings.inliers == 0) & (chroma > CONTEXT_PARAMS.frame_chroma), np.bool_)


def _do_both_carry(
    findings: Findings,
    context: FolderContext,
    once: NDArray[np.float32],
    twice: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """Return in which pairs each image carries something of its own, (P,) bool.

    Two copies of one frame of a camera carry the same thing: they do not differ. A picture among
    many captioned copies seems to carry something, but it is the captions that are marks: beside
    none of them does anything lie over it.
    """
    params = CONTEXT_PARAMS
    area = findings.measure_close("conflict_area").astype(np.float64) ** 2
    carried = np.minimum(np.minimum(context.own[findings.a], context.own[findings.b]), area)
    is_marked_once = (once > params.marked) & (twice < params.marked_twice * once)
    is_marked_once &= findings.measure_close("grain_deficit") <= params.other_grain
    is_first = findings.measure_close("marks_first") > findings.measure_close("marks_second")
    bare = np.where(is_first, findings.b, findings.a)
    is_marked_once &= context.marked[bare] <= params.little
    is_carried = (carried > params.little) & ~are_crushed(findings)
    return np.asarray(is_carried & ~is_marked_once, np.bool_)


def are_crushed(findings: Findings) -> NDArray[np.bool_]:
    """Return which pairs differ in fine texture only, as compression leaves it, (P,) bool."""
    params = CONTEXT_PARAMS
    is_sound = findings.measure_close("noise") > params.crushed
    for band in ("middle", "coarse"):
        is_sound &= findings.measure_close(f"{band}_conflict") == 0
    for side in ("first", "second"):
        is_sound &= findings.measure_close(f"marks_{side}") <= params.little
    return np.asarray(is_sound, np.bool_)

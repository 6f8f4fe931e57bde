"""The policy of what stays: which image of a duplicate group, and why the others are dropped."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.choices import KeepPolicy
from curate.copies.records import UNKNOWN_TIME
from curate.manifest.text_column import TextColumn

_LOSSLESS = frozenset({"PNG", "BMP", "TIFF", "PPM", "TGA"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """How N images look beside their copies; all alike where there are none.

    Attributes:
        is_marked: (N,) bool, something lies over it that is not in its copies.
        is_framed: (N,) bool, a border, a caption, a screen lies around it.
        cut: (N,) int, tenths of a copy's scene that it does not show.
        is_resaved: (N,) bool, holds the trace of a JPEG less cleanly than a copy does.
        coarse: (N,) int, steps of a quarter by which its true detail is below that of its best
            copy.
        is_stray: (N,) bool, fewer of its copies match it than one that shows as much.
        is_grey: (N,) bool, a copy of it has colour, it has none.
        has_few_colours: (N,) bool, a GIF, which holds 256 colours, beside a copy that is none.
        is_turned: (N,) bool, lies mirrored or turned in most of its copies.
        is_enlarged: (N,) bool, its pixels show less than a copy's do.
        is_blocky: (N,) bool, shows the blocks of a JPEG that a copy of no fewer bytes does not.
        is_noisy: (N,) bool, has much noise that a copy of about its size has not.
        is_squeezed: (N,) bool, has far fewer bytes a pixel than a good copy of its format that is
            as large, or much smaller: it was compressed more, or enlarged.
    """

    is_marked: NDArray[np.bool_]
    is_framed: NDArray[np.bool_]
    cut: NDArray[np.int64]
    is_resaved: NDArray[np.bool_]
    coarse: NDArray[np.int64]
    is_stray: NDArray[np.bool_]
    is_grey: NDArray[np.bool_]
    has_few_colours: NDArray[np.bool_]
    is_turned: NDArray[np.bool_]
    is_enlarged: NDArray[np.bool_]
    is_blocky: NDArray[np.bool_]
    is_noisy: NDArray[np.bool_]
    is_squeezed: NDArray[np.bool_]

    @classmethod
    def alike(cls, n: int) -> "Looks":
        """Return the looks of images of which nothing is known."""
        return cls(
            is_marked=np.zeros(n, np.bool_),
            is_framed=np.zeros(n, np.bool_),
            cut=np.zeros(n, np.int64),
            is_resaved=np.zeros(n, np.bool_),
            coarse=np.zeros(n, np.int64),
            is_stray=np.zeros(n, np.bool_),
            is_grey=np.zeros(n, np.bool_),
            has_few_colours=np.zeros(n, np.bool_),
            is_turned=np.zeros(n, np.bool_),
            is_enlarged=np.zeros(n, np.bool_),
            is_blocky=np.zeros(n, np.bool_),
            is_noisy=np.zeros(n, np.bool_),
            is_squeezed=np.zeros(n, np.bool_),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Qualities:
    """What is known of N images when one of them has to be chosen.

    Attributes:
        path: N paths.
        is_other: (N,) bool, of the other source, whose paths count as earlier.
        width: (N,) int, px, upright.
        height: (N,) int, px, upright.
        bytes: (N,) int, file size.
        format: N format names, as Pillow has them.
        sharpness: (N,) float, larger is sharper.
        mtime_ns: (N,) int, time of last change, ns.
        taken_ms: (N,) int, when it was taken, ms; `UNKNOWN_TIME` where that is not known.
        has_camera: (N,) bool, a camera left its name or the time.
        looks: How they look beside their copies.
        is_protected: (N,) bool, must never be dropped.
        frames: (N,) int, frames or pages of the file, >= 1.
        centrality: (N,) float, cosine to the middle of its prototype; None without a model.
        is_chosen: (N,) bool, a person chose it to stay; None if nobody chose.
        same_pixels: (N,) int64, the same for images of equal pixels; None where that is not known.
    """

    path: TextColumn
    is_other: NDArray[np.bool_]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    bytes: NDArray[np.int64]
    format: TextColumn
    sharpness: NDArray[np.float32]
    mtime_ns: NDArray[np.int64]
    taken_ms: NDArray[np.int64]
    has_camera: NDArray[np.bool_]
    looks: Looks
    is_protected: NDArray[np.bool_]
    frames: NDArray[np.int32]
    centrality: NDArray[np.float32] | None = None
    is_chosen: NDArray[np.bool_] | None = None
    same_pixels: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        for name in ("path", "format"):
            object.__setattr__(self, name, TextColumn.of(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class _Criterion:
    """One reason to prefer an image: the smaller ``key``, the better."""

    complaint: str
    key: NDArray[np.generic]


def order_by_preference(qualities: Qualities, policy: KeepPolicy) -> NDArray[np.int64]:
    """Return all images from the most to the least worth keeping.

    Whatever the policy, protected images come first, then what a person chose, then files of more
    frames: a still holds one of those of an animation. ``best`` judges content first: nothing laid
    over it, no frame around it, more of the scene, no JPEG saved again, more true detail, the
    source that all copies match, colour, more than 256 of them, not turned, not enlarged, no blocks
    of a bad JPEG, no noise, not far more compressed. Then the file: more pixels, what its camera
    wrote, not a lossless copy of a lossy file, a lossless format, more bytes per pixel of a lossy
    one, sharper, older.
    ``original`` asks for what came first: what its camera wrote, taken earlier, then as ``best``
    but for the age, which comes before pixels and format. ``oldest`` goes by when it was taken,
    as far as that is known, then by the time of the file. ``central`` and ``outlying`` prefer
    the image nearest to the middle of its prototype, or farthest from it as SemDeDup does
    (arXiv:2303.09540, section 3). Every tie that is left is broken by the shorter path (but for
    ``first``) and then by the path itself, so no two images tie.

    Args:
        qualities: Of all images.
        policy: What to prefer.

    Returns:
        (N,) int64, a permutation of 0 .. N-1.

    Raises:
        ValueError: The policy asks for centrality, and it is not known.
    """
    keys = [criterion.key for criterion in _list_criteria(qualities, policy)]
    return np.lexsort(keys[::-1]).astype(np.int64)


def find_worth(qualities: Qualities) -> NDArray[np.int64]:
    """Return what each image is worth by what it shows, its encoding aside; 0 is best.

    Of images of one worth that counts most which of them is the source of the others. One step of
    true detail is no other worth: the edges of what lies over an image pass for as much.

    Args:
        qualities: Of all images.

    Returns:
        (N,) int64, the same for images of one worth, in the order of ``best``.
    """
    criteria = _list_criteria(qualities, KeepPolicy.BEST)
    last = [criterion.complaint for criterion in criteria].index("less true detail")
    columns = [criterion.key.astype(np.int64) for criterion in criteria[: last + 1]]
    columns[-1] = columns[-1] // 2
    keys = np.stack(columns, axis=1)
    return np.unique(keys, axis=0, return_inverse=True)[1].astype(np.int64)


def explain_drops(
    qualities: Qualities,
    policy: KeepPolicy,
    dropped: NDArray[np.int64],
    kept: NDArray[np.int64],
) -> list[str]:
    """Return why each dropped image is dropped: the first thing the kept one has over it.

    Args:
        qualities: Of all images.
        policy: The policy that chose.
        dropped: (D,) int64 images that are dropped.
        kept: (D,) int64, the image kept in place of each.
    """
    criteria = _list_criteria(qualities, policy)
    differs = np.stack([criterion.key[dropped] != criterion.key[kept] for criterion in criteria])
    return [criteria[first].complaint for first in differs.argmax(axis=0).tolist()]


def _list_criteria(qualities: Qualities, policy: KeepPolicy) -> list[_Criterion]:
    """Return what counts, the weightiest first; the last one never ties."""
    paths = qualities.path.array
    by_path = np.argsort(pc.array_sort_indices(paths).to_numpy())
    place = np.argsort(np.lexsort((by_path, ~qualities.is_other)))
    length = pc.utf8_length(paths).to_numpy()
    shorter = _Criterion("longer path", length)
    return [
        _Criterion("not protected", ~qualities.is_protected),
        *(
            []
            if qualities.is_chosen is None
            else [_Criterion("another was chosen in a review", ~qualities.is_chosen)]
        ),
        _Criterion("fewer frames", -qualities.frames),
        *_list_preferences(qualities, policy),
        *([] if policy is KeepPolicy.FIRST else [shorter]),
        _Criterion("later path", place),
    ]


def _list_preferences(qualities: Qualities, policy: KeepPolicy) -> list[_Criterion]:
    match policy:
        case KeepPolicy.BEST | KeepPolicy.ORIGINAL:
            return _list_worth(qualities, comes_first=policy is KeepPolicy.ORIGINAL)
        case KeepPolicy.LARGEST:
            return [_lack_pixels(qualities), _Criterion("smaller file", -qualities.bytes)]
        case KeepPolicy.OLDEST:
            is_undated = qualities.taken_ms == UNKNOWN_TIME
            undated = _Criterion("not known when taken", is_undated)
            return [undated, *_list_ages(qualities)]
        case KeepPolicy.NEWEST:
            return [_Criterion("older", -qualities.mtime_ns)]
        case KeepPolicy.SHORTEST_PATH | KeepPolicy.FIRST:
            return []
        case KeepPolicy.CENTRAL:
            return [_Criterion("farther from the middle", -_require_centrality(qualities))]
        case KeepPolicy.OUTLYING:
            return [_Criterion("nearer to the middle", _require_centrality(qualities))]


def _list_worth(qualities: Qualities, *, comes_first: bool) -> list[_Criterion]:
    """Return what speaks against an image as the one that shows most, or that came first."""
    looks, encoding = _list_looks(qualities.looks), _list_encoding(qualities)
    squeezed = _Criterion("far more compressed", qualities.looks.is_squeezed)
    taken_later, newer = _list_ages(qualities)
    no_camera = _Criterion("without camera data", ~qualities.has_camera)
    fewer_pixels = _lack_pixels(qualities)
    if comes_first:
        return [no_camera, taken_later, *looks, squeezed, newer, fewer_pixels, *encoding]
    return [*looks, squeezed, fewer_pixels, no_camera, *encoding, newer]


def _lack_pixels(qualities: Qualities) -> _Criterion:
    return _Criterion("fewer pixels", -_count_pixels(qualities))


def _count_pixels(qualities: Qualities) -> NDArray[np.int64]:
    return qualities.width.astype(np.int64) * qualities.height


def _list_ages(qualities: Qualities) -> list[_Criterion]:
    """Return the age by the camera's clock and that of the file."""
    return [_Criterion("taken later", qualities.taken_ms), _Criterion("newer", qualities.mtime_ns)]


def _list_looks(looks: Looks) -> list[_Criterion]:
    """Return what an image shows less well than its copies."""
    return [
        _Criterion("something lies over it", looks.is_marked),
        _Criterion("has a frame around it", looks.is_framed),
        _Criterion("shows less of the scene", looks.cut),
        _Criterion("a JPEG saved again", looks.is_resaved),
        _Criterion("less true detail", looks.coarse),
        _Criterion("matches fewer copies", looks.is_stray),
        _Criterion("without colour", looks.is_grey),
        _Criterion("few colours", looks.has_few_colours),
        _Criterion("mirrored or turned", looks.is_turned),
        _Criterion("enlarged", looks.is_enlarged),
        _Criterion("blocks of a bad JPEG", looks.is_blocky),
        _Criterion("noisy", looks.is_noisy),
    ]


def _list_encoding(qualities: Qualities) -> list[_Criterion]:
    """Return what is worse in how a file holds its pixels."""
    lossless = are_lossless(qualities.format)
    # how small a lossless file is says nothing of what it shows
    rate = np.where(lossless, 0, qualities.bytes / np.maximum(_count_pixels(qualities), 1))
    return [
        _Criterion("saved again without loss", _find_resaved(qualities.same_pixels, lossless)),
        _Criterion("lossy format", ~lossless),
        _Criterion("more compressed", -rate),
        _Criterion("less sharp", -qualities.sharpness),
    ]


def are_lossless(formats: TextColumn) -> NDArray[np.bool_]:
    """Return which of N formats keep every pixel, (N,) bool."""
    known = pa.array(sorted(_LOSSLESS), pa.large_string())
    return np.asarray(pc.is_in(formats.array, value_set=known).to_numpy(zero_copy_only=False))


def _find_resaved(
    same_pixels: NDArray[np.int64] | None, lossless: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which lossless files hold what a lossy one has lost already: they were made of it."""
    if same_pixels is None or not len(lossless):
        return np.zeros(len(lossless), np.bool_)
    is_lossy = np.zeros(int(same_pixels.max()) + 1, np.bool_)
    is_lossy[same_pixels[~lossless]] = True
    return np.asarray(lossless & is_lossy[same_pixels], np.bool_)


def _require_centrality(qualities: Qualities) -> NDArray[np.float32]:
    if qualities.centrality is None:
        raise ValueError("this policy needs the centrality of the images")
    return qualities.centrality

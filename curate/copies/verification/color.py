"""Does one global change of colour explain how two aligned images differ?

A filter, a faded print or a change of white balance moves all pixels by one rule; two shirts on one
floor are moved by two. Chroma of the one image is predicted from the other by a linear rule that
holds everywhere, brightness likewise; where the rule fails, colours conflict. A turned hue is told
apart: no light and no printing makes a yellow shirt blue, it may be another product of one make.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.polynomial.polynomial import polyval, polyvander
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SHRINK = 4  # the colours of a working copy are held at a quarter of its size


@dataclass(frozen=True, kw_only=True, slots=True)
class ColourParams:
    """When colours conflict.

    Quality is measured by ``tests/benchmarks/dedup_quality.py``; the classifier's weights belong to
    these values. Who changes one raises ``CACHE_VERSION``.

    Attributes:
        shade_tolerance: Levels of 255 that brightness may be off the rule.
        trimmed: Share of the pixels, the best explained, that take part in the second fit.
        grey: Levels; chroma that varies less is no colour.
        tint: Share of the chroma's power; less beside a fixed tint is no colour either.
        correlated: Correlation of chroma; that of all but 2 % of copies is higher.
        n_pixels: Fewer px in the overlap say nothing.
        coloured: Levels of chroma, from which on a px has a hue.
        turned: Degrees, from which on a hue is another one.
        widest_seam: px; what is no wider lies between two colours.
        shared_edge: What the border of turned hues has in common in both images, as a share of its
            steps in colour: the border of a garment has most, that of a sticker over one of them
            next to nothing. Of 60 photos of clothes with a part in another hue 56 are told, of
            1,530 copies of photos, clothes, faces and tiles none
            (``tests/benchmarks/recoloured.py``).
        white: Levels; a channel as bright in both images does not tell by how much light was cast;
            chosen.
        cast: Times that a cast may change a channel: colder and warmer light, other white balance;
            chosen.
        left_over: What a cast or a filter may leave of how chroma differs. Of 80 each of photos,
            clothes, faces and tiles factors of 0.75 to 1.3 left up to 0.15 in nine of ten, a hue
            turned everywhere 0.4 and more in nine of ten.
        levels_spread: Levels, standard deviation of a channel in what has kept its hue, below which
            that tells no curve; chosen.
        slopes: Of a filter's curve, at black and at white; chosen. Of 616 copies through filters of
            four kinds, made of pictures that no constant was set on, 57 were refused before there
            were curves and 12 with them; things in another hue are told as before (the script).
        strong_tint: Chroma as a share of brightness; of sepia it is 0.15, of one-coloured things on
            black 0.33 and more (the script's pictures of food).
    """

    shade_tolerance: float = 30.0
    trimmed: float = 0.7
    grey: float = 3.0
    tint: float = 0.05
    correlated: float = 0.7
    n_pixels: int = 24
    coloured: float = 14.0
    turned: float = 30.0
    widest_seam: int = 2
    shared_edge: float = 0.5
    white: float = 235.0
    cast: tuple[float, float] = (0.6, 1.6)
    left_over: float = 0.4
    levels_spread: float = 20.0
    slopes: tuple[float, float] = (0.1, 2.5)
    strong_tint: float = 0.25


COLOUR_PARAMS = ColourParams()


def shrink_colours(pixels: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the small colour image that belongs to a working copy, (h, w, 3) uint8, YCrCb.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        shape: Height and width of the working copy in px.
    """
    size = (max(2, round(shape[1] / SHRINK)), max(2, round(shape[0] / SHRINK)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb), np.uint8)


def measure_conflicts(
    a: NDArray[np.uint8], b: NDArray[np.uint8], a_to_b: Floats
) -> tuple[float, float, float]:
    """Return how far one global change of colour fails to explain the overlap.

    Args:
        a: (h, w, 3) uint8, YCrCb, from `shrink_colours`.
        b: (h, w, 3) uint8.
        a_to_b: (2, 3) float32, working px of the first to working px of the second.

    Returns:
        The share of the overlap whose brightness conflicts, in [0, 1]; what the correlation of
        chroma lacks to 0.7, in [0, 0.7]; the share of the overlap whose hue was turned, in [0, 1].
        The last two are 0 if either image is grey or tinted grey: grey follows from any colour.
    """
    shift = (a_to_b[:, :2].sum(axis=1) * 1.5 + a_to_b[:, 2] - 1.5) / SHRINK
    small = np.concatenate([a_to_b[:, :2], shift[:, None]], axis=1).astype(np.float32)
    into = cv2.invertAffineTransform(small)
    size = (b.shape[1], b.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(a, into, size, flags=flags)
    inside = cv2.warpAffine(np.full(a.shape[:2], 255, np.uint8), into, size, flags=flags) == 255
    frames = [warped.astype(np.float32), b.astype(np.float32)]
    for frame in frames:
        frame[..., 1:] -= 128
    x, y = frames[0][inside], frames[1][inside]
    if len(x) < COLOUR_PARAMS.n_pixels:
        return 0.0, 0.0, 0.0
    shade = _measure_unexplained(x[:, 0], y[:, 0])
    tints = [tint for colours in (x, y) if (tint := _measure_tint(colours)) is not None]
    if tints and (len(tints) == 1 or min(tints) < COLOUR_PARAMS.strong_tint):
        return shade, 0.0, 0.0
    turned = _measure_turned(frames[0], frames[1], inside)
    if tints:  # one-coloured things on black
        return shade, 0.0, turned
    deficit = max(0.0, COLOUR_PARAMS.correlated - _correlate_chroma(x[:, 1:], y[:, 1:]))
    return shade, deficit, turned


def _measure_turned(x: Floats, y: Floats, inside: NDArray[np.bool_]) -> float:
    """Return the share of the overlap whose hue was turned, 0 if something may lie over it.

    What lies over one image has a border that the other does not have. Where most of what has a hue
    was turned, there is no such border to look for.

    Args:
        x: (h, w, 3) float32, luma and chroma around 0.
        y: (h, w, 3) float32, in the same frame.
        inside: (h, w) bool, where both have pixels.
    """
    params = COLOUR_PARAMS
    has_hue, turned = _find_turned(x, y, inside)
    if turned.any():
        x = _match_tones(x, y, inside, turned)
        has_hue, turned = _find_turned(x, y, inside)
    # where colours meet both are mixed, and a shift by half a px mixes them otherwise
    kernel = np.ones((params.widest_seam + 1,) * 2, np.uint8)
    turned = cv2.morphologyEx(turned.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0
    n_turned = int(turned.sum())
    share = n_turned / max(int(inside.sum()), 1)
    if 2 * n_turned >= int(has_hue.sum()):
        return share
    least, most = 0.0, 0.0
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        border = (turned[one] != turned[other]) & inside[one] & inside[other]
        steps = [np.linalg.norm((im[one] - im[other])[border], axis=1) for im in (x, y)]
        least += float(np.minimum(*steps).sum())
        most += float(np.maximum(*steps).sum())
    return share if least >= params.shared_edge * most else 0.0


def _find_turned(
    x: Floats, y: Floats, inside: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where both images have a hue, and where it is another one, (h, w) bool each."""
    params = COLOUR_PARAMS
    strengths = [np.hypot(image[..., 1], image[..., 2]) for image in (x, y)]
    has_hue = inside & (np.minimum(*strengths) > params.coloured)
    along = x[..., 1] * y[..., 1] + x[..., 2] * y[..., 2]
    limit = np.cos(np.radians(params.turned)) * strengths[0] * strengths[1]
    return has_hue, has_hue & (along < limit)


def _match_tones(
    x: Floats, y: Floats, inside: NDArray[np.bool_], turned: NDArray[np.bool_]
) -> Floats:
    """Return the first image in the tones of the second, or as it is where that explains little.

    Other light multiplies red, green and blue by a factor each, a filter takes each through a curve
    of its own, both everywhere; another product changes its own place only. So factors and curves
    are those of what has kept its hue.

    Args:
        x: (h, w, 3) float32, luma and chroma around 0.
        y: (h, w, 3) float32, in the same frame.
        inside: (h, w) bool, where both have pixels.
        turned: (h, w) bool, where they have hues and these were turned.

    Returns:
        (h, w, 3) float32.
    """
    rest = inside & ~turned
    one, other = (_to_rgb(image) for image in (x, y))
    best, least = x, COLOUR_PARAMS.left_over * _sum_chroma_apart(x, y, inside)
    for find_curve in (_find_factor, _find_curve):
        found = (find_curve(one[rest][:, c], other[rest][:, c]) for c in range(3))
        curves = [curve for curve in found if curve is not None]
        if len(curves) < 3:
            continue
        toned = np.stack([polyval(one[..., c], curves[c]) for c in range(3)], axis=-1)
        toned = np.clip(toned / 255, 0, 1).astype(np.float32)
        shown = np.asarray(cv2.cvtColor(toned, cv2.COLOR_RGB2YCrCb) * 255, np.float32)
        shown[..., 1:] -= 127.5
        apart = _sum_chroma_apart(shown, y, inside)
        if apart < least:
            best, least = shown, apart
    return best


def _sum_chroma_apart(x: Floats, y: Floats, inside: NDArray[np.bool_]) -> float:
    return float(np.linalg.norm((x - y)[inside][:, 1:], axis=1).sum())


def _find_factor(levels: Floats, others: Floats) -> Floats | None:
    """Return the factor of a channel as a polynomial, (2,); None if no light has such a one.

    Args:
        levels: (n,) float32, 0 to 255, of the one image.
        others: (n,) float32, of the other.
    """
    params = COLOUR_PARAMS
    darker = np.minimum(levels, others)
    tells = (darker > 1) & (darker < params.white)
    if int(tells.sum()) < params.n_pixels:
        return np.array([0, 1], np.float32)
    factor = float(np.median(others[tells] / levels[tells]))
    least, most = params.cast
    return np.array([0, factor], np.float32) if least <= factor <= most else None


def _find_curve(levels: Floats, others: Floats) -> Floats | None:
    """Return the tone curve of a channel as a polynomial, (3,); None if no filter has such a one.

    It is fitted twice, the second time without the worst explained px.

    Args:
        levels: (n,) float32, 0 to 255, of the one image.
        others: (n,) float32, of the other.
    """
    params = COLOUR_PARAMS
    if len(levels) < params.n_pixels or levels.std() < params.levels_spread:
        return None
    powers = polyvander(levels / 255, 2).astype(np.float32)
    curve = np.linalg.lstsq(powers, others, rcond=None)[0]
    apart = np.abs(powers @ curve - others)
    place = int(params.trimmed * (len(apart) - 1))
    kept = apart <= np.partition(apart, place)[place]
    curve = np.linalg.lstsq(powers[kept], others[kept], rcond=None)[0]
    slopes = (curve[1] / 255, (curve[1] + 2 * curve[2]) / 255)  # at black and at white
    if min(slopes) < params.slopes[0] or max(slopes) > params.slopes[1]:
        return None
    return np.asarray(curve / np.array([1, 255, 255**2]), np.float32)


def _to_rgb(image: Floats) -> Floats:
    """Return luma and chroma around 0, (h, w, 3) float32, as red, green and blue, 0 to 255."""
    whole = np.asarray(image / 255, np.float32)
    whole[..., 1:] += 0.5
    return np.asarray(np.clip(cv2.cvtColor(whole, cv2.COLOR_YCrCb2RGB), 0, 1) * 255, np.float32)


def _measure_tint(colours: Floats) -> float | None:
    """Return chroma over brightness where it is small or in proportion, as in sepia; else None."""
    luma, chroma = colours[:, 0], colours[:, 1:]
    tint = luma @ chroma / (float(luma @ luma) + 1.0)
    rest = float(((chroma - luma[:, None] * tint) ** 2).mean())
    is_grey = rest < max(COLOUR_PARAMS.grey**2, COLOUR_PARAMS.tint * float((chroma**2).mean()))
    return float(np.hypot(*tint)) if is_grey else None


def _correlate_chroma(x: Floats, y: Floats) -> float:
    """Return the correlation of both chroma channels, (n, 2), the livelier one counting more.

    Negative ones count as 0: no filter turns colours into their opposites and leaves brightness.
    """
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    shared = np.maximum((x * y).mean(axis=0), 0).sum()
    spread = np.sqrt((x * x).mean(axis=0) * (y * y).mean(axis=0)).sum()
    return float((shared + COLOUR_PARAMS.grey) / (spread + COLOUR_PARAMS.grey))


def _measure_unexplained(x: Floats, y: Floats) -> float:
    """Return the share of ``y``, (n,), that is far off the best line through ``x``.

    The line may not fall. It is fitted twice, the second time without the worst explained.
    """
    residuals = _measure_residuals(x, y, slice(None))
    place = int(COLOUR_PARAMS.trimmed * (len(residuals) - 1))
    kept = residuals <= np.partition(residuals, place)[place]
    return float((_measure_residuals(x, y, kept) > COLOUR_PARAMS.shade_tolerance).mean())


def _measure_residuals(x: Floats, y: Floats, kept: NDArray[np.bool_] | slice) -> Floats:
    mean_x, mean_y = float(x[kept].mean()), float(y[kept].mean())
    centred = x[kept] - mean_x
    gain = max(0.0, float(centred @ (y[kept] - mean_y)) / (float(centred @ centred) + 1.0))
    return np.asarray(np.abs(y - mean_y - gain * (x - mean_x)), np.float32)

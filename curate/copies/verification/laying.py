"""Laying one image over another: a projective map fitted to the pixels of both."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.verification.overlay import blur_finer, measure_scale

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class LayingParams:
    """How the map between two images is fitted to their pixels.

    Quality is measured by ``tests/benchmarks/base_rates.py``; the weights belong to these values.
    Who changes one raises ``CACHE_VERSION``.

    Attributes:
        least_side: px, of the overlap; less says nothing.
        rounds: Shrinkage of the images in each round of fitting the map.
        most_drift: Share of the long side that the fit may move a corner.
        damping: Of the steps of the fit.
        outlying: Of the locally normalised values; larger differences weigh little in the fit.
        normal_side: px, standard deviation of the neighbourhood that values are normalised by.
    """

    least_side: int = 12
    rounds: tuple[int, ...] = (2, 2, 2, 1)
    most_drift: float = 0.1
    damping: float = 1e-3
    outlying: float = 0.7
    normal_side: float = 6.0


LAYING_PARAMS = LayingParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Laid:
    """Two images in one frame, the coarser of the two, at the resolution of the cache.

    Attributes:
        below: (h, w) float32, the image whose frame it is.
        above: (h, w) float32, the other one, warped.
        valid: (h, w) float32, 1 where ``above`` has pixels.
        whole: (H, W) float32, the other one in its own frame.
        is_first_below: Whether ``below`` is the first image of the pair.
        into: (3, 3) float64, px of ``below`` to px of ``above``.
    """

    below: Floats
    above: Floats
    valid: Floats
    whole: Floats
    is_first_below: bool
    into: NDArray[np.float64]


def lay_over(a: NDArray[np.uint8], b: NDArray[np.uint8], a_to_b: Floats) -> Laid | None:
    """Return two images in one frame, by a projective map fitted to their pixels.

    Args:
        a: (h, w) uint8, first image, as cached.
        b: (h, w) uint8, second image.
        a_to_b: (2, 3) float32, px of ``a`` to px of ``b``, nearly right.

    Returns:
        None if next to nothing of the one lies in the other.
    """
    scale = measure_scale(a_to_b)
    is_first_below = scale >= 1
    affine = a_to_b if is_first_below else cv2.invertAffineTransform(a_to_b)
    below, above = (a, b) if is_first_below else (b, a)
    into = np.concatenate([affine, [[0, 0, 1]]]).astype(np.float64)
    soft = blur_finer(above, scale)
    into = _fit_map(below, soft, into)
    warped, valid = _warp(soft.astype(np.float32), into, below.shape)
    rows, columns = np.nonzero(valid.any(axis=1))[0], np.nonzero(valid.any(axis=0))[0]
    if min(len(rows), len(columns)) < LAYING_PARAMS.least_side:
        return None
    return Laid(
        below=below.astype(np.float32),
        above=warped,
        valid=valid,
        whole=above.astype(np.float32),
        is_first_below=is_first_below,
        into=into,
    )


def scale_map(
    a_to_b: Floats,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    cached: tuple[tuple[int, ...], tuple[int, ...]],
) -> Floats:
    """Return a map between working copies as one between cached images, (2, 3) float32.

    Args:
        a_to_b: (2, 3) float32, working px.
        shapes: Height and width of both working copies.
        cached: Height and width of both cached images.
    """
    (from_, to), (from_cached, to_cached) = np.array(shapes)[:, ::-1], np.array(cached)[:, ::-1]
    grown_a, grown_b = from_cached / from_, to_cached / to
    linear = a_to_b[:, :2].astype(np.float64)
    shift = (linear @ (0.5 / grown_a - 0.5) + a_to_b[:, 2] + 0.5) * grown_b - 0.5
    return np.concatenate(
        [linear * grown_b[:, None] / grown_a[None], shift[:, None]], axis=1
    ).astype(np.float32)


def _warp(
    image: Floats, into: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """Return an image in another frame, and 1 where it has pixels there."""
    size = (shape[1], shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(image, into, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpPerspective(np.full(image.shape, 255, np.uint8), into, size, flags=flags)
    return np.asarray(warped, np.float32), (inside == 255).astype(np.float32)


def _normalize(image: Floats, sigma: float) -> Floats:
    """Return an image less its local mean, over its local deviation: free of light and contrast."""
    rest = image - cv2.blur(image, (int(2 * sigma) | 1,) * 2)
    power = cv2.blur(rest * rest, (int(4 * sigma) | 1,) * 2)
    return np.asarray(rest / np.sqrt(power + 9.0), np.float32)


def _fit_map(
    below: NDArray[np.uint8], above: NDArray[np.uint8], into: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the map after a few Gauss-Newton steps (Baker and Matthews 2004, section 3.1).

    Compositional, projective; what differs much (an overlay, other content) weighs little. The map
    comes back as it was where the steps do not bring the images nearer.
    """
    params = LAYING_PARAMS
    pyramid = {shrink: _shrink_both(below, above, shrink) for shrink in set(params.rounds)}
    start, fitted = into, into
    coarse = pyramid[params.rounds[0]]
    before = _measure_error(*coarse, start, params.rounds[0])
    for shrink in params.rounds:
        step = _find_step(*pyramid[shrink], fitted, shrink)
        if step is None:
            break
        fitted = fitted @ step
        fitted = fitted / fitted[2, 2]
    drift = np.abs(_move_corners(fitted, below.shape) - _move_corners(start, below.shape)).max()
    is_near = drift < params.most_drift * max(above.shape)
    is_better = _measure_error(*coarse, fitted, params.rounds[0]) < before
    return fitted if is_near and is_better else start


def _measure_error(x: Floats, y: Floats, into: NDArray[np.float64], shrink: int) -> float:
    """Return how far two shrunken images are apart under a map, infinite where they do not meet."""
    warped, valid = _warp(y, _shrink_map(into, shrink), x.shape)
    mass = float(valid.sum())
    if mass < LAYING_PARAMS.least_side**2 / shrink**2:
        return float("inf")
    return float((valid * np.minimum(np.abs(x - warped), 2)).sum()) / mass


def _shrink_both(
    below: NDArray[np.uint8], above: NDArray[np.uint8], shrink: int
) -> tuple[Floats, Floats]:
    parts = []
    for image in (below, above):
        small = image
        if shrink > 1:
            size = (max(8, image.shape[1] // shrink), max(8, image.shape[0] // shrink))
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        smooth = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 0.8)
        parts.append(_normalize(np.asarray(smooth, np.float32), LAYING_PARAMS.normal_side))
    return parts[0], parts[1]


def _find_step(
    x: Floats, y: Floats, into: NDArray[np.float64], shrink: int
) -> NDArray[np.float64] | None:
    """Return the change of the map that brings two shrunken images nearer, (3, 3)."""
    height, width = x.shape
    warped, valid = _warp(y, _shrink_map(into, shrink), x.shape)
    every = 1 if shrink > 1 else 2  # at full size every second px is enough for eight numbers
    rest = (x - warped)[::every, ::every]
    weight = valid[::every, ::every] / (1 + (rest / LAYING_PARAMS.outlying) ** 2)
    if float(weight.sum()) < LAYING_PARAMS.least_side**2 / 4:
        return None
    gx = cv2.Sobel(warped, cv2.CV_32F, 1, 0, scale=0.125)[::every, ::every]
    gy = cv2.Sobel(warped, cv2.CV_32F, 0, 1, scale=0.125)[::every, ::every]
    radius = max(height, width) / 2
    u = ((np.arange(0, width, every) - (width - 1) / 2) / radius).astype(np.float32)[None]
    v = ((np.arange(0, height, every) - (height - 1) / 2) / radius).astype(np.float32)[:, None]
    j = np.empty((8, rest.size), np.float32)
    slopes = (gx * u, gx * v, gx, gy * u, gy * v, gy)
    for row, slope in enumerate(slopes):
        j[row] = slope.ravel()
    radial = slopes[0] + slopes[4]
    j[6], j[7] = (radial * u).ravel(), (radial * v).ravel()
    weighted = j * weight.ravel()
    normal = (weighted @ j.T).astype(np.float64)
    normal += np.eye(8) * (LAYING_PARAMS.damping * np.trace(normal) / 8 + 1e-6)
    d = np.linalg.solve(normal, (weighted @ rest.ravel()).astype(np.float64))
    # steps are px at the rim of the frame
    change = np.eye(3) + np.array([d[0:3], d[3:6], [-d[6], -d[7], 0]]) / radius
    frame = np.array([[radius, 0, (width - 1) / 2], [0, radius, (height - 1) / 2], [0, 0, 1.0]])
    small = _shrink_px(shrink)
    to_unit = np.linalg.inv(frame) @ small
    return np.asarray(np.linalg.inv(to_unit) @ change @ to_unit, np.float64)


def _shrink_px(shrink: int) -> NDArray[np.float64]:
    """Return the map from px of an image to px of the image shrunken, (3, 3)."""
    offset = (1 / shrink - 1) / 2
    return np.array([[1 / shrink, 0, offset], [0, 1 / shrink, offset], [0, 0, 1.0]])


def _shrink_map(into: NDArray[np.float64], shrink: int) -> NDArray[np.float64]:
    """Return a map between images as one between the images shrunken, (3, 3)."""
    small = _shrink_px(shrink)
    return np.asarray(small @ into @ np.linalg.inv(small), np.float64)


def _move_corners(into: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64)
    moved = corners @ into.T
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)

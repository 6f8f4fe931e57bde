"""Placement: how one image of a pair lies in the other, in terms a person can check."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.choices import Level
from curate.copies.pair_tables import swap_pairs
from curate.copies.records import Pairs
from curate.copies.verification.findings import Findings, Links, invert_maps

Floats64 = NDArray[np.float64]

_CORNERS = np.array([0.0, 1.0])
_CELLS = (np.arange(16) + 0.5) / 16  # places that stand for an image's area
_MARGIN = 0.02  # of width and height; a place so little outside counts as inside


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Geometry of P pairs; the columns are those of `curate.copies.records.Pairs`."""

    mirrored: NDArray[np.bool_]
    rotation: NDArray[np.float32]
    scale: NDArray[np.float32]
    box: NDArray[np.float32]


def find_placement(
    findings: Findings, shapes: NDArray[np.int32], sizes: NDArray[np.int32]
) -> Placement:
    """Return the geometry of pairs in pixels of the source images.

    Args:
        findings: Pairs and their maps, between working copies.
        shapes: (R, 2) int32, height and width of the working copies.
        sizes: (R, 2) int32, height and width of the source images.
    """
    maps = findings.maps.astype(np.float64)
    factor_a = sizes[findings.a] / shapes[findings.a]
    factor_b = sizes[findings.b] / shapes[findings.b]
    linear = maps[:, :, :2] * factor_b[:, ::-1, None] / factor_a[:, None, ::-1]
    mirrored = np.linalg.det(linear) < 0
    upright = linear.copy()
    upright[mirrored, :, 0] *= -1
    turn = np.arctan2(upright[:, 1, 0] - upright[:, 0, 1], upright[:, 0, 0] + upright[:, 1, 1])
    corners = _project_grid(findings.maps, shapes[findings.a], shapes[findings.b], _CORNERS)
    low, high = corners.min(axis=1), corners.max(axis=1)
    return Placement(
        mirrored=mirrored,
        rotation=(np.mod(np.rad2deg(turn) + 180, 360) - 180).astype(np.float32),
        scale=np.sqrt(np.abs(np.linalg.det(linear))).astype(np.float32),
        box=np.clip(np.concatenate([low, high], axis=1), 0, 1).astype(np.float32),
    )


def round_degrees(angle: float) -> float:
    """Return an angle with one decimal, never -0.0."""
    return round(float(angle), 1) + 0.0


def place_pairs(
    links: Links,
    shapes: NDArray[np.int32],
    sizes: NDArray[np.int32],
    numbers: NDArray[np.int64],
    *,
    match: str = Level.NEAR,
) -> Pairs:
    """Return verified pairs as rows of evidence, the image of lower number first.

    Args:
        links: The pairs, rows of R.
        shapes: (R, 2) int32, height and width of the working copies.
        sizes: (R, 2) int32, height and width of the source images.
        numbers: (R,) int64, what each image is called in the pairs.
        match: What ties them.
    """
    findings = links.findings
    findings = swap_pairs(findings, numbers[findings.a] > numbers[findings.b])
    placement = find_placement(findings, shapes, sizes)
    return Pairs(
        a=numbers[findings.a],
        b=numbers[findings.b],
        match=[str(match)] * len(findings),
        similarity=links.probability.astype(np.float32),
        mirrored=placement.mirrored,
        rotation=placement.rotation,
        scale=placement.scale,
        box=placement.box,
        overlap=measure_overlap(findings, shapes),
        inliers=findings.inliers,
        tile_agreement=findings.agreement,
    )


def pair_whole_images(
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    match: str,
    similarity: NDArray[np.float32] | None = None,
) -> Pairs:
    """Return pairs that need no geometry: the one image covers the other.

    Args:
        a: (P,) int64, first images.
        b: (P,) int64, second images.
        match: Level of the evidence.
        similarity: (P,) float32; None for pairs beyond doubt.
    """
    n = len(a)
    return Pairs(
        a=a,
        b=b,
        match=[str(match)] * n,
        similarity=np.ones(n, np.float32) if similarity is None else similarity,
        mirrored=np.zeros(n, np.bool_),
        rotation=np.zeros(n, np.float32),
        scale=np.ones(n, np.float32),
        box=np.tile(np.array([0, 0, 1, 1], np.float32), (n, 1)),
        overlap=np.ones(n, np.float32),
        inliers=np.zeros(n, np.int32),
        tile_agreement=np.ones(n, np.float32),
    )


def measure_shared_scene(
    findings: Findings, shapes: NDArray[np.int32]
) -> tuple[Floats64, Floats64]:
    """Return the share of each first image that lies in the second, and the reverse, (P,) each."""
    maps = findings.maps
    a, b = shapes[findings.a], shapes[findings.b]
    back = invert_maps(maps)
    return (
        _share_inside(_project_grid(maps, a, b, _CELLS)),
        _share_inside(_project_grid(back, b, a, _CELLS)),
    )


def measure_overlap(findings: Findings, shapes: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the share of the smaller image of each pair that lies on the other, (P,) float32."""
    return np.maximum(*measure_shared_scene(findings, shapes)).astype(np.float32)


def _project_grid(
    maps: NDArray[np.floating],
    shapes_a: NDArray[np.int32],
    shapes_b: NDArray[np.int32],
    ticks: Floats64,
) -> Floats64:
    """Return where a grid over each first image lies in the second, (P, T * T, 2) shares x, y.

    Args:
        maps: (P, 2, 3) px to px.
        shapes_a: (P, 2) height and width.
        shapes_b: (P, 2) height and width.
        ticks: (T,) places of the grid along either axis, shares.
    """
    across = ticks * shapes_a[:, None, 1] - 0.5
    down = ticks * shapes_a[:, None, 0] - 0.5
    places = [
        row[:, 0, None, None] * across[:, None, :]
        + row[:, 1, None, None] * down[:, :, None]
        + row[:, 2, None, None]
        for row in (maps[:, 0].astype(np.float64), maps[:, 1].astype(np.float64))
    ]
    projected = np.stack(places, axis=-1).reshape(len(maps), len(ticks) ** 2, 2)
    return np.asarray((projected + 0.5) / shapes_b[:, None, ::-1], np.float64)


def _share_inside(places: Floats64) -> Floats64:
    within = ((places > -_MARGIN) & (places < 1 + _MARGIN)).all(axis=2)
    return np.asarray(within.mean(axis=1), np.float64)

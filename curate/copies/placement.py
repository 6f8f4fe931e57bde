"""How one image of a pair lies in the other, in terms a person can check."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.choices import Level
from curate.copies.grouping import Links
from curate.copies.records import Pairs
from curate.copies.verification.verifier import Findings, inverted

Floats64 = NDArray[np.float64]

_GRID = 8  # points per axis that stand for an image's area


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """Geometry of P pairs; the columns are those of `curate.copies.records.Pairs`."""

    mirrored: NDArray[np.bool_]
    rotation: NDArray[np.float32]
    scale: NDArray[np.float32]
    box: NDArray[np.float32]


def relation(findings: Findings, shapes: NDArray[np.int32], sizes: NDArray[np.int32]) -> Relation:
    """Return the geometry of pairs in pixels of the source images.

    Args:
        findings: Pairs and their maps, between working copies.
        shapes: (R, 2) int32, height and width of the working copies.
        sizes: (R, 2) int32, height and width of the source images.
    """
    maps = findings.maps.astype(np.float64)
    grow_a = sizes[findings.a] / shapes[findings.a]
    grow_b = sizes[findings.b] / shapes[findings.b]
    linear = maps[:, :, :2] * grow_b[:, ::-1, None] / grow_a[:, None, ::-1]
    mirrored = np.linalg.det(linear) < 0
    upright = linear.copy()
    upright[mirrored, :, 0] *= -1
    turn = np.arctan2(upright[:, 1, 0] - upright[:, 0, 1], upright[:, 0, 0] + upright[:, 1, 1])
    placed = _placed(findings.maps, shapes[findings.a], shapes[findings.b])
    corners = placed[:, [0, _GRID - 1, -_GRID, -1]]
    low, high = corners.min(axis=1), corners.max(axis=1)
    return Relation(
        mirrored=mirrored,
        rotation=(np.mod(np.rad2deg(turn) + 180, 360) - 180).astype(np.float32),
        scale=np.sqrt(np.abs(np.linalg.det(linear))).astype(np.float32),
        box=np.clip(np.concatenate([low, high], axis=1), 0, 1).astype(np.float32),
    )


def pairs_of(
    links: Links, shapes: NDArray[np.int32], sizes: NDArray[np.int32], heads: NDArray[np.int64]
) -> Pairs:
    """Return accepted near copies as rows of evidence.

    Args:
        links: The pairs, rows of R.
        shapes: (R, 2) int32, height and width of the working copies.
        sizes: (R, 2) int32, height and width of the source images.
        heads: (R,) int64, index of each among all images.
    """
    findings = links.findings
    findings = findings.turned(heads[findings.a] > heads[findings.b])
    found = relation(findings, shapes, sizes)
    return Pairs(
        a=heads[findings.a],
        b=heads[findings.b],
        match=[str(Level.NEAR)] * len(findings),
        similarity=links.probability.astype(np.float32),
        mirrored=found.mirrored,
        rotation=found.rotation,
        scale=found.scale,
        box=found.box,
        inliers=findings.inliers,
        tile_agreement=findings.agreement,
    )


def plain_pairs(
    a: NDArray[np.int64], b: NDArray[np.int64], match: Level, similarity: NDArray[np.float32]
) -> Pairs:
    """Return pairs that need no geometry: the one covers the other, point for point."""
    n = len(a)
    return Pairs(
        a=a,
        b=b,
        match=[str(match)] * n,
        similarity=similarity,
        mirrored=np.zeros(n, np.bool_),
        rotation=np.zeros(n, np.float32),
        scale=np.ones(n, np.float32),
        box=np.tile(np.array([0, 0, 1, 1], np.float32), (n, 1)),
        inliers=np.zeros(n, np.int32),
        tile_agreement=np.ones(n, np.float32),
    )


def all_pairs(parts: Sequence[Pairs]) -> Pairs:
    """Return several tables as one, ordered by (a, b); at least one part."""
    a = np.concatenate([part.a for part in parts])
    b = np.concatenate([part.b for part in parts])
    order = np.lexsort((b, a))
    match = [name for part in parts for name in part.match]
    return Pairs(
        a=a[order],
        b=b[order],
        match=[match[row] for row in order.tolist()],
        similarity=np.concatenate([part.similarity for part in parts])[order],
        mirrored=np.concatenate([part.mirrored for part in parts])[order],
        rotation=np.concatenate([part.rotation for part in parts])[order],
        scale=np.concatenate([part.scale for part in parts])[order],
        box=np.concatenate([part.box for part in parts])[order],
        inliers=np.concatenate([part.inliers for part in parts])[order],
        tile_agreement=np.concatenate([part.tile_agreement for part in parts])[order],
    )


def shared_scene(findings: Findings, shapes: NDArray[np.int32]) -> tuple[Floats64, Floats64]:
    """Return the share of each first image that lies in the second, and the reverse, (P,) each."""
    maps = findings.maps
    a, b = shapes[findings.a], shapes[findings.b]
    back = inverted(maps)
    return _inside(_placed(maps, a, b)), _inside(_placed(back, b, a))


def _placed(
    maps: NDArray[np.floating], shapes_a: NDArray[np.int32], shapes_b: NDArray[np.int32]
) -> Floats64:
    """Return where a grid over each first image falls in the second, (P, 64, 2) shares x, y."""
    ticks = np.linspace(0, 1, _GRID)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    points = grid[None] * shapes_a[:, None, ::-1] - 0.5
    landed = np.einsum("pij,pgj->pgi", maps[:, :, :2].astype(np.float64), points)
    landed += maps[:, None, :, 2]
    return np.asarray((landed + 0.5) / shapes_b[:, None, ::-1], np.float64)


def _inside(points: Floats64) -> Floats64:
    within = ((points > -0.02) & (points < 1.02)).all(axis=2)
    return np.asarray(within.mean(axis=1), np.float64)

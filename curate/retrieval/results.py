"""Results: the images of a workspace that are like a query image, and how it lies on them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """How the query image lies on the image that was found.

    Attributes:
        mirrored: Whether the image shows the query mirrored.
        rotation: Degrees that the query is turned clockwise, after mirroring left to right, in
            [-180, 180).
        scale: px of the image per px of the query.
        box: The part of the image that the query covers: left, top, right, bottom, as shares
            of its width and height in [0, 1].
        inliers: Keypoints that agree on it; 0 where bytes or pixels are equal.
        tile_agreement: Share of the textured tiles that agree, in [0, 1].
    """

    mirrored: bool
    rotation: float
    scale: float
    box: tuple[float, float, float, float]
    inliers: int
    tile_agreement: float

    @property
    def covers(self) -> float:
        """Share of the image that the query covers, in [0, 1]."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One image that was found.

    Attributes:
        path: Whole path of the file.
        similarity: Cosine of the features to the query's, or the probability to be its copy.
        match: Level of the evidence that it is a copy, such as ``near``; None by features.
        placement: How the query lies on it; None by features.
    """

    path: str
    similarity: float
    match: str | None = None
    placement: Placement | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits:
    """What was found for one query image.

    Attributes:
        found: The best first.
        content_hashes: Theirs.
        n_more: Copies beyond those; 0 by features, where every image is more or less like it.
    """

    found: list[Found]
    content_hashes: list[str]
    n_more: int = 0

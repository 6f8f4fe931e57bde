"""What a look among the images of a workspace finds."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """How the picture lies on the image that was found.

    Attributes:
        mirrored: Whether the image shows the picture mirrored.
        rotation: Degrees that the picture is turned clockwise, after mirroring left to right, in
            [-180, 180).
        scale: px of the image per px of the picture.
        box: The part of the image that the picture covers: left, top, right, bottom, as shares
            of its width and height in [0, 1].
        inliers: Points that agree on it; 0 where bytes or pixels are equal.
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
        """Share of the image that the picture covers, in [0, 1]."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One image that was found.

    Attributes:
        path: Whole path of the file.
        similarity: Cosine of the features to the picture's, or the probability to be its copy.
        match: Evidence that it is a copy: ``bytes``, ``pixels`` or ``near``; None by features.
        placement: How the picture lies on it; None by features.
    """

    path: str
    similarity: float
    match: str | None = None
    placement: Placement | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits:
    """What was found for one picture.

    Attributes:
        found: The best first.
        contents: Their content hashes.
        n_more: Copies beyond those; 0 by features, where every image is more or less like it.
    """

    found: list[Found]
    contents: list[str]
    n_more: int = 0

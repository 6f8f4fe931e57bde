"""What the dedup stage needs to know."""

from dataclasses import dataclass

from curate.annotations.open_labels import check_labels
from curate.choices import KeepPolicy, Labels, Level, OnConflict
from curate.errors import UsageError
from curate.field_types import take_types


@dataclass(frozen=True, kw_only=True, slots=True)
class DedupConfig:
    """What the dedup stage needs to know.

    Attributes:
        level: Weakest evidence that makes two images copies.
        precision: Share of the accepted pairs that should be copies, in (0, 1]; it chooses the
            least probability that counts.
        threshold: Least probability that counts, in (0, 1], in place of ``precision``.
        overlays: Whether an image under a mark, a caption or a frame is a copy of the one without.
        recolour: Whether an image of which a part has another hue is a copy: it may be another
            colour of one product.
        min_overlap: Least share of the smaller image that must lie on the other one, in [0, 1]; of
            two views that share less each shows something of its own.
        per_scene: How many images of one scene stay at least at the level ``scene``: those that the
            others match, the best alone where it can be, then the least alike to these.
        keep: Which image of a group stays; ``central`` and ``outlying`` need the level
            ``semantic``.
        protect: Files and folders of the source that are never dropped; paths may begin at the
            source or in the working directory, or be whole.
        semantic_similarity: Least cosine of two images that are alike in content, in (0, 1].
        max_removed: Largest share of the images that the semantic rung may drop, in [0, 1]; the
            most alike go first.
        model: At the level ``semantic``: name of the model; None takes that of the manifest, or
            else ``default`` or the only one.
        ignore_reviews: Leave out what a person decided in `curate review`.
        labels: Where labels come from, where a folder is named: ``folder``, ``regex:PATTERN``, a
            table (``FILE:COLUMN``), COCO's JSON, YOLO's ``data.yaml``, VOC's folder, or ``none``.
        on_conflict: What becomes of copies whose labels differ: they are only reported, all stay,
            or all go that are not protected.
        seed: Seed of the made copies and of the index.
    """

    level: Level = Level.NEAR
    precision: float = 0.99
    threshold: float | None = None
    overlays: bool = True
    recolour: bool = False
    min_overlap: float = 0.4
    per_scene: int = 1
    keep: KeepPolicy = KeepPolicy.BEST
    protect: tuple[str, ...] = ()
    semantic_similarity: float = 0.95
    max_removed: float = 1.0
    model: str | None = None
    ignore_reviews: bool = False
    labels: str = Labels.NONE
    on_conflict: OnConflict = OnConflict.REPORT
    seed: int = 0

    def __post_init__(self) -> None:
        """Take the choices by their names and check the ranges.

        Raises:
            UsageError: There is no such choice, or a number is out of range.
        """
        take_types(self)
        check_labels(self.labels)
        shares = {"precision": self.precision, "semantic_similarity": self.semantic_similarity}
        if self.threshold is not None:
            shares["threshold"] = self.threshold
        for name, value in shares.items():
            if not 0 < value <= 1:
                raise UsageError(
                    f"{name} must lie in (0, 1], got {value}", hint="it is a share, such as 0.99"
                )
        for name, value in {
            "max_removed": self.max_removed,
            "min_overlap": self.min_overlap,
        }.items():
            if not 0 <= value <= 1:
                raise UsageError(
                    f"{name} must lie in [0, 1], got {value}", hint="it is a share, such as 0.3"
                )
        if (
            self.keep in (KeepPolicy.CENTRAL, KeepPolicy.OUTLYING)
            and self.level is not Level.SEMANTIC
        ):
            raise UsageError(
                f"keeping the {self.keep} image needs a trained model",
                hint="add --level semantic, or keep another one, such as --keep best",
            )
        if self.model is not None and self.level is not Level.SEMANTIC:
            raise UsageError(
                f"no model takes part at the level {self.level}",
                hint="add --level semantic, or leave out --model",
            )
        self._check_numbers()

    def _check_numbers(self) -> None:
        """Check what is counted.

        Raises:
            UsageError: A number is out of range.
        """
        if self.per_scene < 1:
            raise UsageError(
                f"per_scene must be at least 1, got {self.per_scene}",
                hint="at --level near all images of a scene stay",
            )
        if self.seed < 0:
            raise UsageError("seed must not be negative", hint="leave it as it is")

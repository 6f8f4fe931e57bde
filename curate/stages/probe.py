"""Probe: how well the features tell labels apart that training never saw."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.classifiers import stratified_split
from curate.algorithms.probe_accuracy import evaluate_classifiers
from curate.errors import InputError, UsageError
from curate.manifest.manifest import Manifest, read_manifest
from curate.manifest.selection import is_readable
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent
from curate.workspace.embedding import embed_missing
from curate.workspace.models import model_of
from curate.workspace.scan import scan
from curate.workspace.workspace import Workspace, find_workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeConfig:
    """What the stage needs to know.

    Attributes:
        by: Column with the labels; rows where it is null are left out.
        neighbors: k of the k-NN classifier, >= 1.
        held_out: Share of each class that is tested, in (0, 1), where no test manifest is named.
        device: ``auto``, ``cpu`` or ``cuda``.
        seed: Of the held-out choice.
    """

    by: str = "label"
    neighbors: int = 20
    held_out: float = 0.3
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: One is out of range.
        """
        if self.neighbors < 1:
            raise UsageError(f"neighbors must be 1 or more, got {self.neighbors}", hint="use 20")
        if not 0 < self.held_out < 1:
            raise UsageError(
                f"held-out must be between 0 and 1, got {self.held_out}", hint="use 0.3, say"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassScore:
    """How well one class is told from the others.

    Attributes:
        label: Its name.
        n_train: Images learned from.
        n_test: Images tested.
        knn: Share of them that the k-NN classifier gets right.
        linear: The same of the linear classifier.
    """

    label: str
    n_train: int
    n_test: int
    knn: float
    linear: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeResult(ShownInNotebooks):
    """What the stage found.

    Attributes:
        model: Name and weights of the model.
        n_train: Images learned from.
        n_test: Images tested.
        majority: Accuracy of always naming the largest class.
        knn: Accuracy of the weighted k-NN classifier.
        linear: Accuracy of the linear classifier.
        classes: The same by class.
    """

    model: str
    n_train: int
    n_test: int
    majority: float
    knn: float
    linear: float
    classes: list[ClassScore]


def probe(
    manifest: Path | str,
    config: ProbeConfig | None = None,
    *,
    test: Path | str | None = None,
    workspace: Path | None = None,
    progress: Progress | None = None,
) -> ProbeResult:
    """Measure a model's features by a weighted k-NN and a linear classifier.

    Args:
        manifest: Manifest with labels, written by `curate cluster`.
        config: The stage's settings.
        test: Manifest of the images to test on; None holds out a share of each class.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Is told how far the work is.

    Raises:
        InputError: A manifest cannot be used, has fewer than two classes, or none to test on.
        UsageError: There is no column of that name.
    """
    config = config or ProbeConfig()
    space = find_workspace(workspace)
    learned = read_manifest(Path(manifest))
    model = model_of(space, learned.model)
    progress = progress or Silent()
    labelled = _load_labelled(space, learned, config, progress)
    _check_classes(np.unique(labelled.labels))
    if test is None:
        _, classes = np.unique(labelled.labels, return_inverse=True)
        is_test = stratified_split(classes, config.held_out, seed=config.seed)
        train_images, test_images = labelled.take(~is_test), labelled.take(is_test)
    else:
        other = replace(read_manifest(Path(test)), model=learned.model)
        train_images, test_images = labelled, _load_labelled(space, other, config, progress)
    return _evaluate(train_images, test_images, config, model.identity)


@dataclass(frozen=True, slots=True)
class _Labelled:
    """Images that have a label.

    Attributes:
        labels: (N,) str.
        vectors: (N, D) float32, unit rows.
    """

    labels: NDArray[np.str_]
    vectors: NDArray[np.float32]

    def take(self, is_taken: NDArray[np.bool_]) -> "_Labelled":
        """Return some of the images."""
        return _Labelled(self.labels[is_taken], self.vectors[is_taken])


def _check_classes(names: NDArray[np.str_]) -> None:
    """Check that there is something to tell apart.

    Raises:
        InputError: There are fewer than two classes.
    """
    if len(names) < 2:
        raise InputError(
            f"the manifest has {len(names)} different labels, a probe needs two or more",
            hint="write it with `curate cluster --labels folder`, or choose a column with --by",
        )


def _load_labelled(
    space: Workspace, manifest: Manifest, config: ProbeConfig, progress: Progress
) -> _Labelled:
    """Return labels and embeddings of the readable images that have a label."""
    hint = "choose a column of the manifest with --by"
    values = manifest.column(config.by, hint=hint)
    known = np.flatnonzero(is_readable(manifest.rows) & values.is_valid().to_numpy())
    hashes = manifest.rows.take(["hash"], known)["hash"].to_pylist()
    model = model_of(space, manifest.model)
    with space.writing():
        scan(Path(manifest.source), space, progress)
        embedded = embed_missing(space, model, hashes, device=config.device, progress=progress)
    texts = pc.cast(values.take(pa.array(known)), "string")
    labels = np.array(texts.to_pylist(), dtype=np.str_)
    return _Labelled(labels, embedded.store.load(hashes).embeddings)


def _evaluate(train: _Labelled, test: _Labelled, config: ProbeConfig, model: str) -> ProbeResult:
    """Return how well the classifiers do on the test images.

    Raises:
        InputError: There are no test images.
    """
    if len(test.labels) == 0:
        raise InputError(
            "no labelled image is left to test on",
            hint="a probe needs two images of a class, or a test manifest with labels",
        )
    is_right = evaluate_classifiers(
        (train.vectors, train.labels),
        (test.vectors, test.labels),
        n_neighbors=config.neighbors,
        seed=config.seed,
    )
    return ProbeResult(
        model=model,
        n_train=len(train.labels),
        n_test=len(test.labels),
        majority=float(is_right.majority.mean()),
        knn=float(is_right.knn.mean()),
        linear=float(is_right.linear.mean()),
        classes=[
            ClassScore(
                label=str(name),
                n_train=int((train.labels == name).sum()),
                n_test=int((is_class := test.labels == name).sum()),
                knn=float(is_right.knn[is_class].mean()),
                linear=float(is_right.linear[is_class].mean()),
            )
            for name in np.unique(test.labels)
        ],
    )

"""Probe: how well the features tell labels apart that training never saw."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.classifiers import linear_classes, stratified_split, vote
from curate.algorithms.neighbors import search
from curate.errors import InputError, UsageError
from curate.manifest.manifest import Manifest, read_manifest
from curate.manifest.selection import is_readable
from curate.progress import Progress, Silent
from curate.workspace.embedding import embed_missing
from curate.workspace.embedding_store import Vectors
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
    """How well one class is told.

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
class ProbeResult:
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
        progress: Hears how it gets on.

    Raises:
        InputError: A manifest cannot be used, or has fewer than two classes.
        UsageError: There is no column of that name.
    """
    config = config or ProbeConfig()
    space = find_workspace(workspace)
    learned = read_manifest(Path(manifest))
    model = model_of(space, learned.model)
    labels, vectors = _labelled(space, learned, config, progress or Silent())
    if test is None:
        names, classes = np.unique(labels, return_inverse=True)
        _check_classes(names)
        is_held = stratified_split(classes, config.held_out, seed=config.seed)
        parts = (labels[~is_held], vectors[~is_held], labels[is_held], vectors[is_held])
    else:
        _check_classes(np.unique(labels))
        other = replace(read_manifest(Path(test)), model=learned.model)
        parts = (labels, vectors, *_labelled(space, other, config, progress or Silent()))
    return _measured(*parts, config, model.identity)


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


def _labelled(
    space: Workspace, manifest: Manifest, config: ProbeConfig, progress: Progress
) -> tuple[NDArray[np.str_], Vectors]:
    """Return labels and embeddings of the readable images that have a label."""
    hint = "choose a column of the manifest with --by"
    values = manifest.column(config.by, hint=hint)
    known = np.flatnonzero(is_readable(manifest.rows) & values.is_valid().to_numpy())
    hashes = manifest.rows.take(["hash"], known)["hash"].to_pylist()
    model = model_of(space, manifest.model)
    with space.writing():
        scan(Path(manifest.source), space, progress)
        done = embed_missing(space, model, hashes, device=config.device, progress=progress)
    own = pc.cast(values.take(pa.array(known)), "string")
    labels = np.array(own.to_pylist(), dtype=np.str_)
    return labels, done.store.load(hashes).embeddings


def _measured(
    train_labels: NDArray[np.str_],
    train: Vectors,
    test_labels: NDArray[np.str_],
    test: Vectors,
    config: ProbeConfig,
    model: str,
) -> ProbeResult:
    names, counts = np.unique(train_labels, return_counts=True)
    train_classes = np.searchsorted(names, train_labels)
    similarity, rows = search(train, test, min(config.neighbors, len(train)))
    knn = names[vote(similarity, train_classes[rows], len(names))] == test_labels
    linear = names[linear_classes(train, train_classes, test, seed=config.seed)] == test_labels
    return ProbeResult(
        model=model,
        n_train=len(train),
        n_test=len(test),
        majority=float((test_labels == names[counts.argmax()]).mean()),
        knn=float(knn.mean()),
        linear=float(linear.mean()),
        classes=[
            ClassScore(
                label=str(name),
                n_train=int((train_labels == name).sum()),
                n_test=int((own := test_labels == name).sum()),
                knn=float(knn[own].mean()),
                linear=float(linear[own].mean()),
            )
            for name in np.unique(test_labels)
        ],
    )

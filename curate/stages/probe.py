"""Probe: how well the features tell labels apart that training never saw."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.classifiers import stratified_split
from curate.algorithms.probe_accuracy import evaluate_classifiers
from curate.amounts import count_of
from curate.argument_types import check_arguments
from curate.choices import check_device
from curate.errors import InputError, UsageError
from curate.field_types import take_types
from curate.manifest.column_text import as_text
from curate.manifest.contract import hint_at_filler
from curate.manifest.known_copies import add_known_copies
from curate.manifest.manifest import Manifest, read_manifest
from curate.manifest.selection import is_kept, is_readable, read_hashes
from curate.manifest.units import ChosenImages
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent
from curate.workspace.embedding import embed_missing
from curate.workspace.models import model_of, require_device
from curate.workspace.scan import scan
from curate.workspace.workspace import Workspace, find_workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeConfig:
    """What the stage needs to know.

    Attributes:
        by: Column with the labels; rows where it is null are left out.
        together: Column of which images with equal values, such as those of a patient or a video,
            are learned from together or tested together; None for none. Images of one content or of
            one group of copies are never divided.
        neighbors: k of the k-NN classifier, >= 1.
        held_out: Share of each class that is tested, in (0, 1), where no test manifest is named.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        seed: Of the held-out choice.
    """

    by: str = "label"
    together: str | None = None
    neighbors: int = 20
    held_out: float = 0.3
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges and the device's name.

        Raises:
            UsageError: A number is out of range, or no device has the name.
        """
        take_types(self)
        check_device(self.device)
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
        n_duplicates: Labelled images that were left out as copies of others.
        n_shared: Images of the test manifest that were left out: they, or copies of them, are
            learned from.
        n_units: Sets of images, single ones included, that were learned from or tested as a whole.
        majority: Accuracy of always naming the largest class.
        knn: Accuracy of the weighted k-NN classifier.
        linear: Accuracy of the linear classifier.
        classes: The same by class.
    """

    model: str
    n_train: int
    n_test: int
    n_duplicates: int
    n_shared: int
    n_units: int
    majority: float
    knn: float
    linear: float
    classes: list[ClassScore]


@check_arguments
def probe(
    manifest: Path | str,
    config: ProbeConfig | None = None,
    *,
    test: Path | str | None = None,
    workspace: Path | str | None = None,
    progress: Progress | None = None,
) -> ProbeResult:
    """Measure a model's features by a weighted k-NN and a linear classifier.

    Images that `curate.dedup` drops as copies are left out. Copies of one image, as far as several
    are kept, are learned from or tested together; of a test manifest, images are left out that the
    first manifest has too, or that either manifest knows as copies of such.

    Args:
        manifest: Manifest with labels, written by `curate cluster`.
        config: The stage's settings.
        test: Manifest of the images to test on; None holds out a share of each class.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Is told how far the work is.

    Raises:
        InputError: A manifest cannot be used, has fewer than two classes, or none to test on.
        UsageError: There is no column of that name.
        ResourceError: The device is not there, the lock is held or the disk is full.
    """
    config = config or ProbeConfig()
    space = find_workspace(workspace, progress)
    learned = read_manifest(Path(manifest))
    model = model_of(space, learned.model)
    require_device(config.device)
    progress = progress or Silent()
    labelled = _load_labelled(space, learned, config, progress)
    _check_classes(np.unique(labelled.labels))
    if test is None:
        _, classes = np.unique(labelled.labels, return_inverse=True)
        is_test = stratified_split(
            classes, config.held_out, seed=config.seed, unit_of=labelled.unit_of
        )
        train_images, test_images = (
            labelled.take(~is_test),
            replace(labelled.take(is_test), n_duplicates=0),
        )
    else:
        other = replace(read_manifest(Path(test)), model=learned.model)
        train_images = labelled
        test_images = _leave_out_learned(
            _load_labelled(space, other, config, progress), labelled, (learned, other)
        )
    return _evaluate(train_images, test_images, config, model.identity)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Labelled:
    """Images that have a label.

    Attributes:
        labels: (N,) str.
        vectors: (N, D) float32, unit rows.
        unit_of: (N,) int64, set of images that is not divided.
        hashes: (N,) content hashes.
        n_duplicates: Labelled images that were left out as copies.
        n_shared: Images that were left out since they are learned from.
    """

    labels: NDArray[np.str_]
    vectors: NDArray[np.float32]
    unit_of: NDArray[np.int64]
    hashes: pa.Array
    n_duplicates: int
    n_shared: int = 0

    def take(self, is_taken: NDArray[np.bool_]) -> "_Labelled":
        """Return some of the images."""
        return replace(
            self,
            labels=self.labels[is_taken],
            vectors=self.vectors[is_taken],
            unit_of=self.unit_of[is_taken],
            hashes=self.hashes.filter(pa.array(is_taken)),
        )


def _check_classes(names: NDArray[np.str_]) -> None:
    """Check that there is something to tell apart.

    Raises:
        InputError: There are fewer than two classes.
    """
    if len(names) < 2:
        raise InputError(
            f"the manifest has {count_of(len(names), 'different label')}, "
            "a probe needs two or more",
            hint="write it with `curate cluster --labels folder`, or choose a column with --by",
        )


def _load_labelled(
    space: Workspace, manifest: Manifest, config: ProbeConfig, progress: Progress
) -> _Labelled:
    """Return labels and embeddings of the images that are kept and have a label."""
    hint = hint_at_filler(config.by, otherwise="choose another column with --by")
    values = manifest.column(config.by, hint=hint)
    has_label = values.is_valid().to_numpy()
    known = np.flatnonzero(is_kept(manifest.rows) & has_label)
    images = ChosenImages(manifest, known)
    together = [images.read_codes(config.together)] if config.together is not None else []
    hashes = read_hashes(manifest.rows, known)
    model = model_of(space, manifest.model)
    with space.writing(progress):
        scan(manifest.source, space, progress)
        embedded = embed_missing(space, model, hashes, device=config.device, progress=progress)
    texts = as_text(values.take(pa.array(known)), config.by)
    return _Labelled(
        labels=np.array(texts.to_pylist(), dtype=np.str_),
        vectors=embedded.store.load(hashes).embeddings,
        unit_of=images.find_units(together).unit_of,
        hashes=pa.array(hashes, pa.string()),
        n_duplicates=int((is_readable(manifest.rows) & has_label).sum()) - len(known),
    )


def _leave_out_learned(
    tested: _Labelled, learned: _Labelled, manifests: Sequence[Manifest]
) -> _Labelled:
    """Return the images to test on without those that are learned from, and their known copies.

    Raises:
        InputError: None is left.
    """
    known = learned.hashes
    for manifest in manifests:
        known = add_known_copies(known, manifest.rows)
    is_new = ~np.asarray(pc.is_in(tested.hashes, value_set=known), np.bool_)
    if len(is_new) and not is_new.any():
        raise InputError(
            "every image to test on is learned from, or a copy of one that is",
            hint="name a manifest of other images with --test, or leave --test out",
        )
    return replace(tested.take(is_new), n_shared=int((~is_new).sum()))


def _evaluate(train: _Labelled, test: _Labelled, config: ProbeConfig, model: str) -> ProbeResult:
    """Return how well the classifiers do on the test images.

    Raises:
        InputError: There are no test images, or those to learn from have fewer than two classes.
    """
    if len(test.labels) == 0:
        raise InputError(
            "no labelled image is left to test on",
            hint="a probe needs two images of a class, or a test manifest with labels",
        )
    _check_classes(np.unique(train.labels))
    is_right = evaluate_classifiers(
        (train.vectors, train.labels),
        (test.vectors, test.labels),
        n_neighbors=config.neighbors,
        seed=config.seed,
        device=config.device,
    )
    return ProbeResult(
        model=model,
        n_train=len(train.labels),
        n_test=len(test.labels),
        n_duplicates=train.n_duplicates + test.n_duplicates,
        n_shared=test.n_shared,
        n_units=len(np.unique(train.unit_of)) + len(np.unique(test.unit_of)),
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

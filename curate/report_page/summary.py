"""The summary: what is in the folder, as numbers, each counted in one way for page and text."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.classifiers import SUSPECT_FROM
from curate.algorithms.label_agreement import LabelAgreement
from curate.choices import Level
from curate.manifest.duplicates import LABELS, RungCount
from curate.pages.group_index import GroupIndex
from curate.pages.images_table import ImagesTable
from curate.report_page.balance import Balance, measure_balance
from curate.report_page.object_classes import ObjectClasses, count_object_classes

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What a manifest says of a folder.

    Attributes:
        n_images: Rows.
        bytes: Size of all files.
        unreadable: Reason and count, most frequent first.
        was_searched: Whether copies were looked for.
        n_unjudged: Readable images of which nothing says whether they stay, as of new ones.
        evidence: Images that need not be kept by evidence, strongest first; links are counted in
            ``n_links`` alone.
        n_groups: Duplicate groups, those of which all images stay too; links alone make none.
        n_groups_here: Groups of which several rows are here, so that they can be looked at: of a
            part of a manifest, or of copies of another source, not all are.
        n_copies: Images that need not be kept.
        n_links: Links that need not be kept: other names of files, no copies.
        copy_bytes: Their size.
        expected_wrong: Sum of 1 - probability over these: how many are likely no copies.
        leaks: Numbers of the groups whose images lie in several splits.
        conflicts: Numbers of the groups whose images have different labels.
        splits: Name and count of each split, largest first.
        n_clusters: Clusters, 0 if there are none.
        n_labels: Different labels.
        balance: Over clusters or labels, or None.
        objects: Classes of the objects in the images, or None.
        issues: Name and count, most frequent first.
        labels: How well the nearest images predict the labels, or None.
        n_suspects: Images whose neighbours mostly have another label; 0 where none is told.
        n_selected: Images in the sample.
    """

    n_images: int
    bytes: int
    unreadable: list[tuple[str, int]]
    was_searched: bool
    n_unjudged: int
    evidence: list[RungCount]
    n_groups: int
    n_groups_here: int
    n_copies: int
    n_links: int
    copy_bytes: int
    expected_wrong: float
    leaks: list[int]
    conflicts: list[int]
    splits: list[tuple[str, int]]
    n_clusters: int
    n_labels: int
    balance: Balance | None
    objects: ObjectClasses | None
    issues: list[tuple[str, int]]
    labels: LabelAgreement | None
    n_suspects: int
    n_selected: int

    @property
    def n_unreadable(self) -> int:
        """Rows that cannot be used."""
        return sum(count for _, count in self.unreadable)

    @property
    def n_for_labels(self) -> int:
        """Images that go with all their copies, as their labels differ."""
        return sum(one.n_images for one in self.evidence if one.match == LABELS)

    @property
    def is_certain(self) -> bool:
        """Whether equal bytes or pixels tie all that need not be kept to what stays."""
        certain = {Level.BYTES.value, Level.PIXELS.value}
        return bool(self.evidence) and {one.match for one in self.evidence} <= certain

    @property
    def n_readable(self) -> int:
        """Images that can be used."""
        return self.n_images - self.n_unreadable


def summarize(images: ImagesTable) -> Summary:
    """Return what a manifest says."""
    reasons = Counter(images.texts("reason")[~images.is_readable].tolist())
    group, duplicates = images.codes("group"), images.duplicates
    issues: Counter[str] = Counter()
    if images.has("issues"):
        issues.update(issue for row in images.values("issues") for issue in row or ())
    splits = Counter(images.texts("split")[images.is_readable].tolist())
    splits.pop(None, None)
    labels = images.texts("label")
    similarity = np.nan_to_num(images.numbers("similarity"), nan=1.0)
    return Summary(
        n_images=len(images),
        bytes=int(np.maximum(images.bytes, 0).sum()),
        unreadable=[(reason or "unknown", count) for reason, count in reasons.most_common()],
        was_searched="keep" in images.table.column_names,
        n_unjudged=int(images.is_unjudged.sum()),
        evidence=[
            one for one in duplicates.rungs if one.n_images and one.match != Level.FILE.value
        ],
        n_groups=duplicates.n_groups,
        n_groups_here=len(GroupIndex.of(images).numbers),
        n_copies=duplicates.n_duplicates,
        n_links=duplicates.n_links,
        copy_bytes=duplicates.bytes,
        expected_wrong=float((1 - similarity[duplicates.is_dropped]).sum()),
        leaks=find_mixed_groups(group, images.texts("split")),
        conflicts=find_mixed_groups(group, labels),
        splits=splits.most_common(),
        n_clusters=len(np.unique(images.codes("cluster")[images.codes("cluster") >= 0])),
        n_labels=len({label for label in labels.tolist() if label is not None}),
        balance=measure_balance(images),
        objects=count_object_classes(images),
        issues=issues.most_common(),
        labels=images.label_agreement,
        n_suspects=int((images.suspicion() > SUSPECT_FROM).sum()),
        n_selected=int(images.is_selected.sum()),
    )


def find_mixed_groups(group: Ints, values: NDArray[np.object_]) -> list[int]:
    """Return the numbers of the groups whose images have different values, rising.

    Args:
        group: (N,) int64, -1 for images alone.
        values: (N,) of str; None is no value.
    """
    seen: dict[int, str] = {}
    mixed = set()
    rows = np.flatnonzero((group >= 0) & (values != None))  # noqa: E711 - elementwise
    for number, value in zip(group[rows].tolist(), values[rows].tolist(), strict=True):
        if seen.setdefault(number, value) != value:
            mixed.add(number)
    return sorted(mixed)

"""Columns: what was decided of clusters, outliers, labels and the sample, for the manifest."""

from collections.abc import Collection

import pyarrow as pa

from curate.pages.images_table import ImagesTable
from curate.review_page.decisions import DecisionLog, Verdict
from curate.review_page.listings import find_decision, list_clusters

COLUMNS = {
    "cluster": "cluster_name",
    "outlier": "outlier_review",
    "label": "label_review",
    "sample": "pick",
}
"""The column of each kind of subject."""


def make_review_columns(
    images: ImagesTable, log: DecisionLog, *, there: Collection[str] = ()
) -> pa.Table:
    """Return the columns that decisions fill, as many rows as the manifest; none without decisions.

    Clusters of one name are merged by it: they share ``cluster_name``. Of a hidden cluster it is
    empty.

    Args:
        images: The manifest's images.
        log: What was decided, on other manifests too.
        there: Columns that the manifest has: what was taken back is taken out of these.
    """
    columns: dict[str, pa.Array] = {}
    for subject, name in COLUMNS.items():
        if not log.speaks_of(subject):
            continue
        column = (
            _name_clusters(images, log)
            if subject == "cluster"
            else _take_verdicts(images, log, subject)
        )
        if name in there or column.null_count < len(column):
            columns[name] = column
    return pa.table(columns)


def _name_clusters(images: ImagesTable, log: DecisionLog) -> pa.Array:
    cluster, hashes = images.codes("cluster"), images.hashes
    name_of: dict[int, str] = {}
    for row in list_clusters(images).rows.tolist():
        decision = log.get("cluster", hashes[row])
        if decision is not None:
            hidden = decision.verdict is Verdict.REJECT
            name_of[int(cluster[row])] = "" if hidden else decision.text or ""
    return pa.array([name_of.get(number) for number in cluster.tolist()], pa.string())


def _take_verdicts(images: ImagesTable, log: DecisionLog, subject: str) -> pa.Array:
    named = {one.hashes[0] for one in log.of(subject)}
    said = [
        find_decision(subject, row, images, log) if content in named else None
        for row, content in enumerate(images.hashes.tolist())
    ]
    return pa.array([one.verdict.value if one is not None else None for one in said], pa.string())

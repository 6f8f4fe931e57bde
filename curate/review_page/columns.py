"""Columns: what was decided of clusters, outliers, labels and the sample, for the manifest."""

import numpy as np
import pyarrow as pa

from curate.pages.images_table import ImagesTable
from curate.review_page.decisions import DecisionLog, Verdict
from curate.review_page.listings import list_clusters


def make_review_columns(images: ImagesTable, log: DecisionLog) -> pa.Table:
    """Return the columns that decisions fill, as many rows as the manifest; none without decisions.

    Clusters of one name are merged by it: they share ``cluster_name``. Of a hidden cluster it is
    empty.
    """
    columns: dict[str, pa.Array] = {}
    if log.of("cluster"):
        columns["cluster_name"] = _name_clusters(images, log)
    for subject, name in (("outlier", "outlier_review"), ("label", "label_review")):
        if log.of(subject):
            columns[name] = _take_verdicts(images, log, subject)
    if log.of("sample"):
        columns["pick"] = _take_verdicts(images, log, "sample")
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
    verdicts = {one.hashes[0]: one.verdict.value for one in log.of(subject)}
    hashes = np.array(images.hashes, object).tolist()
    return pa.array([verdicts.get(content) for content in hashes], pa.string())

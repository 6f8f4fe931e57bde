"""Listings: clusters, outliers, label suspects and the sample, as rows that a person decides on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.classifiers import SUSPECT_FROM
from curate.amounts import count_of
from curate.pages.images_table import ImagesTable
from curate.pages.shown_text import show_text
from curate.review_page.decisions import Decision, DecisionLog, Verdict

Ints = NDArray[np.int64]

VERDICTS = {
    "outlier": (Verdict.ACCEPT, Verdict.REJECT),
    "label": (Verdict.ACCEPT, Verdict.REJECT),
    "sample": (Verdict.TAKE, Verdict.LEAVE),
    "cluster": (Verdict.NAME, Verdict.REJECT),
}
"""What may be said of each kind of subject."""

_EXAMPLES = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Subjects of one kind, in the order in which they are worth a look.

    Attributes:
        subject: The kind.
        rows: (n,) int64, the image that stands for each.
        caption: Gives what is said of each, by its place.
        examples: Further images of each; empty but for clusters.
    """

    subject: str
    rows: Ints
    caption: Callable[[int], str]
    examples: list[list[int]]

    def __len__(self) -> int:
        return len(self.rows)

    def find(self, place: int, images: ImagesTable, log: DecisionLog) -> Decision | None:
        """Return what was said of a subject, or None."""
        return find_decision(self.subject, int(self.rows[place]), images, log)

    def count_decided(self, images: ImagesTable, log: DecisionLog) -> int:
        """Return how many of the subjects are decided; the log speaks of other manifests too."""
        named = {one.hashes[0] for one in log.of(self.subject)}
        if not named or not len(self):
            return 0
        column = images.table["hash"]
        is_named = pc.is_in(column, value_set=pa.array(sorted(named), column.type)).to_numpy()
        places = np.flatnonzero(is_named[self.rows]).tolist()
        return sum(self.find(place, images, log) is not None for place in places)

    def describe(self, place: int, images: ImagesTable, log: DecisionLog) -> dict[str, Any]:
        """Return what the page shows of a subject."""
        row, decision = int(self.rows[place]), self.find(place, images, log)
        return {
            "place": place,
            "row": row,
            "path": show_text(images.paths[row]),
            "caption": self.caption(place),
            "examples": self.examples[place] if self.examples else [],
            "verdict": decision.verdict.value if decision is not None else None,
            "text": decision.text if decision is not None else None,
        }

    def decide(
        self, place: int, images: ImagesTable, verdict: Verdict, text: str | None
    ) -> list[Decision]:
        """Return the decisions on a subject: one, and what takes an older line on a label back.

        Raises:
            ValueError: That cannot be said of it.
        """
        if verdict not in (*VERDICTS[self.subject], Verdict.UNDECIDED):
            raise ValueError(f"{verdict} cannot be said of {self.subject}")
        row = int(self.rows[place])
        decision = Decision(
            subject=self.subject,
            hashes=(images.hashes[row],),
            label=_label_of(self.subject, row, images),
            verdict=verdict,
            text=text,
        )
        if decision.label is None or verdict is not Verdict.UNDECIDED:
            return [decision]
        return [decision, replace(decision, label=None)]


def find_decision(subject: str, row: int, images: ImagesTable, log: DecisionLog) -> Decision | None:
    """Return what was said of an image, of a label with that label, or None."""
    content = images.hashes[row]
    said = log.get(subject, content, label=_label_of(subject, row, images))
    return said if said is not None else log.get(subject, content)


def _label_of(subject: str, row: int, images: ImagesTable) -> str | None:
    """Return the label that a verdict on an image speaks of; None where it speaks of none."""
    return images.labels[row] if subject == "label" else None


def list_subjects(images: ImagesTable) -> dict[str, Listing]:
    """Return the listings of a manifest; one without subjects is empty."""
    outlier = np.nan_to_num(np.where(images.is_kept, images.numbers("outlier"), np.nan), nan=-1)
    suspect = images.suspicion()
    labels = images.labels
    by_outlier = _rank(outlier, 0.0)
    by_suspect = _rank(suspect, SUSPECT_FROM)
    kept = np.flatnonzero(images.is_kept)
    sampled = kept[np.argsort(~images.is_selected[kept], kind="stable")]
    return {
        "cluster": list_clusters(images),
        "outlier": Listing(
            subject="outlier",
            rows=by_outlier,
            caption=lambda place: f"outlier {outlier[by_outlier[place]]:.2f}",
            examples=[],
        ),
        "label": Listing(
            subject="label",
            rows=by_suspect,
            caption=lambda place: (
                f"labelled {labels[by_suspect[place]]}; "
                f"{100 * suspect[by_suspect[place]]:.0f} % of its neighbours disagree"
            ),
            examples=[],
        ),
        "sample": Listing(
            subject="sample",
            rows=sampled,
            caption=lambda place: (
                "in the sample" if images.is_selected[sampled[place]] else "not in the sample"
            ),
            examples=[],
        ),
    }


def list_clusters(images: ImagesTable) -> Listing:
    """Return the clusters, largest first, each by its medoid."""
    cluster = np.where(images.is_readable, images.codes("cluster"), -1)
    rows = np.flatnonzero(cluster >= 0)
    typical = np.nan_to_num(images.numbers("cluster_similarity"))[rows]
    medoid = images.flags("medoid", if_null=False)[rows]
    rows = rows[np.lexsort((rows, -typical, ~medoid, cluster[rows]))]
    numbers, starts, sizes = np.unique(cluster[rows], return_index=True, return_counts=True)
    order = np.lexsort((numbers, -sizes))
    examples = []
    for place in order.tolist():
        steps = np.linspace(0, sizes[place] - 1, min(_EXAMPLES, int(sizes[place]))).round()
        examples.append(rows[starts[place] + np.unique(steps.astype(np.int64))].tolist())
    return Listing(
        subject="cluster",
        rows=rows[starts[order]] if len(order) else np.zeros(0, np.int64),
        caption=lambda place: (
            f"cluster {numbers[order[place]]}, {count_of(int(sizes[order[place]]), 'image')}"
        ),
        examples=examples,
    )


def _rank(values: NDArray[np.float64], least: float) -> Ints:
    """Return the rows whose value is above ``least``, largest first."""
    order = np.argsort(-values, kind="stable")
    return np.asarray(order[values[order] > least], np.int64)

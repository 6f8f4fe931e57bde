"""The queue: the duplicate groups of a manifest in the order in which they are worth a look."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.pages.group_index import GroupIndex
from curate.pages.images_table import ImagesTable
from curate.review_page.decisions import Decision, DecisionLog, Verdict
from curate.review_page.members import Members, next_open

Ints = NDArray[np.int64]

_MOST_MEMBERS = 60
"""Images of a group on the page; the kept one and the least sure ones come first."""


class ReviewQueue:
    """Duplicate groups, the most doubtful first, and what was decided on each.

    Attributes:
        images: The manifest's images.
    """

    def __init__(self, images: ImagesTable, members: Members, log: DecisionLog) -> None:
        """Put the groups in order; those beyond doubt come last.

        Args:
            images: The manifest's images.
            members: The same as the page shows them.
            log: What was decided.
        """
        self.images, self._log = images, log
        self._index = GroupIndex.of(images)
        self._order = np.lexsort((self._index.numbers, self._index.least))
        self._probability = images.numbers("similarity")
        self._match, self._duplicate_of = images.texts("match"), images.texts("duplicate_of")
        self._is_kept = images.is_kept & ~images.is_copy
        self._members = members
        self._decided: set[int] = set()
        self._find_decided()

    def __len__(self) -> int:
        return len(self._order)

    @property
    def n_decided(self) -> int:
        """Groups of which every pair is decided."""
        return len(self._decided)

    def members(self, place: int) -> list[int]:
        """Return the rows of the group at a place of the queue, the kept one first."""
        rows = self._index.members(int(self._order[place]))
        sure = np.nan_to_num(self._probability[rows], nan=1.0)
        ordered: list[int] = rows[np.lexsort((rows, sure, ~self._is_kept[rows]))].tolist()
        return ordered

    def kept(self, place: int) -> int:
        """Return the image that stays: the one a person chose, else the manifest's."""
        members = self.members(place)
        hashes = self.images.hashes
        chosen = [row for row in members if self._is_chosen(hashes[row])]
        return chosen[0] if chosen else members[0]

    def describe(self, place: int) -> dict[str, Any]:
        """Return what the page shows of a group."""
        members, kept = self.members(place), self.kept(place)
        ordered = [kept, *[row for row in members if row != kept]]
        return {
            "place": place,
            "number": int(self._index.numbers[self._order[place]]),
            "n_members": len(members),
            "is_decided": place in self._decided,
            "members": [self._describe_member(row, kept) for row in ordered[:_MOST_MEMBERS]],
        }

    def next_open(self, after: int) -> int | None:
        """Return the next place, around the end, of a group that is not decided."""
        return next_open(after, len(self), self._decided)

    def judge(self, place: int, rows: list[int], verdict: Verdict) -> list[Decision]:
        """Return the decisions that images of a group are, or are not, copies of the kept one.

        Args:
            place: Of the group.
            rows: The images; the kept one among them is passed over.
            verdict: ``copy`` or ``different``.
        """
        kept, hashes = self.kept(place), self.images.hashes
        return [
            self._members.decide(row, kept, verdict, self._stated(kept, row))
            for row in rows
            if hashes[row] != hashes[kept]
        ]

    def choose(self, place: int, row: int) -> list[Decision]:
        """Return the decisions that an image of a group stays in place of the others."""
        hashes = self.images.hashes
        others = {hashes[one] for one in self.members(place)} - {hashes[row]}
        taken_back = [
            Decision(subject="image", hashes=(other,), verdict=Verdict.UNDECIDED)
            for other in sorted(others)
            if self._is_chosen(other)
        ]
        return [
            *taken_back,
            Decision(subject="image", hashes=(hashes[row],), verdict=Verdict.KEEP),
        ]

    def refresh(self, place: int) -> None:
        """Look again whether a group is decided."""
        members, kept = self.members(place), self.kept(place)
        hashes = self.images.hashes
        verdicts = [
            self._members.find_verdict(row, kept) for row in members if hashes[row] != hashes[kept]
        ]
        if verdicts and all(verdicts):
            self._decided.add(place)
        else:
            self._decided.discard(place)

    def refresh_all(self) -> None:
        """Look again at every group, as after an undo."""
        self._decided.clear()
        self._find_decided()

    def _find_decided(self) -> None:
        """Find the decided groups by the contents that decisions name."""
        named = {one for decision in self._log.of("pair") for one in decision.hashes}
        if not named:
            return
        place_of = np.empty(len(self._order), np.int64)
        place_of[self._order] = np.arange(len(self._order))
        group = self.images.codes("group")
        rows = [
            row for row in np.flatnonzero(group >= 0).tolist() if self.images.hashes[row] in named
        ]
        slots = np.searchsorted(self._index.numbers, group[rows])
        for place in np.unique(place_of[slots]).tolist():
            self.refresh(place)

    def _is_chosen(self, content: str) -> bool:
        decision = self._log.get("image", content)
        return decision is not None and decision.verdict is Verdict.KEEP

    def _stated(self, kept: int, row: int) -> float | None:
        """Return the probability that the manifest states of a pair; it does of the kept one's."""
        for one, other in ((kept, row), (row, kept)):
            is_stated = self._duplicate_of[other] == self.images.paths[one]
            if is_stated and np.isfinite(self._probability[other]):
                return float(self._probability[other])
        return None

    def _describe_member(self, row: int, kept: int) -> dict[str, Any]:
        return self._members.describe(
            row, kept, match=self._match[row], probability=float(self._probability[row])
        )

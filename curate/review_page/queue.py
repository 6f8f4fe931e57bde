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
"""Images of a group on the page: the kept one, and of the others the undecided ones first."""


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
        self._reason = images.texts("keep_reason")
        self._is_kept = images.is_kept & ~images.is_copy
        self._members = members
        contents = images.table["hash"].combine_chunks().dictionary_encode().indices
        codes = np.asarray(contents.fill_null(-1), np.int64)
        self._is_equal = self._index.have_one(codes)[self._order]
        self._decided: set[int] = set()
        self._find_decided()

    def __len__(self) -> int:
        return len(self._order)

    @property
    def n_decided(self) -> int:
        """Groups of which every pair is decided; those of equal files have none."""
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
        others = [row for row in members if row != kept]
        open_first = sorted(others, key=lambda row: not self._is_open(row, kept))
        shown = set(open_first[: _MOST_MEMBERS - 1])
        ordered = [kept, *[row for row in others if row in shown]]
        return {
            "place": place,
            "number": int(self._index.numbers[self._order[place]]),
            "n_members": len(members),
            "is_decided": place in self._decided,
            "is_equal": bool(self._is_equal[place]),
            "members": [self._describe_member(row, kept) for row in ordered],
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

    def judge_all(self, place: int) -> list[Decision]:
        """Return the decisions that all images of a group are copies of the kept one.

        What was said of some of them stays; only where all are decided it is said anew.
        """
        members, kept = self.members(place), self.kept(place)
        undecided = [row for row in members if self._is_open(row, kept)]
        return self.judge(place, undecided or members, Verdict.COPY)

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
        if any(self._is_open(row, kept) for row in members):
            self._decided.discard(place)
        else:
            self._decided.add(place)

    def refresh_all(self) -> None:
        """Look again at every group, as after an undo."""
        self._decided.clear()
        self._find_decided()

    def _find_decided(self) -> None:
        """Find the decided groups: of equal files, and by the contents that decisions name."""
        self._decided.update(np.flatnonzero(self._is_equal).tolist())
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

    def _is_open(self, row: int, kept: int) -> bool:
        """Return whether an image is still to be judged; one of the kept one's content is not."""
        hashes = self.images.hashes
        return hashes[row] != hashes[kept] and self._members.find_verdict(row, kept) is None

    def _find_evidence(self, row: int, kept: int) -> int | None:
        """Return the row that holds the evidence of a pair, or None if there is none.

        The manifest has that of each image and the one that stays there, of no other pairs.
        """
        paths = self.images.paths
        for one, other in ((row, kept), (kept, row)):
            if self._duplicate_of[one] == paths[other]:
                return one
        return None

    def _stated(self, kept: int, row: int) -> float | None:
        """Return the probability that the manifest states of a pair, or None."""
        place = self._find_evidence(row, kept)
        if place is None or not np.isfinite(self._probability[place]):
            return None
        return float(self._probability[place])

    def _describe_member(self, row: int, kept: int) -> dict[str, Any]:
        place = self._find_evidence(row, kept)
        return self._members.describe(
            row,
            kept,
            match=None if place is None else self._match[place],
            probability=self._stated(kept, row),
            reason=self._reason[row] if place == row else None,
        )

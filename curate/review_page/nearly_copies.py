"""Nearly copies: the pairs just below the cut, the likeliest first, and what was decided."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.pages.images_table import ImagesTable
from curate.review_page.decisions import Decision, Verdict
from curate.review_page.members import Members, next_open


class NearlyCopies:
    """Pairs that are in no common group, so that a person may say that they are copies."""

    def __init__(self, images: ImagesTable, members: Members, misses: pa.Table | None) -> None:
        """Find the pairs of which the manifest has both images, in different groups.

        Args:
            images: The manifest's images.
            members: Its images as the page shows them, with what was decided.
            misses: Pairs of contents with their probability, the likeliest first; None for none.
        """
        self._members, self._decided = members, set[int]()
        ends = np.zeros((0, 2), np.int64)
        self._probability = np.zeros(0)
        if misses is not None and len(misses) and "hash" in images.table.column_names:
            ends = np.stack(
                [_find_rows(misses[name], images) for name in ("hash", "other_hash")], 1
            )
            group = images.codes("group")[ends]
            is_apart = (group[:, 0] < 0) | (group[:, 0] != group[:, 1])
            is_open = (ends >= 0).all(axis=1) & is_apart
            ends, self._probability = ends[is_open], misses["similarity"].to_numpy()[is_open]
        area = images.codes("width").astype(float) * images.codes("height")
        is_swapped = area[ends[:, 0]] < area[ends[:, 1]] if len(ends) else np.zeros(0, np.bool_)
        ends[is_swapped] = ends[is_swapped, ::-1]
        self._ends = ends
        self.refresh_all()

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def n_decided(self) -> int:
        """Pairs that are decided."""
        return len(self._decided)

    def members(self, place: int) -> list[int]:
        """Return the rows of a pair, the larger picture first."""
        first, second = self._ends[place].tolist()
        return [first, second]

    def describe(self, place: int) -> dict[str, Any]:
        """Return what the page shows of a pair."""
        first, second = self.members(place)
        return {
            "place": place,
            "number": None,
            "n_members": 2,
            "is_decided": place in self._decided,
            "is_equal": False,
            "members": [
                self._members.describe(first, first),
                self._members.describe(second, first, probability=float(self._probability[place])),
            ],
        }

    def next_open(self, after: int) -> int | None:
        """Return the next place, around the end, of a pair that is not decided."""
        return next_open(after, len(self), self._decided)

    def judge(self, place: int, rows: list[int], verdict: Verdict) -> list[Decision]:
        """Return the decision that a pair are, or are not, copies.

        Args:
            place: Of the pair.
            rows: The second image; the first is passed over.
            verdict: ``copy`` or ``different``.
        """
        first, second = self.members(place)
        if second not in rows:
            return []
        stated = float(self._probability[place])
        return [self._members.decide(second, first, verdict, stated)]

    def judge_all(self, place: int) -> list[Decision]:
        """Return the decision that both images of a pair are copies."""
        return self.judge(place, self.members(place), Verdict.COPY)

    def choose(self, place: int, row: int) -> list[Decision]:
        """Refuse: of a pair in no common group both images stay.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"image {row} of pair {place} stays already")

    def refresh(self, place: int) -> None:
        """Look again whether a pair is decided."""
        first, second = self.members(place)
        if self._members.find_verdict(second, first) is not None:
            self._decided.add(place)
        else:
            self._decided.discard(place)

    def refresh_all(self) -> None:
        """Look again at every pair, as after an undo."""
        for place in range(len(self)):
            self.refresh(place)


def _find_rows(hashes: pa.ChunkedArray, images: ImagesTable) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the first row of each content, -1 where there is none."""
    known = images.table["hash"].combine_chunks()
    rows = pc.index_in(hashes.combine_chunks(), value_set=known)
    return np.asarray(pc.fill_null(rows, -1), np.int64)

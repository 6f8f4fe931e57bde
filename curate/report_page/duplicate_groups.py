"""Duplicate groups: which of them are shown, and the evidence of each member."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.align import Lay, align_images
from curate.report_page.images_table import ImagesTable
from curate.report_page.pictures import Pictures

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One image of a duplicate group.

    Attributes:
        row: Its row.
        stays: Whether it is kept.
        match: Evidence that ties it to the kept image, or None.
        probability: That it is a copy of that image, or None.
        reason: Why it need not be kept, or None.
    """

    row: int
    stays: bool
    match: str | None
    probability: float | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DuplicateGroup:
    """A group of copies.

    Attributes:
        number: As in the manifest.
        members: The kept image first, then the least sure.
        n_members: All, of which ``members`` may be some.
        bytes: Size of those that need not be kept.
        lay: How the kept image lies on the least sure member, or None.
    """

    number: int
    members: list[Member]
    n_members: int
    bytes: int
    lay: Lay | None = None

    @property
    def kept(self) -> Member:
        """The image that stays."""
        return self.members[0]

    @property
    def doubtful(self) -> Member | None:
        """The member that is least surely a copy."""
        return self.members[1] if len(self.members) > 1 else None


@dataclass(frozen=True, slots=True)
class GroupIndex:
    """The duplicate groups of a manifest, ready to be ranked.

    Attributes:
        numbers: (G,) int64, as in the manifest, rising.
        sizes: (G,) int64, images.
        least: (G,) float64, least probability of a member that need not be kept; 1 if none has one.
    """

    numbers: Ints
    sizes: Ints
    least: NDArray[np.float64]
    _rows: Ints
    _starts: Ints

    @classmethod
    def of(cls, images: ImagesTable) -> "GroupIndex":
        """Index the groups of a manifest."""
        group = images.codes("group")
        rows = np.flatnonzero(group >= 0)
        rows = rows[np.argsort(group[rows], kind="stable")]
        numbers, starts, sizes = np.unique(group[rows], return_index=True, return_counts=True)
        sure = np.nan_to_num(images.numbers("similarity"), nan=1.0)[rows]
        least = np.minimum.reduceat(sure, starts) if len(starts) else np.ones(0)
        return cls(numbers, sizes.astype(np.int64), least, rows, starts.astype(np.int64))

    def members(self, place: int) -> Ints:
        """Return the rows of the group at a place of ``numbers``."""
        return self._rows[self._starts[place] : self._starts[place] + self.sizes[place]]

    def largest(self, n: int) -> list[int]:
        """Return the places of the n largest groups."""
        order: list[int] = np.lexsort((self.numbers, -self.sizes))[:n].tolist()
        return order

    def most_doubtful(self, n: int) -> list[int]:
        """Return the places of the n groups with the least sure member, certain ones left out."""
        order = np.lexsort((self.numbers, self.least))
        doubtful: list[int] = order[self.least[order] < 1][:n].tolist()
        return doubtful

    def places_of(self, numbers: Iterable[int]) -> list[int]:
        """Return the places of groups by number."""
        return [int(place) for place in np.searchsorted(self.numbers, list(numbers))]


def describe_groups(
    images: ImagesTable,
    index: GroupIndex,
    places: Sequence[int],
    *,
    pictures: Pictures,
    most_members: int,
) -> list[DuplicateGroup]:
    """Return groups with their evidence, in the order of their places.

    Args:
        images: The manifest's images.
        index: Its groups.
        places: Of the groups, in ``index.numbers``.
        pictures: Where pixels come from.
        most_members: Members of a group at most; the kept one and the least sure come first.
    """
    groups = [_describe(images, index, place, most_members) for place in places]
    lays = _align(images, groups, pictures)
    return [
        DuplicateGroup(
            number=one.number,
            members=one.members,
            n_members=one.n_members,
            bytes=one.bytes,
            lay=lay,
        )
        for one, lay in zip(groups, lays, strict=True)
    ]


def _describe(images: ImagesTable, index: GroupIndex, place: int, most: int) -> DuplicateGroup:
    rows = index.members(place)
    part = images.table.take(rows.tolist())
    here = ImagesTable(part)
    keep, dropped = here.is_kept, here.is_dropped
    match, why = here.texts("match"), here.texts("keep_reason")
    probability = here.numbers("similarity")
    order = np.lexsort((rows, np.nan_to_num(probability, nan=1.0), ~(keep & ~dropped)))
    members = [
        Member(
            row=int(rows[i]),
            stays=bool(keep[i]),
            match=match[i],
            probability=float(probability[i]) if np.isfinite(probability[i]) else None,
            reason=why[i],
        )
        for i in order[:most].tolist()
    ]
    return DuplicateGroup(
        number=int(index.numbers[place]),
        members=members,
        n_members=len(rows),
        bytes=int(here.bytes[dropped].sum()),
    )


def _align(
    images: ImagesTable, groups: Sequence[DuplicateGroup], pictures: Pictures
) -> list[Lay | None]:
    """Return how each kept image lies on the least sure member of its group."""
    wanted = {
        place: (images.hashes[one.kept.row], images.hashes[one.doubtful.row])
        for place, one in enumerate(groups)
        if one.doubtful is not None
    }
    pixels = pictures.read(sorted({h for pair in wanted.values() for h in pair if h}))
    row_of = {content: row for row, content in enumerate(pixels)}
    usable = {
        place: (row_of[a], row_of[b])
        for place, (a, b) in wanted.items()
        if a in row_of and b in row_of
    }
    found = dict(zip(usable, align_images(list(pixels.values()), list(usable.values())), strict=True))
    return [found.get(place) for place in range(len(groups))]

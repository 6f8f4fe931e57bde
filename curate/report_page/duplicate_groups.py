"""Duplicate groups: which of them are shown, and the evidence of each member."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curate.copies.align import Lay, align_images
from curate.pages.group_index import GroupIndex
from curate.pages.images_table import ImagesTable
from curate.pages.pictures import Pictures


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
    keep, copy, dropped = here.is_kept, here.is_copy, here.is_dropped
    match, why = here.texts("match"), here.texts("keep_reason")
    probability = here.numbers("similarity")
    order = np.lexsort((rows, np.nan_to_num(probability, nan=1.0), ~(keep & ~copy)))
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
    found = dict(
        zip(usable, align_images(list(pixels.values()), list(usable.values())), strict=True)
    )
    return [found.get(place) for place in range(len(groups))]

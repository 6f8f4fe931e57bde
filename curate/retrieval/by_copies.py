"""Looking by the evidence of copies: equal bytes, equal pixels, verified near copies."""

from collections.abc import Sequence

import numpy as np
import pyarrow.compute as pc

from curate.copies.config import DedupConfig
from curate.copies.find import find_copies
from curate.copies.inputs import Reader, images_of
from curate.copies.query import taken_up
from curate.copies.records import Asked, Images, Pairs
from curate.progress import Progress
from curate.retrieval.catalogue_images import distinct_images
from curate.retrieval.query_images import Picture
from curate.retrieval.results import Found, Hits, Placement
from curate.sources.folder import file_of
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.workspace import Workspace

_FACTS = [
    "source", "path", "hash", "status", "bytes", "width", "height", "format", "phash", "sharpness",
    "mtime_ns",
]  # fmt: skip


class ByCopies:
    """Finds the images that are copies of pictures. No trained model takes part.

    Attributes:
        model: None.
        n_searched: Different images searched.
        threshold: Least probability that counts.
    """

    def __init__(self, space: Workspace, config: DedupConfig, progress: Progress) -> None:
        """Take up what `dedup` left of the images of a workspace, or search them first.

        Raises:
            InputError: The workspace has no images, or a file has changed.
            ResourceError: The images are to be searched, and the lock is held or the disk full.
        """
        table = distinct_images(space, _FACTS)
        whole = pc.binary_join_element_wise(table["source"], table["path"], "/")
        table = table.append_column("whole", whole).sort_by("whole")
        sources, paths = table["source"], table["path"]
        place = table.schema.get_field_index("path")
        self._images: Images = images_of(table.set_column(place, "path", table["whole"]))
        self._reader = Reader(
            PixelCache(space.pixels),
            lambda row: file_of(sources[row].as_py(), paths[row].as_py()),
        )
        memory = space.root / "copies"
        known = taken_up(self._images, self._reader, config, memory=memory)
        if known is None:
            with space.writing():
                find_copies(self._images, self._reader, config, memory=memory, on_progress=progress)
                known = taken_up(self._images, self._reader, config, memory=memory)
        assert known is not None, "a finished search can be taken up"
        self._known = known
        self._row_of = {name: row for row, name in enumerate(self._images.content_hash)}
        self.model: str | None = None
        self.n_searched = len(self._images)
        self.threshold: float | None = known.threshold

    def hits(self, pictures: Sequence[Picture], k: int) -> list[Hits]:
        """Return the copies of each picture, at most ``k``; one of the workspace not itself."""
        pairs = self._known.copies_of([self._asked(picture) for picture in pictures])
        ends = np.searchsorted(pairs.a, np.arange(len(pictures)), side="right").tolist()
        hits, start = [], 0
        for picture, end in zip(pictures, ends, strict=True):
            rows = list(range(start, end))
            if picture.is_own:
                own = self._row_of[picture.content]
                rows = [row for row in rows if int(pairs.b[row]) != own]
            hits.append(
                Hits(
                    found=[self._found(pairs, row) for row in rows[:k]],
                    contents=[self._images.content_hash[int(pairs.b[row])] for row in rows[:k]],
                    n_more=max(0, len(rows) - k),
                )
            )
            start = end
        return hits

    def _asked(self, picture: Picture) -> Asked:
        """Return a picture as the search takes it: what the workspace holds, as it holds it."""
        row = self._row_of.get(picture.content)
        if row is None:
            return Asked(
                content_hash=picture.content,
                pixels=picture.pixels,
                width=picture.width,
                height=picture.height,
                phash=picture.phash,
                exact=picture.exact,
            )
        (pixels,) = self._reader.read([picture.content])
        return Asked(
            content_hash=picture.content,
            pixels=pixels,
            width=int(self._images.width[row]),
            height=int(self._images.height[row]),
            phash=int(self._images.phash[row]),
            exact=lambda: self._reader.exact([row])[0],
        )

    def _found(self, pairs: Pairs, row: int) -> Found:
        left, top, right, bottom = (round(float(side), 4) for side in pairs.box[row])
        return Found(
            path=self._images.path[int(pairs.b[row])],
            similarity=round(float(pairs.similarity[row]), 4),
            match=pairs.match[row],
            placement=Placement(
                mirrored=bool(pairs.mirrored[row]),
                rotation=round(float(pairs.rotation[row]), 1),
                scale=round(float(pairs.scale[row]), 4),
                box=(left, top, right, bottom),
                inliers=int(pairs.inliers[row]),
                tile_agreement=round(float(pairs.tile_agreement[row]), 4),
            ),
        )

"""Search by copies: equal bytes, equal pixels, verified near copies."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc

from curate.copies.config import DedupConfig
from curate.copies.find import find_copies
from curate.copies.inputs import ImageReader, describe_lost, make_images, read_place
from curate.copies.placement import round_degrees
from curate.copies.query import load_query
from curate.copies.records import Images, Pairs, QueryImage
from curate.progress import Progress
from curate.retrieval.catalogue_images import list_equal_files, read_distinct_images
from curate.retrieval.query_images import Query
from curate.retrieval.results import Found, Hits, Placement
from curate.sources import PLACE_SCHEMA, OpenSources
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.workspace import Workspace

_FACTS = [
    "source", "path", "hash", "status", "bytes", "width", "height", "format", "phash", "sharpness",
    "mtime_ns", "frames", "taken_at", "camera", *PLACE_SCHEMA.names,
]  # fmt: skip


class ByCopies:
    """Finds the images that are copies of query images. No trained model takes part.

    Attributes:
        model: None.
        n_searched: Images searched, every file.
        threshold: Least probability that counts.
    """

    def __init__(self, space: Workspace, config: DedupConfig, progress: Progress) -> None:
        """Load what `dedup` left of the images of a workspace, or search these first.

        Args:
            space: The workspace.
            config: What counts as a copy.
            progress: Hears how a search gets on.

        Raises:
            InputError: The workspace has no images, or a file has changed.
            ResourceError: The images are to be searched, and the lock is held or the disk full.
        """
        table = read_distinct_images(space, _FACTS)
        whole = pc.binary_join_element_wise(table["source"], table["path"], "/")
        table = table.append_column("whole", whole).sort_by("whole")
        sources, places = (
            OpenSources(),
            table.select(["source", "path", "hash", *PLACE_SCHEMA.names]),
        )
        column = table.schema.get_field_index("path")
        none = np.zeros(len(table), np.bool_)
        by_whole_path = table.set_column(column, "path", table["whole"])
        self._images: Images = make_images(by_whole_path, none, none)
        self._reader = ImageReader(
            open_pixels(space, progress),
            lambda row: read_place(sources, places.slice(row, 1).to_pylist()[0]),
            lambda row: progress.note(describe_lost(self._images.path[row])),
        )
        cache = space.root / "copies"
        query = load_query(self._images, self._reader, config, cache=cache)
        if query is None:
            with space.writing(progress):
                find_copies(self._images, self._reader, config, cache=cache, on_progress=progress)
                query = load_query(self._images, self._reader, config, cache=cache)
        assert query is not None, "what a run has left can be loaded"
        self._query = query
        self._equal_files = list_equal_files(space)
        self.model: str | None = None
        n_others = sum(len(paths) - 1 for paths in self._equal_files.values())
        self.n_searched = len(self._images) + n_others
        self.threshold: float | None = query.threshold

    def find(self, queries: Sequence[Query], k: int) -> list[Hits]:
        """Return the copies of each query; one of the workspace does not find itself.

        Of files with equal bytes each is found.

        Args:
            queries: Q query images.
            k: Images found for each at most.
        """
        rows_of = self._images.content_hash.find(query.content_hash for query in queries)
        loaded = [self._load(query, row) for query, row in zip(queries, rows_of, strict=True)]
        pairs = self._query.find_copies(loaded)
        ends = np.searchsorted(pairs.a, np.arange(len(queries)), side="right").tolist()
        hits, start = [], 0
        for query, itself, end in zip(queries, rows_of, ends, strict=True):
            rows = list(range(start, end))
            found = []
            if query.image is not None:
                rows = [row for row in rows if int(pairs.b[row]) != itself]
                others = self._equal_files.get(query.content_hash, [])
                others = [path for path in others if path != query.image.file]
                found = [(_equal_file(path), query.content_hash) for path in others]
            for row in rows:
                content = self._images.content_hash[int(pairs.b[row])]
                first = self._describe(pairs, row)
                files = self._equal_files.get(content, [first.path])
                found += [(replace(first, path=path), content) for path in files]
            shown = found[:k]
            hits.append(
                Hits(
                    found=[one for one, _ in shown],
                    content_hashes=[content for _, content in shown],
                    n_more=len(found) - len(shown),
                )
            )
            start = end
        return hits

    def _load(self, query: Query, row: int) -> QueryImage:
        """Return a query image; one of the workspace, of that row, as the workspace holds it."""
        if row < 0:
            return QueryImage(
                content_hash=query.content_hash,
                pixels=query.pixels,
                width=query.width,
                height=query.height,
                phash=query.phash,
                digest=query.digest,
                read_exact=query.read_exact,
                frames=query.frames,
                hash_frames=query.hash_frames,
            )
        (pixels,) = self._reader.read([query.content_hash])
        return QueryImage(
            content_hash=query.content_hash,
            pixels=pixels,
            width=int(self._images.width[row]),
            height=int(self._images.height[row]),
            phash=int(self._images.phash[row]),
            digest=lambda: self._reader.digest([row])[0],
            read_exact=lambda: self._reader.read_exact([row])[0],
            frames=int(self._images.frames[row]),
            hash_frames=lambda: self._reader.hash_frames(row),
        )

    def _describe(self, pairs: Pairs, row: int) -> Found:
        left, top, right, bottom = (round(float(side), 4) for side in pairs.box[row])
        return Found(
            path=self._images.path[int(pairs.b[row])],
            similarity=round(float(pairs.similarity[row]), 4),
            match=pairs.match[row],
            placement=Placement(
                mirrored=bool(pairs.mirrored[row]),
                rotation=round_degrees(pairs.rotation[row]),
                scale=round(float(pairs.scale[row]), 4),
                box=(left, top, right, bottom),
                inliers=int(pairs.inliers[row]),
                tile_agreement=round(float(pairs.tile_agreement[row]), 4),
            ),
        )


def _equal_file(path: str) -> Found:
    """Return that a file has the bytes of the query."""
    whole = Placement(
        mirrored=False,
        rotation=0.0,
        scale=1.0,
        box=(0.0, 0.0, 1.0, 1.0),
        inliers=0,
        tile_agreement=1.0,
    )
    return Found(path=path, similarity=1.0, match="bytes", placement=whole)

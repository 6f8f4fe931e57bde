"""The line-up: the images that are compared for copies, those of one manifest or of two."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.copies.records import Images
from curate.errors import InputError
from curate.images.decode import Pixels, Unreadable, decode_file
from curate.manifest.manifest import Manifest
from curate.manifest.selection import is_readable
from curate.parallel import ordered_map
from curate.progress import Progress
from curate.sources.folder import file_of
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.scan import scan
from curate.workspace.workspace import Workspace

OTHER = "\x01other/"
"""Goes before the paths of the second manifest, so that none is mixed up."""

_FACTS = ["source", "path", "hash", "phash", "mtime_ns"]


@dataclass(frozen=True, slots=True)
class Lineup:
    """Images to compare.

    Attributes:
        images: What is known of them, sorted by path; paths of the second manifest after ``OTHER``.
        files: Their files.
        reader: Where their pixels come from.
    """

    images: Images
    files: list[Path]
    reader: "Reader"

    @property
    def is_other(self) -> NDArray[np.bool_]:
        """(N,) whether an image is of the second manifest."""
        return np.array([path.startswith(OTHER) for path in self.images.path], np.bool_)

    def shown_path(self, row: int) -> str:
        """Return the path that people see: of the second manifest, the whole path of the file."""
        path = self.images.path[row]
        return str(self.files[row]) if path.startswith(OTHER) else path


class Reader:
    """Cached pixels by content hash; exact ones from the source files."""

    def __init__(self, cache: PixelCache, file_of: Callable[[int], Path]) -> None:
        """Read from a cache, and from the files of the images, by index."""
        self._cache = cache
        self._file_of = file_of

    def read(self, content_hashes: Sequence[str]) -> list[Pixels]:
        """Return cached pixels, (h, w, 3) uint8 each."""
        return self._cache.read(content_hashes)

    def exact(self, indices: Sequence[int]) -> list[Pixels]:
        """Return every pixel of source images, (H, W, 3) uint8 each, upright.

        Raises:
            InputError: A file is gone or has changed.
        """
        return list(ordered_map(_exact, map(self._file_of, indices), ahead=8))


def line_up(
    manifest: Manifest, other: Manifest | None, workspace: Workspace, progress: Progress
) -> Lineup:
    """Return the readable images of one or two manifests, with what the catalogue knows of them.

    A source that the catalogue does not know whole is scanned; the caller holds the lock.

    Raises:
        InputError: A manifest has no readable image, or is older than its images.
    """
    parts = [_known(manifest, workspace, progress)]
    if other is not None:
        theirs = _known(other, workspace, progress)
        paths = pc.binary_join_element_wise(OTHER, theirs["path"], "")
        parts.append(theirs.set_column(0, parts[0].schema.field("path"), paths))
    table = pa.concat_tables(parts)
    order = np.argsort(np.array(table["path"].to_pylist(), object), kind="stable")
    table = table.take(pa.array(order))
    files = [
        file_of(source, path.removeprefix(OTHER))
        for source, path in zip(table["source"].to_pylist(), table["path"].to_pylist(), strict=True)
    ]
    reader = Reader(PixelCache(workspace.pixels), files.__getitem__)
    return Lineup(images_of(table), files, reader)


def _known(manifest: Manifest, workspace: Workspace, progress: Progress) -> pa.Table:
    """Return the readable rows of a manifest with the catalogue's facts.

    Raises:
        InputError: There are none, or the manifest is older than its images.
    """
    names = ["path", "hash", "bytes", "width", "height", "format", "sharpness"]
    usable = manifest.rows.read(names).filter(pa.array(is_readable(manifest.rows)))
    if len(usable) == 0:
        raise InputError(
            "the manifest has no readable image",
            hint="scan a folder that has some: `curate dedup IMAGES`",
        )
    facts = _facts(usable, workspace, manifest.source)
    if facts is None:
        scan(Path(manifest.source), workspace, progress)
        facts = _facts(usable, workspace, manifest.source)
    if facts is None:
        raise InputError(
            "images of the manifest have changed or gone since it was written",
            hint="write it again with `curate cluster` or `curate dedup IMAGES`",
        )
    for name in ("source", "phash", "mtime_ns"):
        usable = usable.append_column(name, facts[name])
    return usable


def _facts(usable: pa.Table, workspace: Workspace, source: str) -> pa.Table | None:
    """Return the catalogue's rows for those of a manifest, or None if it does not know them all."""
    if not workspace.catalogue.is_file():
        return None
    catalogue = pq.read_table(workspace.catalogue, columns=_FACTS)
    catalogue = catalogue.filter(pc.equal(catalogue["source"], source))
    rows = pc.index_in(usable["path"], value_set=catalogue["path"].combine_chunks())
    if rows.null_count:
        return None
    facts = catalogue.take(rows)
    return facts if facts["hash"].equals(usable["hash"]) else None


def images_of(table: pa.Table) -> Images:
    """Return images from a table of their facts, sorted by path."""

    def numbers(name: str, dtype: type) -> NDArray[Any]:
        return np.asarray(table[name].to_numpy(), dtype)

    return Images(
        path=table["path"].to_pylist(),
        content_hash=table["hash"].to_pylist(),
        bytes=numbers("bytes", np.int64),
        width=numbers("width", np.int32),
        height=numbers("height", np.int32),
        format=table["format"].to_pylist(),
        phash=numbers("phash", np.uint64),
        sharpness=numbers("sharpness", np.float32),
        mtime_ns=numbers("mtime_ns", np.int64),
    )


def _exact(file: Path) -> Pixels:
    """Decode a file in full.

    Raises:
        InputError: It is gone or has changed.
    """
    found = decode_file(file, short_side=None)
    if isinstance(found, Unreadable):
        raise InputError(
            f"{file} cannot be read any more: {found.reason}",
            hint="scan again: `curate dedup IMAGES`",
        )
    return found.pixels

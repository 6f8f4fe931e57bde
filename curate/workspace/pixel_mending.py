"""Mending the pixel cache: what is lost or damaged is made again from the files.

Known by their content hash, the files are found through the catalogue. Who holds the workspace's
lock writes what was made into a new shard; others use it from memory.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.choices import Status
from curate.errors import InputError
from curate.images.decode import MAX_PIXELS, decode
from curate.progress import Progress
from curate.sources import PLACE_SCHEMA, OpenSources, make_place
from curate.workspace.catalogue import Catalogue
from curate.workspace.examination import describe_image
from curate.workspace.integrity import Damaged, read_table
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_shards import (
    SHARD_BYTES,
    Packed,
    ShardWriter,
    describe_lost_rows,
    drop_rows,
    find_lost_rows,
    list_shards,
    remove_shard,
)
from curate.workspace.workspace import Workspace

_PLACES = ["source", "path", "hash", "width", "height", *PLACE_SCHEMA.names]


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    """A file that had the content of an image.

    Attributes:
        name: What people are told of.
        read: Gives its bytes.
        n_pixels: How many it had.
    """

    name: str
    read: Callable[[], bytes]
    n_pixels: int


def open_pixels(workspace: Workspace, progress: Progress) -> PixelCache:
    """Return the pixel cache of a workspace, mended where it is read.

    Args:
        workspace: The workspace.
        progress: Hears of damage, a line for each shard.
    """
    return PixelCache(workspace.pixels, PixelMender(workspace, progress))


def drop_lost_pixels(
    workspace: Workspace, progress: Progress, *, is_thorough: bool = False
) -> None:
    """Forget the images of the cache that are lost, so that a scan reads their files again.

    The caller holds the workspace's lock.

    Args:
        workspace: The workspace.
        progress: Hears of damage, a line for each shard.
        is_thorough: Whether every image is read; else only the size of the files counts.
    """
    for shard in list_shards(workspace.pixels):
        try:
            is_lost = find_lost_rows(shard, is_thorough=is_thorough)
        except Damaged as damage:
            progress.note(f"{damage}; the files of its images are read again")
            remove_shard(shard)
            continue
        if is_lost.any():
            lost = Damaged(shard.with_suffix(".bin"), describe_lost_rows(is_lost))
            progress.note(f"{lost}; what is lost is read again from the files")
            drop_rows(shard, is_lost)


class PixelMender:
    """Makes images of the cache again from files of the same content."""

    def __init__(self, workspace: Workspace, progress: Progress) -> None:
        """Make nothing yet.

        Args:
            workspace: Whose catalogue knows the files.
            progress: Hears of damage, a line for each shard.
        """
        self._workspace, self._progress = workspace, progress
        self._lock = Lock()
        self._told: set[Path] = set()
        self._files: pa.Table | None = None
        self._sources = OpenSources()
        self._made: dict[str, tuple[dict[str, object], Packed]] = {}
        self._saved: set[str] = set()
        self._damaged: dict[Path, set[str]] = {}
        self._will_save = False

    def hear(self, damage: Damaged) -> None:
        """Tell that a shard's table is damaged."""
        self._tell(damage.path, f"{damage}; images are made from their files again")

    def make_again(self, content_hash: str, shard: Path | None) -> Packed:
        """Return an image that the cache lacks, from a file of this content.

        Args:
            content_hash: Of its file.
            shard: Where it is damaged; None where no shard names it.

        Raises:
            InputError: There is no such file any more.
        """
        with self._lock:
            if content_hash in self._made:
                return self._made[content_hash][1]
            if shard is not None:
                name = shard.with_suffix(".bin")
                self._tell(name, f"{name} is damaged; images are made from their files again")
            files = list(self._find_files(content_hash))
        facts, image = _read_image(content_hash, files)
        with self._lock:
            self._keep(content_hash, shard, facts, image)
        return image

    def _tell(self, path: Path, text: str) -> None:
        if path not in self._told:
            self._told.add(path)
            self._progress.note(text)

    def _find_files(self, content_hash: str) -> Iterator[_File]:
        """Yield the files of a content.

        Raises:
            InputError: The catalogue knows of none.
        """
        if self._files is None:
            self._files = Catalogue(self._workspace).read(_PLACES)
        rows = self._files.filter(pc.equal(self._files["hash"], content_hash)).to_pylist()
        if not rows:
            raise InputError(
                "the pixel cache lacks some of these images",
                hint="scan the folder again: `curate cluster IMAGES` or `curate dedup IMAGES`",
            )
        for row in rows:
            source = self._sources.find(row["source"])
            yield _File(
                name=f"{row['source']}/{row['path']}",
                read=partial(source.read, row["path"], make_place(row)),
                n_pixels=(row["width"] or 1) * (row["height"] or 1),
            )

    def _keep(
        self, content_hash: str, shard: Path | None, facts: dict[str, object], image: Packed
    ) -> None:
        """Keep an image in memory, and have it saved where that is ours to do."""
        if sum(len(one.blob) for _, one in self._made.values()) > SHARD_BYTES:
            self._save()
            self._made.clear()
        self._made[content_hash] = facts, image
        if shard is not None:
            self._damaged.setdefault(shard, set()).add(content_hash)
        if self._workspace.is_held and not self._will_save:
            self._will_save = True
            self._workspace.before_release(self._save)

    def _save(self) -> None:
        """Write the images made into a new shard, and forget the damaged ones."""
        if not self._workspace.is_held:
            return
        writer = ShardWriter(self._workspace.pixels)
        for content_hash, (facts, image) in self._made.items():
            if content_hash not in self._saved:
                writer.add({"hash": content_hash, **facts}, image)
        writer.flush()
        self._saved.update(self._made)
        for shard, hashes in self._damaged.items():
            if shard.exists():
                known = read_table(shard, ["hash"])["hash"]
                drop_rows(shard, np.asarray(pc.is_in(known, value_set=pa.array(sorted(hashes)))))
        self._damaged.clear()


def _read_image(content_hash: str, files: list[_File]) -> tuple[dict[str, object], Packed]:
    """Return facts and pixels of the first file that has this content.

    Raises:
        InputError: None has it any more.
    """
    for file in files:
        try:
            raw = file.read()
        except OSError:
            continue
        if hashlib.sha256(raw).hexdigest() == content_hash:
            facts, image = describe_image(raw, decode, max_pixels=max(MAX_PIXELS, file.n_pixels))
            if facts["status"] == Status.OK.value:
                return facts, image
    raise InputError(
        f"the cached pixels of {files[0].name} are damaged, and the file is gone or has changed",
        hint="put the file back, or scan its folder again: `curate dedup IMAGES`",
    )

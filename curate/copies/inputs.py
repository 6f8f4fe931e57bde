"""Inputs: the images that are compared for copies, those of one manifest or of two."""

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.choices import Status
from curate.copies.records import UNKNOWN_TIME, Images
from curate.copies.shared_files import IDENTITY, find_shared
from curate.errors import InputError
from curate.images.decode import Pixels, Unreadable, decode, digest_picture, hash_frames
from curate.manifest.manifest import Manifest
from curate.manifest.selection import is_readable
from curate.manifest.text_column import TextColumn
from curate.parallel import ordered_map
from curate.progress import Progress
from curate.sources import PLACE_SCHEMA, OpenSources, Source, make_place
from curate.workspace.catalogue import Catalogue
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.scan import scan
from curate.workspace.workspace import Workspace

_HINT = "scan again: `curate dedup IMAGES`"
_PLACE = PLACE_SCHEMA.names
_OF_FILE = ["source", *IDENTITY, "phash", "mtime_ns", "frames", "taken_at", "camera", *_PLACE]
_FACTS = ["path", "hash", "status", "link_of", *_OF_FILE]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Images to compare.

    Attributes:
        images: What is known of them; those of the second manifest alone come first.
        sources: Those that they come from.
        addresses: Of the source of each.
        reader: Where their pixels come from.
        places: Where the file of each lies: ``source``, ``path``, ``hash`` and the columns of
            `curate.sources.PLACE_SCHEMA`.
        links: Paths of the first manifest that are other names of a file of one of the two, and
            that file's path, whole in the second; they are not compared.
    """

    images: Images
    sources: OpenSources
    addresses: pa.ChunkedArray
    reader: "ImageReader"
    places: pa.Table
    links: dict[str, str]

    def shown_path(self, row: int) -> str:
        """Return the path that people see: of the second manifest, the whole path of the file."""
        path = self.images.path[row]
        if not self.images.is_other[row]:
            return path
        return _show(self.sources.find(self.addresses[row].as_py()), path)


class ImageReader:
    """Cached pixels by content hash; whole pictures from the source files."""

    def __init__(
        self,
        cache: PixelCache,
        read_file: Callable[[int], bytes],
        on_lost: Callable[[int], None],
    ) -> None:
        """Read from a cache, and from files.

        Args:
            cache: Of pixels.
            read_file: Gives the bytes of the file of an image, by row.
            on_lost: Hears of each image whose file cannot be read at its full size, by row.
        """
        self._cache = cache
        self._read_file = read_file
        self._on_lost = on_lost
        self._lost: set[int] = set()

    def read(self, content_hashes: Sequence[str]) -> list[Pixels]:
        """Return cached pixels, (h, w, 3) uint8 each."""
        return self._cache.read(content_hashes)

    def digest(self, rows: Sequence[int]) -> list[bytes]:
        """Return the digests of the whole pictures in the files of images, 32 bytes each.

        Raises:
            InputError: A file is gone or has changed.
        """
        return list(ordered_map(lambda row: digest_file(self._read_file(row)), rows, ahead=8))

    def read_exact(self, rows: Sequence[int]) -> list[Pixels | None]:
        """Return the views of the files of images at their full size, (H, W, 3) uint8 each.

        None stands for a file that cannot be read so.

        Raises:
            InputError: A file is gone or has changed.
        """
        found = list(ordered_map(lambda row: decode_exact(self._read_file(row)), rows, ahead=8))
        for row in [row for row, one in zip(rows, found, strict=True) if one is None]:
            if row not in self._lost:
                self._lost.add(row)
                self._on_lost(row)
        return found

    def hash_frames(self, row: int) -> list[int]:
        """Return the perceptual hashes of eight frames of an image's file.

        Raises:
            InputError: It is gone or has changed.
        """
        return list_frame_hashes(self._read_file(row))


def read_place(sources: OpenSources, row: Mapping[str, Any]) -> bytes:
    """Return the bytes of an image, which must be those that were scanned.

    Args:
        sources: Those that were opened.
        row: ``source``, ``path`` and ``hash`` of the image, and where its bytes lie.

    Raises:
        InputError: The image is gone or has changed.
    """
    source, path = sources.find(row["source"]), row["path"]
    name = _show(source, path)
    try:
        raw = source.read(path, make_place(dict(row)))
    except OSError as error:
        raise InputError(f"{name} cannot be read any more: {error.strerror}", hint=_HINT) from None
    if hashlib.sha256(raw).hexdigest() != row["hash"]:
        raise InputError(f"{name} has changed since it was scanned", hint=_HINT)
    return raw


def _show(source: Source, path: str) -> str:
    """Return the whole path or address of an image."""
    return str(source.local_file(path)) if source.root else f"{source.address}/{path}"


def read_unchanged(file: Path, content_hash: str) -> bytes:
    """Return the bytes of a file, which must be those that were scanned.

    Args:
        file: The file.
        content_hash: SHA-256 of the bytes that were scanned, hex.

    Raises:
        InputError: The file is gone or has changed.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read any more: {error.strerror}", hint=_HINT) from None
    if hashlib.sha256(raw).hexdigest() != content_hash:
        raise InputError(f"{file} has changed since it was scanned", hint=_HINT)
    return raw


def decode_exact(raw: bytes) -> Pixels | None:
    """Return the view of a file that could be read before at its full size, (H, W, 3) uint8.

    None where that cannot be read, as where no reader survives it.
    """
    picture = decode(raw, short_side=None, max_pixels=sys.maxsize, is_apart=True)
    return None if isinstance(picture, Unreadable) else picture.pixels


def describe_lost(path: str) -> str:
    """Return what people are told of an image whose file cannot be read at its full size."""
    return f"{path} cannot be read at its full size; it is compared as it was cached"


def list_frame_hashes(raw: bytes) -> list[int]:
    """Return the perceptual hashes of eight frames of a file; none where it cannot be read."""
    hashes = hash_frames(raw, max_pixels=sys.maxsize)
    return [] if isinstance(hashes, Unreadable) else hashes


def digest_file(raw: bytes) -> bytes:
    """Return the digest of the whole picture in a file that could be read before, 32 bytes.

    A picture that only its view can be made of, such as one whose last rows are missing beyond
    doubt, is its bytes.
    """
    digest = digest_picture(raw, max_pixels=sys.maxsize)
    return hashlib.sha256(raw).digest() if isinstance(digest, Unreadable) else digest


def read_inputs(
    manifest: Manifest, other: Manifest | None, workspace: Workspace, progress: Progress
) -> Inputs:
    """Return the readable images of one or two manifests, with what the catalogue knows of them.

    A source that the catalogue does not know whole is scanned; the caller holds the lock.

    Args:
        manifest: Of the images.
        other: Of those that they are compared with, or None.
        workspace: Whose catalogue and pixel cache are used.
        progress: Hears how a scan gets on.

    Raises:
        InputError: A manifest has no readable image, or is older than its images.
    """
    parts = [_read_part(other, workspace, progress)] if other is not None else []
    parts.append(_read_part(manifest, workspace, progress))
    table = pa.concat_tables(parts)
    is_other = np.arange(len(table)) < len(table) - len(parts[-1])
    own = table.filter(pa.array(~is_other)).select(["path", "link_of"])
    own = own.filter(own["link_of"].is_valid())
    links: dict[str, str] = dict(
        zip(own["path"].to_pylist(), own["link_of"].to_pylist(), strict=True)
    )
    is_file = table["link_of"].is_null()
    table, is_other = table.filter(is_file), is_other[is_file.to_numpy()]
    sources, is_shared = OpenSources(), np.zeros(len(table), np.bool_)
    if other is not None:
        table, is_other, is_shared, names = _merge_shared(table, is_other, sources)
        # a name of our file that is itself a name of theirs
        links = {path: names.get(file, file) for path, file in links.items()} | names
    places = table.select(["source", "path", "hash", *_PLACE])
    reader = ImageReader(
        open_pixels(workspace, progress),
        lambda row: read_place(sources, places.slice(row, 1).to_pylist()[0]),
        lambda row: progress.note(describe_lost(places["path"][row].as_py())),
    )
    images = make_images(table, is_other, is_shared)
    return Inputs(images, sources, table["source"], reader, places, links)


def _merge_shared(
    table: pa.Table, is_other: NDArray[np.bool_], sources: OpenSources
) -> tuple[pa.Table, NDArray[np.bool_], NDArray[np.bool_], dict[str, str]]:
    """Return images, whether they are the other's, or of both; and our names of the other's.

    What both list by one name is there once, as ours: it is no copy of itself.
    """
    own, other = table.filter(pa.array(~is_other)), table.filter(pa.array(is_other))
    shared = find_shared(own, other, sources)
    is_shared = np.zeros(len(table), np.bool_)
    is_shared[len(other) + np.array(list(shared.itself), np.int64)] = True
    stays = np.ones(len(table), np.bool_)
    stays[list(shared.itself.values())] = False
    stays[len(other) + np.array(list(shared.names), np.int64)] = False
    names = {
        own["path"][row].as_py(): _show(
            sources.find(other["source"][there].as_py()), other["path"][there].as_py()
        )
        for row, there in shared.names.items()
    }
    return table.filter(pa.array(stays)), is_other[stays], is_shared[stays], names


def _read_part(manifest: Manifest, workspace: Workspace, progress: Progress) -> pa.Table:
    """Return the readable rows of a manifest, by path, with the catalogue's facts.

    Raises:
        InputError: There are none, two have one path, or the manifest is older than its images.
        UsageError: The manifest lacks a column.
    """
    names = ["path", "hash", "bytes", "width", "height", "format", "sharpness"]
    for name in names:
        manifest.check(name, hint=_HINT)
    usable = manifest.rows.read(names).filter(pa.array(is_readable(manifest.rows)))
    if len(usable) == 0:
        raise InputError(
            "the manifest has no readable image",
            hint="scan a folder that has some: `curate dedup IMAGES`",
        )
    if pc.count_distinct(usable["path"]).as_py() < len(usable):
        raise InputError("the manifest has rows of one path", hint=_HINT)
    facts = _read_facts(usable, workspace, manifest.source)
    if facts is None:
        scan(manifest.source, workspace, progress)
        facts = _read_facts(usable, workspace, manifest.source)
    if facts is None:
        raise InputError(
            "images of the manifest have changed or gone since it was written",
            hint="write it again with `curate cluster` or `curate dedup IMAGES`",
        )
    for name in _OF_FILE:
        usable = usable.append_column(name, facts[name])
    usable = usable.append_column("link_of", _list_links(facts))
    return usable.take(pc.sort_indices(usable["path"]))


def _read_facts(usable: pa.Table, workspace: Workspace, source: str) -> pa.Table | None:
    """Return the catalogue's rows for those of a manifest, or None if it does not know them all.

    An image that was over ``--max-pixels`` when it was scanned last is not known.
    """
    catalogue = Catalogue(workspace)
    if not catalogue.is_there():
        return None
    known = catalogue.read(_FACTS, source=source)
    rows = pc.index_in(usable["path"], value_set=known["path"].combine_chunks())
    if rows.null_count:
        return None
    facts = known.take(rows)
    is_ok = pc.all(pc.equal(facts["status"], Status.OK.value)).as_py()
    return facts if is_ok and facts["hash"].equals(usable["hash"]) else None


def _list_links(facts: pa.Table) -> pa.Array:
    """Return the file of which each row is another name, null for the file itself.

    A link whose file is not among the rows stands for it.
    """
    link_of = facts["link_of"]
    is_here = pc.is_in(link_of, value_set=facts["path"].combine_chunks())
    return pc.if_else(is_here, link_of, pa.scalar(None, pa.string()))


def make_images(
    table: pa.Table, is_other: NDArray[np.bool_], is_shared: NDArray[np.bool_]
) -> Images:
    """Return images from a table of their facts.

    Args:
        table: N rows, those of the second manifest first, each part sorted by path.
        is_other: (N,) whether an image is of the second manifest alone.
        is_shared: (N,) whether it is of both.
    """

    def numbers(name: str, dtype: type) -> NDArray[Any]:
        return np.asarray(table[name].to_numpy(), dtype)

    taken = pc.cast(table["taken_at"], pa.int64())
    has_camera = pc.or_(table["taken_at"].is_valid(), table["camera"].is_valid())
    return Images(
        path=TextColumn(table["path"]),
        is_other=is_other,
        is_shared=is_shared,
        content_hash=TextColumn(table["hash"]),
        bytes=numbers("bytes", np.int64),
        width=numbers("width", np.int32),
        height=numbers("height", np.int32),
        format=TextColumn(table["format"]),
        phash=numbers("phash", np.uint64),
        sharpness=numbers("sharpness", np.float32),
        mtime_ns=numbers("mtime_ns", np.int64),
        taken_ms=np.asarray(pc.fill_null(taken, UNKNOWN_TIME).to_numpy(), np.int64),
        has_camera=np.asarray(has_camera.to_numpy(), np.bool_),
        frames=numbers("frames", np.int32),
    )

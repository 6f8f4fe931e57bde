"""Query images: files, folders of files, images of the workspace."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from curate.copies.inputs import decode_exact, digest_file, list_frame_hashes, read_unchanged
from curate.errors import InputError
from curate.images.decode import Decoded, Pixels, Unreadable, decode
from curate.images.perceptual_hash import perceptual_hash
from curate.parallel import ordered_map
from curate.retrieval.catalogue_images import KnownImage
from curate.sources import open_source
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_shards import pack, unpack


@dataclass(frozen=True, kw_only=True, slots=True)
class QuerySource:
    """Where one query image comes from.

    Attributes:
        name: The file, or the path of an image of the workspace.
        image: The image of the workspace; None for a file.
        is_named: Whether it was named itself, not the folder it lies in.
    """

    name: str
    image: KnownImage | None = None
    is_named: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One query image.

    Attributes:
        name: The file, or the path of an image of the workspace.
        image: The image of the workspace, which is not to find itself; None for a file.
        content_hash: SHA-256 of the bytes, hex.
        pixels: (h, w, 3) uint8, upright RGB, as the pixel cache would have it.
        width: px, upright; as of ``pixels`` for an image of the workspace.
        height: px, upright.
        phash: From `curate.images.perceptual_hash.perceptual_hash`.
        frames: Frames of the file.
    """

    name: str
    image: KnownImage | None
    content_hash: str
    pixels: Pixels
    width: int
    height: int
    phash: int
    frames: int

    def digest(self) -> bytes:
        """Return the digest of the whole picture in the file, 32 bytes.

        Raises:
            InputError: It is gone or has changed.
        """
        return digest_file(self._read())

    def read_exact(self) -> Pixels | None:
        """Return the view of the file at its full size, (H, W, 3) uint8, upright RGB, if there is.

        Raises:
            InputError: It is gone or has changed.
        """
        return decode_exact(self._read())

    def hash_frames(self) -> list[int]:
        """Return the perceptual hashes of eight frames of the file.

        Raises:
            InputError: It is gone or has changed.
        """
        return list_frame_hashes(self._read())

    def _read(self) -> bytes:
        return read_unchanged(Path(self.name), self.content_hash)


def list_queries(
    files: Sequence[Path | str], paths: Sequence[str], images: Sequence[KnownImage]
) -> list[QuerySource]:
    """Return where the query images come from; of a folder, all image files below it.

    Args:
        files: Image files and folders of them.
        paths: Paths of images of the workspace.
        images: Which they are.

    Raises:
        InputError: A folder has no image file.
    """
    sources: list[QuerySource] = []
    for file in files:
        if not Path(file).is_dir():
            sources.append(QuerySource(name=str(file)))
            continue
        folder = open_source(file)
        inside = [str(folder.local_file(one.path)) for one in folder.list_files().files]
        sources += [QuerySource(name=name, is_named=False) for name in inside]
    return sources + [
        QuerySource(name=path, image=image) for path, image in zip(paths, images, strict=True)
    ]


def read_queries(
    sources: Sequence[QuerySource], cache: PixelCache
) -> tuple[list[Query], dict[str, str]]:
    """Return query images, and why the others of a folder cannot be read, by name.

    Args:
        sources: Where they come from.
        cache: Pixels of the images of the workspace.

    Raises:
        InputError: An image that was itself named cannot be read.
    """
    queries: list[Query] = []
    reasons: dict[str, str] = {}
    read = ordered_map(lambda source: _read(source, cache), sources)
    for source, query in zip(sources, read, strict=True):
        if isinstance(query, Query):
            queries.append(query)
        elif source.is_named:
            raise InputError(
                f"{source.name} cannot be read: {query.reason}",
                hint="name an image file or a folder",
            )
        else:
            reasons[source.name] = query.reason
    return queries, reasons


def _read(source: QuerySource, cache: PixelCache) -> Query | Unreadable:
    if source.image is not None:
        (pixels,) = cache.read([source.image.content_hash])
        decoded = Decoded(pixels, pixels.shape[1], pixels.shape[0], "")
        return _make_query(source, source.image.content_hash, decoded)
    try:
        raw = Path(source.name).read_bytes()
    except OSError as error:
        return Unreadable(str(error.strerror))
    image = decode(raw)
    if isinstance(image, Unreadable):
        return image
    # as the cache holds the images that it is compared with
    held = replace(image, pixels=unpack(pack(image.pixels)))
    return _make_query(source, hashlib.sha256(raw).hexdigest(), held)


def _make_query(source: QuerySource, content_hash: str, decoded: Decoded) -> Query:
    return Query(
        name=source.name,
        image=source.image,
        content_hash=content_hash,
        pixels=decoded.pixels,
        width=decoded.width,
        height=decoded.height,
        phash=perceptual_hash(decoded.pixels),
        frames=decoded.frames,
    )

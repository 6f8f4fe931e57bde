"""The pictures that are looked for: files, folders of files, images of the workspace."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.errors import InputError
from curate.images.decode import Decoded, Pixels, Unreadable, decode, decode_file
from curate.images.perceptual_hash import perceptual_hash
from curate.parallel import ordered_map
from curate.sources.folder import file_of, list_images
from curate.workspace.pixel_cache import PixelCache


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One picture that is looked for, not read yet.

    Attributes:
        name: The file, or the path of an image of the workspace.
        content: Content hash of the image of the workspace; None for a file.
        is_named: Whether it was named itself, not the folder it lies in.
    """

    name: str
    content: str | None = None
    is_named: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One picture that is looked for.

    Attributes:
        name: As it was asked for.
        is_own: Whether it is an image of the workspace, which is not to find itself.
        content: Content hash.
        pixels: (h, w, 3) uint8, upright RGB, as the pixel cache would have it.
        width: px, upright; as of ``pixels`` for an image of the workspace.
        height: px, upright.
        phash: From `curate.images.perceptual_hash.perceptual_hash`.
    """

    name: str
    is_own: bool
    content: str
    pixels: Pixels
    width: int
    height: int
    phash: int

    def exact(self) -> Pixels:
        """Return every pixel of the file, (H, W, 3) uint8, upright RGB.

        Raises:
            InputError: It is gone or has changed.
        """
        found = decode_file(Path(self.name), short_side=None)
        if isinstance(found, Unreadable):
            raise InputError(
                f"{self.name} cannot be read any more: {found.reason}", hint="search again"
            )
        return found.pixels


def wanted_pictures(
    files: Sequence[Path | str], paths: Sequence[str], contents: Sequence[str]
) -> list[Wanted]:
    """Return the pictures that are asked for; of a folder, all image files below it.

    Args:
        files: Image files and folders of them.
        paths: Paths of images of the workspace.
        contents: Their content hashes.

    Raises:
        InputError: A folder has no image file.
    """
    found: list[Wanted] = []
    for file in files:
        if not Path(file).is_dir():
            found.append(Wanted(name=str(file)))
            continue
        inside = [str(file_of(file, one.path)) for one in list_images(Path(file))]
        found += [Wanted(name=name, is_named=False) for name in inside]
    return found + [
        Wanted(name=path, content=content) for path, content in zip(paths, contents, strict=True)
    ]


def read_pictures(
    wanted: Sequence[Wanted], cache: PixelCache
) -> tuple[list[Picture], dict[str, str]]:
    """Return pictures, and why the others of a folder cannot be read, by name.

    Raises:
        InputError: A picture that was itself named cannot be read.
    """
    pictures: list[Picture] = []
    reasons: dict[str, str] = {}
    for one, read in zip(wanted, ordered_map(lambda one: _read(one, cache), wanted), strict=True):
        if isinstance(read, Picture):
            pictures.append(read)
        elif one.is_named:
            raise InputError(
                f"{one.name} cannot be read: {read.reason}", hint="name an image file or a folder"
            )
        else:
            reasons[one.name] = read.reason
    return pictures, reasons


def _read(one: Wanted, cache: PixelCache) -> Picture | Unreadable:
    if one.content is not None:
        (pixels,) = cache.read([one.content])
        return _picture(one, one.content, Decoded(pixels, pixels.shape[1], pixels.shape[0], ""))
    try:
        raw = Path(one.name).read_bytes()
    except OSError as error:
        return Unreadable(str(error.strerror))
    found = decode(raw)
    if isinstance(found, Unreadable):
        return found
    return _picture(one, hashlib.sha256(raw).hexdigest(), found)


def _picture(one: Wanted, content: str, found: Decoded) -> Picture:
    return Picture(
        name=one.name,
        is_own=one.content is not None,
        content=content,
        pixels=found.pixels,
        width=found.width,
        height=found.height,
        phash=perceptual_hash(found.pixels),
    )

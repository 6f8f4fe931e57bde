"""Compare: are two pictures copies, how do they lie, what conflicts."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from curate.argument_types import check_arguments
from curate.choices import Level
from curate.copies.compare import Comparison, compare_pictures
from curate.copies.config import DedupConfig
from curate.copies.inputs import decode_exact, digest_file, list_frame_hashes
from curate.copies.placement import round_degrees
from curate.copies.records import QueryImage
from curate.errors import InputError, UsageError
from curate.images.contact_sheet import check_sheet, write_sheet
from curate.images.decode import Unreadable, decode
from curate.images.perceptual_hash import perceptual_hash
from curate.workspace.pixel_shards import pack, unpack


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareResult:
    """What two pictures are to each other.

    Attributes:
        first: The one picture.
        second: The other.
        are_copies: Whether they are copies.
        relation: ``bytes``, ``pixels``, ``near``, ``part_of``, ``overlaps``, ``recoloured``,
            ``in_doubt`` or ``scene``; None for nothing.
        probability: Of being copies, in [0, 1], where that is as likely as not beforehand.
        mirrored: Whether the second shows the first mirrored; None if they cannot be aligned, as
            the next four.
        rotation: Degrees that the first is turned clockwise to agree with the second.
        scale: px of the second per px of the first.
        overlap: Share of the smaller that lies on the other, in [0, 1].
        box: Part of the second that the first covers: left, top, right, bottom, shares in [0, 1].
        conflicts: Places in the second where they conflict, as ``box``, largest first.
        out: The picture that shows it, or None.
    """

    first: str
    second: str
    are_copies: bool
    relation: str | None
    probability: float
    mirrored: bool | None
    rotation: float | None
    scale: float | None
    overlap: float | None
    box: list[float] | None
    conflicts: list[list[float]]
    out: str | None


@check_arguments
def compare(
    first: Path | str,
    second: Path | str,
    config: DedupConfig | None = None,
    *,
    out: Path | str | None = None,
) -> CompareResult:
    """Compare two pictures.

    Args:
        first: An image file.
        second: Another one.
        config: What counts as a copy.
        out: Where to draw both, and the one laid on the other; a ``.jpg`` or ``.png`` file.

    Raises:
        InputError: A file cannot be read, or ``out`` is a file that is no sheet of curate's.
        UsageError: ``out`` has another ending, or is one of the two.
        ResourceError: ``out`` cannot be written.
    """
    if out is not None:
        _check_out(Path(out), Path(first), Path(second))
    found = compare_pictures(_read(Path(first)), _read(Path(second)), config or DedupConfig())
    if out is not None:
        write_sheet(Path(out), found.picture)
    return _describe(str(first), str(second), found, out=str(out) if out is not None else None)


def _check_out(out: Path, *pictures: Path) -> None:
    """Check that the drawing may be written, before the work.

    Raises:
        InputError: It would replace what is no sheet of curate's.
        UsageError: It has another ending, or would replace what is compared.
        ResourceError: It cannot be written.
    """
    check_sheet(out)
    if out.resolve() in [picture.resolve() for picture in pictures]:
        raise UsageError(f"{out} is one of the two pictures", hint="name another file with --out")


def _describe(first: str, second: str, found: Comparison, *, out: str | None) -> CompareResult:
    placement = found.placement
    is_placed = len(placement) > 0
    return CompareResult(
        first=first,
        second=second,
        are_copies=found.relation in (Level.BYTES, Level.PIXELS, Level.NEAR),
        relation=found.relation,
        probability=found.probability,
        mirrored=bool(placement.mirrored[0]) if is_placed else None,
        rotation=round_degrees(placement.rotation[0]) if is_placed else None,
        scale=round(float(placement.scale[0]), 4) if is_placed else None,
        overlap=round(float(placement.overlap[0]), 4) if is_placed else None,
        box=[round(float(side), 4) for side in placement.box[0]] if is_placed else None,
        conflicts=[[round(side, 4) for side in box] for box in found.conflicts],
        out=out,
    )


def _read(file: Path) -> QueryImage:
    """Return a picture.

    Raises:
        InputError: It cannot be read.
    """
    hint = "name two image files: `curate compare A.jpg B.jpg`"
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}", hint=hint) from None
    decoded = decode(raw)
    if isinstance(decoded, Unreadable):
        raise InputError(f"{file} cannot be read: {decoded.reason}", hint=hint)
    return QueryImage(
        content_hash=hashlib.sha256(raw).hexdigest(),
        pixels=unpack(pack(decoded.pixels)),  # as a cache has them, which the weights are for
        width=decoded.width,
        height=decoded.height,
        phash=perceptual_hash(decoded.pixels),
        digest=lambda: digest_file(raw),
        read_exact=lambda: decode_exact(raw),
        frames=decoded.frames,
        hash_frames=lambda: list_frame_hashes(raw),
    )

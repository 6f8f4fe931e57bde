"""The report: copies as columns of the manifest, as a table of evidence and as pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.choices import Level
from curate.copies.records import Copies, Images, Pairs, PixelReader
from curate.files import Utf8Name, replacing
from curate.images.contact_sheet import Tile, draw_sheet, write_sheet
from curate.manifest.columns import DEDUP_COLUMNS
from curate.manifest.duplicates import LINK_REASON

GROUPS_A_SHEET = 36
_TILES_A_GROUP = 16
OTHER_HASH = "duplicate_of_hash"
_PAIRS_KEY = b"curate.pairs"


class ComparedImages(Protocol):
    """The images that were compared, as people see them."""

    @property
    def images(self) -> Images:
        """What is known of them."""

    @property
    def reader(self) -> PixelReader:
        """Where their pixels come from."""

    @property
    def links(self) -> Mapping[str, str]:
        """Paths that are other names of one of the files, and that file's path."""

    def shown_path(self, row: int) -> str:
        """Return the path that people see."""


def make_columns(
    compared: ComparedImages,
    copies: Copies,
    paths: pa.ChunkedArray,
    *,
    is_counted: NDArray[np.bool_],
) -> pa.Table:
    """Return the duplicate columns of a manifest.

    Args:
        compared: The images that were compared.
        copies: What was found.
        paths: Paths of the manifest's rows; one that was not compared is not judged.
        is_counted: (N,) images whose match is reported; the others stand alone and stay.
    """
    images = compared.images
    first = int(images.is_other.sum())  # those of the other source come first
    own = images.path.array[first:]
    rows = pc.add(pc.index_in(paths.cast(pa.large_string()), value_set=own), first)
    is_alone = (copies.duplicate_of < 0) | ~is_counted
    kept = pa.array(copies.duplicate_of, mask=is_alone)
    kept_rows, place = np.unique(copies.duplicate_of[~is_alone], return_inverse=True)
    shown = pa.array([compared.shown_path(row) for row in kept_rows.tolist()], pa.string())
    place_of = np.zeros(len(images), np.int64)
    place_of[~is_alone] = place
    group, similarity = copies.group, copies.similarity
    columns = {
        "scene": pa.array(copies.scene, pa.int32(), mask=copies.scene < 0),
        "group": pa.array(group, pa.int32(), mask=(group < 0) | ~is_counted),
        "match": pa.array(copies.match, pa.string()),
        "duplicate_of": shown.take(pa.array(place_of, mask=is_alone)),
        "similarity": pa.array(similarity, pa.float32(), mask=np.isnan(similarity) | ~is_counted),
        "keep": pa.array(copies.keep | ~is_counted),
        "keep_reason": pa.array(copies.reason, pa.string()),
    }
    for name in ("match", "keep_reason"):
        columns[name] = pc.if_else(pa.array(is_counted), columns[name], None)
    by_path = {name: column.take(rows) for name, column in columns.items()}
    table = pa.table([by_path[name] for name in DEDUP_COLUMNS.names], schema=DEDUP_COLUMNS)
    if first:
        hashes = images.content_hash.array.take(kept).take(rows).cast(pa.string())
        table = table.append_column(OTHER_HASH, hashes)
    return _fill_links(table, paths, compared.links) if compared.links else table


def tell_link_hashes(columns: pa.Table, rows: pa.Table) -> pa.Table:
    """Return duplicate columns that tell the content of files elsewhere of which ours are names.

    Args:
        columns: From `make_columns`, `OTHER_HASH` among them.
        rows: ``path`` and ``hash`` of the manifest.
    """
    is_name = pc.fill_null(pc.equal(columns["match"], Level.FILE.value), fill_value=False)
    file = columns["duplicate_of"]
    is_here = pc.is_in(file, value_set=rows["path"].combine_chunks())
    is_elsewhere = pc.and_(pc.and_(is_name, file.is_valid()), pc.invert(is_here))
    told = pc.if_else(is_elsewhere, rows["hash"], columns[OTHER_HASH])
    return columns.set_column(columns.schema.get_field_index(OTHER_HASH), OTHER_HASH, told)


def _fill_links(table: pa.Table, paths: pa.ChunkedArray, links: Mapping[str, str]) -> pa.Table:
    """Return duplicate columns in which the other names of a file stand behind it.

    Where the file goes itself, they are tied to what stays, and as it is.

    Args:
        table: The duplicate columns.
        paths: Paths of the rows.
        links: Paths that are other names, and the file's path.
    """
    names = pa.array(list(links), pa.string())
    targets = pa.array(list(links.values()), pa.string())
    which = pc.index_in(paths, value_set=names)
    is_link = which.is_valid()
    target = targets.take(which)
    row_of_target = pc.index_in(target, value_set=paths.combine_chunks())
    scene, group = (_number_linked(table[name], paths, targets) for name in ("scene", "group"))
    of_file = table.take(row_of_target)
    goes = pc.and_(pc.invert(of_file["keep"]), of_file["duplicate_of"].is_valid())
    goes = pc.and_(is_link, pc.fill_null(goes, fill_value=False))
    as_name = {
        "match": Level.FILE.value,
        "duplicate_of": target,
        "similarity": pa.scalar(1.0, pa.float32()),
        OTHER_HASH: pa.scalar(None, pa.string()),
    }
    tied = {
        name: pc.if_else(goes, of_file[name], pc.if_else(is_link, value, table[name]))
        for name, value in as_name.items()
        if name in table.column_names
    }
    filled = tied | {
        "scene": pc.if_else(is_link, scene.take(row_of_target), scene),
        "group": pc.if_else(is_link, group.take(row_of_target), group),
        "keep": pc.if_else(is_link, pa.scalar(value=False), table["keep"]),
        "keep_reason": pc.if_else(is_link, LINK_REASON, table["keep_reason"]),
    }
    return pa.table([filled[name] for name in table.schema.names], schema=table.schema)


def _number_linked(
    group: pa.ChunkedArray, paths: pa.ChunkedArray, targets: pa.Array
) -> pa.ChunkedArray:
    """Return groups, or scenes, in which files that stood alone but have other names are, too."""
    is_target = pc.is_in(paths, value_set=targets)
    is_new = pc.and_(is_target, group.is_null()).to_numpy()
    first = (pc.max(group).as_py() if group.null_count < len(group) else -1) + 1
    numbers = pa.array(first + np.cumsum(is_new) - 1, pa.int32(), mask=~is_new)
    return pc.coalesce(group, pa.chunked_array([numbers]))


def make_pair_table(compared: ComparedImages, pairs: Pairs) -> pa.Table:
    """Return the evidence of accepted pairs, a row each."""
    box = np.ascontiguousarray(pairs.box, np.float32).reshape(-1)
    return pa.table(
        {
            "path": pa.array([compared.shown_path(row) for row in pairs.a], pa.string()),
            "other_path": pa.array([compared.shown_path(row) for row in pairs.b], pa.string()),
            "match": pa.array(pairs.match, pa.string()),
            "similarity": pairs.similarity,
            "mirrored": pairs.mirrored,
            "rotation": pairs.rotation,
            "scale": pairs.scale,
            "box": pa.FixedSizeListArray.from_arrays(pa.array(box), 4),
            "overlap": pairs.overlap,
            "inliers": pairs.inliers,
            "tile_agreement": pairs.tile_agreement,
        }
    ).replace_schema_metadata({_PAIRS_KEY: b"1"})


def make_miss_table(images: Images, misses: Pairs) -> pa.Table:
    """Return pairs of no common group by their contents and probability, a row each."""
    hashes = images.content_hash
    return pa.table(
        {
            "hash": hashes.take(misses.a).array.cast(pa.string()),
            "other_hash": hashes.take(misses.b).array.cast(pa.string()),
            "similarity": misses.similarity,
        }
    )


def write_pair_table(path: Path, table: pa.Table) -> None:
    """Write the evidence of accepted pairs, a Parquet file.

    Args:
        path: The file.
        table: From `make_pair_table`.

    Raises:
        ResourceError: The file cannot be written.
    """
    with replacing(path) as scratch:
        name = Utf8Name(scratch)
        pq.write_table(table, str(name), compression="zstd")


def is_pair_table(path: Path) -> bool:
    """Return whether a file is a table of evidence that curate wrote, or an empty .parquet file."""
    if path.stat().st_size == 0:
        return path.suffix.lower() == ".parquet"
    name = Utf8Name(path)
    try:
        return _PAIRS_KEY in (pq.read_schema(str(name)).metadata or {})
    except (pa.ArrowException, OSError):
        return False


def write_sheets(
    folder: Path,
    compared: ComparedImages,
    copies: Copies,
    *,
    is_counted: NDArray[np.bool_],
    most_groups: int,
) -> int:
    """Draw the duplicate groups, the kept image first, and return how many were drawn.

    Below each image stand its path, its size and what ties it to the kept one; the orange box on
    it is the part that the kept image covers.

    Args:
        folder: Where ``groups-001.jpg`` and so on go.
        compared: The images that were compared.
        copies: What was found.
        is_counted: (N,) images whose group is drawn, whether one of it goes or all stay.
        most_groups: Groups drawn at most, in the order of their numbers.

    Raises:
        ResourceError: A picture cannot be written.
    """
    numbers = np.unique(copies.group[is_counted & (copies.group >= 0)])[:most_groups]
    boxes = _list_boxes(copies.pairs)
    for start in range(0, len(numbers), GROUPS_A_SHEET):
        rows = [
            _make_tiles(compared, copies, np.flatnonzero(copies.group == number), boxes)
            for number in numbers[start : start + GROUPS_A_SHEET]
        ]
        path = folder / f"groups-{start // GROUPS_A_SHEET + 1:03d}.jpg"
        write_sheet(path, draw_sheet(rows))
    return len(numbers)


def _list_boxes(pairs: Pairs) -> dict[tuple[int, int], Sequence[float]]:
    """Return for (a, b) the part of b that a covers, where it is not all of it."""
    keys = zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)
    return {
        key: box.tolist()
        for key, box in zip(keys, pairs.box, strict=True)
        if (box[2] - box[0]) * (box[3] - box[1]) < 0.95
    }


def _make_tiles(
    compared: ComparedImages,
    copies: Copies,
    members: NDArray[np.int64],
    boxes: dict[tuple[int, int], Sequence[float]],
) -> list[Tile]:
    images = compared.images
    order = sorted(members.tolist(), key=lambda row: (not copies.keep[row], row))[:_TILES_A_GROUP]
    pixels = compared.reader.read([images.content_hash[row] for row in order])
    tiles = []
    for row, image in zip(order, pixels, strict=True):
        size = f"{images.width[row]}x{images.height[row]}"
        tiles.append(
            Tile(
                image,
                (compared.shown_path(row), f"{_describe_tie(copies, row)}  {size}"),
                is_marked=bool(copies.keep[row]),
                box=boxes.get((int(copies.duplicate_of[row]), row)),
            )
        )
    return tiles


def _describe_tie(copies: Copies, row: int) -> str:
    """Return what ties an image to the one that stays for it, or why there is none."""
    if copies.keep[row]:
        return "kept"
    if copies.duplicate_of[row] < 0:
        return str(copies.reason[row])
    return f"{copies.match[row]} {copies.similarity[row]:.3f}"

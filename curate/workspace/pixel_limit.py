"""The limit of pixels, for images that are known already: it holds as for those that are read."""

import pyarrow as pa
import pyarrow.compute as pc

from curate.choices import Status
from curate.images.decode import max_bytes
from curate.images.picture import Wish
from curate.workspace.pixel_shards import FACTS

_OLD_LIMIT = r"--max-pixels [\d,]+$"


def hide_large_files(hashes: pa.Array, n_bytes: pa.ChunkedArray, *, max_pixels: int) -> pa.Array:
    """Return the content hash of each file, null where the limit forbids that it is read.

    Args:
        hashes: Those known.
        n_bytes: Sizes of the files.
        max_pixels: Pixels of a picture at most.
    """
    is_large = pc.greater(n_bytes, max_bytes(max_pixels)).combine_chunks()
    return pc.if_else(is_large, pa.scalar(None, pa.string()), hashes)


def explain_large_file(n_bytes: int, *, max_pixels: int) -> str | None:
    """Return why a file is not read for its size, or None if it may be."""
    if n_bytes <= max_bytes(max_pixels):
        return None
    return f"{n_bytes:,} bytes are more than a picture of --max-pixels {max_pixels:,} takes"


def apply_limit(facts: pa.Table, *, max_pixels: int) -> pa.Table:
    """Return facts as they would be had the images been decoded under a limit.

    Those that have more pixels are unreadable; those that had too many for an earlier limit tell of
    this one.

    Args:
        facts: Columns of `FACTS`.
        max_pixels: Pixels of a picture at most.
    """
    sides = [pc.cast(facts[name], pa.int64()) for name in ("width", "height")]
    is_over = pc.fill_null(pc.greater(pc.multiply(*sides), max_pixels), fill_value=False)
    over = facts.filter(is_over).select(["width", "height"]).to_pylist()
    refusals = [Wish(max_pixels=max_pixels).refuse(**size) for size in over]
    columns = {
        name: facts[name] if name == "hash" else pc.if_else(is_over, None, facts[name])
        for name in FACTS.names
    }
    was_over = pc.fill_null(pc.starts_with(facts["needs"], "pixels "), fill_value=False)
    limit = f"--max-pixels {max_pixels:,}"
    told = pc.replace_substring_regex(columns["reason"], pattern=_OLD_LIMIT, replacement=limit)
    columns["reason"] = pc.if_else(was_over, told, columns["reason"])
    columns["status"] = pc.if_else(is_over, Status.UNREADABLE.value, facts["status"])
    for name in ("reason", "needs"):
        texts = pa.array([getattr(one, name) for one in refusals], pa.string())
        column, mask = columns[name].combine_chunks(), is_over.combine_chunks()
        columns[name] = pc.replace_with_mask(column, mask, texts)
    return pa.table(columns, schema=FACTS)

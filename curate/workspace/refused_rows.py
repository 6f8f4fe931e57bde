"""Rows of refused images: like those of files that cannot be read, in catalogue and manifest."""

import pyarrow as pa
import pyarrow.compute as pc

from curate.choices import Status
from curate.workspace.pixel_shards import FACTS

REFUSED = pa.schema([pa.field("hash", pa.string()), pa.field("reason", pa.string())])
"""Content hashes of refused images, and why."""
_OF_PICTURE = {*FACTS.names, "issues"} - {"hash"}


def list_marked_columns(schema: pa.Schema) -> list[str]:
    """Return the columns of a table of images that say what the picture is."""
    return [name for name in schema.names if name in _OF_PICTURE]


def mark_refused(rows: pa.Table, refusals: pa.Table) -> pa.Table:
    """Return rows in which the refused images are unreadable, with the reason.

    Args:
        rows: With a column ``hash``, and of ``FACTS`` and those of a manifest what there is.
        refusals: Columns of ``REFUSED``, each content once.
    """
    places = pc.index_in(
        rows["hash"].cast(pa.string()), value_set=refusals["hash"].combine_chunks()
    )
    is_refused = pc.is_valid(places)
    if not pc.any(is_refused, min_count=0).as_py():
        return rows
    said = {"status": Status.UNREADABLE.value, "reason": refusals["reason"].take(places)}
    for name in list_marked_columns(rows.schema):
        field = rows.schema.field(name)
        value = said.get(name, pa.scalar(None, field.type))
        column = pc.if_else(is_refused, value, rows[name]).cast(field.type)
        rows = rows.set_column(rows.schema.get_field_index(name), field, column)
    return rows

"""Which content is known to be a copy of other content, by the groups of a manifest."""

import pyarrow as pa
import pyarrow.compute as pc

from curate.manifest.rows import Rows


def add_known_copies(hashes: pa.Array, rows: Rows) -> pa.Array:
    """Return content hashes with those of the images that are grouped with one of them as copies.

    Args:
        hashes: Content hashes, hex.
        rows: Of a manifest; without duplicate groups it adds nothing.
    """
    if "group" not in rows.schema.names:
        return hashes
    table = rows.read(["hash", "group"])
    is_known = pc.is_in(table["hash"], value_set=hashes)
    groups = pc.unique(table["group"].filter(is_known).drop_null())
    copies = table["hash"].filter(pc.is_in(table["group"], value_set=groups)).drop_null()
    return pa.concat_arrays([hashes, copies.combine_chunks().cast(hashes.type)])

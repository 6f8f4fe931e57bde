"""What the last scan of a source found, for sources that are not listed without being read."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from curate.sources import FILE_SCHEMA, SourceFile, make_file


class KnownFiles:
    """Files of a source by path and by container."""

    def __init__(self, table: pa.Table, usable: pa.Array) -> None:
        """Hold what was found.

        Args:
            table: From `curate.workspace.catalogue.Catalogue.read_files`.
            usable: Content hashes whose facts and pixels are there.
        """
        self._table = table
        self._is_usable = pc.is_in(table["hash"], value_set=usable)

    def of_container(self, name: str, version: str | None) -> pa.Table | None:
        """Return the files of a container, `FILE_SCHEMA`; None if they have to be listed.

        Args:
            name: Its path below the source.
            version: What tells that it is the same; None where nothing does.
        """
        if version is None:
            return None
        rows = self._table.filter(pc.equal(self._table["container"], name))
        is_same = pc.fill_null(pc.equal(rows["version"], version), fill_value=False)
        if len(rows) == 0 or not pc.all(is_same).as_py():
            return None
        return rows.select(FILE_SCHEMA.names)

    def find(self, paths: Sequence[str]) -> Sequence[SourceFile | None]:
        """Return what was read under each path and need not be read again, or None."""
        known = self._table.filter(self._is_usable)
        rows = pc.index_in(
            pa.array(list(paths), pa.string()), value_set=known["path"].combine_chunks()
        )
        found = known.select(FILE_SCHEMA.names).take(rows).to_pylist()
        return [make_file(row) if row["path"] is not None else None for row in found]

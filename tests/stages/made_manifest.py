"""Manifests made of paths and contents, for tests of stages that work on manifests alone."""

import pyarrow as pa

from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest, write_manifest
from curate.manifest.rows import HeldRows


def write_made_manifest(path, contents, **columns):
    """Write a manifest from a mapping of path to hash."""
    rows = [
        dict.fromkeys(SCAN_COLUMNS.names) | {"path": p, "hash": h, "status": "ok"}
        for p, h in contents.items()
    ]
    table = pa.Table.from_pylist(rows, schema=SCAN_COLUMNS)
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    write_manifest(Manifest(rows=HeldRows(table), source="/images"), path)
    return path

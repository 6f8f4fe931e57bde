"""The columns of the manifest as Arrow schemas, by the stage that fills them."""

import re

import pyarrow as pa

from curate.manifest.contract import COLUMNS, Column, filled_by

STRING_LIST = pa.list_(pa.field("element", pa.string()))
"""A list of strings, with the name that Parquet gives its elements."""


_LIST_OF = "list of "


def arrow_type(column: Column) -> pa.DataType:
    """Return the Arrow type of a column of the contract."""
    name = column.type.removeprefix(_LIST_OF)
    kind = pa.type_for_alias(name)
    return pa.list_(pa.field("element", kind)) if name != column.type else kind


def _schema(stage: str) -> pa.Schema:
    """Return the columns that a stage always fills."""
    return pa.schema(
        pa.field(column.name, arrow_type(column), nullable=column.is_nullable)
        for column in filled_by(stage)
        if not column.is_optional
    )


SCAN_COLUMNS = _schema("scan")
CLUSTER_COLUMNS = _schema("cluster")
DEDUP_COLUMNS = _schema("dedup")
SAMPLE_COLUMNS = _schema("sample")
SPLIT_COLUMNS = _schema("split")

_TYPES = {column.name: arrow_type(column) for column in COLUMNS}
_NUMBERED = re.compile(r"(\w+)_\d+")


def known_type(name: str) -> pa.DataType | None:
    """Return the type of a column of the contract, such as ``cluster_12``; None for any other."""
    numbered = _NUMBERED.fullmatch(name)
    return _TYPES.get(f"{numbered[1]}_N" if numbered else name)

"""The columns of the manifest, a contract: names, types, who fills them, what they mean."""

import pyarrow as pa

from curate.manifest.csv import TEXTS

SCAN_COLUMNS = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("hash", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("format", pa.string()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("label", pa.string()),
        pa.field("sharpness", pa.float32()),
        pa.field("brightness", pa.float32()),
        pa.field("contrast", pa.float32()),
        pa.field("entropy", pa.float32()),
        pa.field("issues", TEXTS),
    ]
)


CLUSTER_COLUMNS = pa.schema(
    [
        pa.field("cluster", pa.int32()),
        pa.field("cluster_similarity", pa.float32()),
        pa.field("cluster_margin", pa.float32()),
        pa.field("outlier", pa.float32()),
        pa.field("isolation", pa.float32()),
        pa.field("medoid", pa.bool_()),
    ]
)


DEDUP_COLUMNS = pa.schema(
    [
        pa.field("group", pa.int32()),
        pa.field("match", pa.string()),
        pa.field("duplicate_of", pa.string()),
        pa.field("similarity", pa.float32()),
        pa.field("keep", pa.bool_()),
        pa.field("keep_reason", pa.string()),
    ]
)


SAMPLE_COLUMNS = pa.schema([pa.field("selected", pa.bool_()), pa.field("weight", pa.float32())])


SPLIT_COLUMNS = pa.schema([pa.field("split", pa.string())])


KNOWN_TYPES = {
    field.name: field.type
    for schema in (SCAN_COLUMNS, CLUSTER_COLUMNS, DEDUP_COLUMNS, SAMPLE_COLUMNS, SPLIT_COLUMNS)
    for field in schema
}
"""Type of every column of the contract, by name."""

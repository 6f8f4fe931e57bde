"""Manifests as nobody should write them: each kind is made from a good one."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def _with(table, name, values, kind=None):
    column = pa.array(values, kind)
    place = table.schema.get_field_index(name)
    if place < 0:
        return table.append_column(name, column)
    return table.set_column(place, pa.field(name, column.type), column)


def _footer(table, content):
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return table.replace_schema_metadata({b"curate": raw})


def _facts(table, **changes):
    return _footer(table, json.loads(table.schema.metadata[b"curate"]) | changes)


def _path(table, path):
    return _with(table, "path", [path, *table["path"].to_pylist()[1:]])


def _cast(table, name, kind):
    return _with(table, name, table[name].cast(kind))


def _not_utf8(table):
    raw = pa.array([b"caf\xe9.png"] * len(table), pa.binary())
    return _with(table, "path", pa.StringArray.from_buffers(len(raw), *raw.buffers()[1:]))


def _repeat(table, times):
    return pa.concat_tables([table] * times)


TABLES = {
    "numbers for paths": lambda t: _with(t, "path", range(len(t))),
    "numbers for hashes": lambda t: _with(t, "hash", range(len(t))),
    "lists for the status": lambda t: _with(t, "status", [["ok"]] * len(t)),
    "records for the label": lambda t: _with(t, "label", [{"a": 1}] * len(t)),
    "text for keep": lambda t: _with(t, "keep", ["perhaps"] * len(t)),
    "text for clusters": lambda t: _with(t, "cluster", ["seven"] * len(t)),
    "records for clusters": lambda t: _with(t, "cluster", [{"a": 1}] * len(t)),
    "halves for clusters": lambda t: _with(t, "cluster", [0.5] * len(t)),
    "huge clusters": lambda t: _with(t, "cluster", [2**31 - 1] * len(t), pa.int32()),
    "clusters beyond int32": lambda t: _with(t, "cluster", [2**62] * len(t)),
    "negative clusters": lambda t: _with(t, "cluster", [-5] * len(t), pa.int32()),
    "negative groups": lambda t: _with(t, "group", [-1] * len(t), pa.int32()),
    "huge sizes": lambda t: _with(t, "bytes", [2**63 - 1] * len(t)),
    "negative sizes": lambda t: _with(
        _with(t, "bytes", [-7] * len(t)), "width", [-1] * len(t), pa.int32()
    ),
    "no width": lambda t: _with(t, "width", [0] * len(t), pa.int32()),
    "nan everywhere": lambda t: _with(
        _with(t, "cluster_similarity", [np.nan] * len(t), pa.float32()),
        "sharpness", [np.nan] * len(t), pa.float32(),
    ),
    "infinite weights": lambda t: _with(t, "weight", [np.inf] * len(t), pa.float32()),
    "one path for all": lambda t: _with(t, "path", ["red/000.png"] * len(t)),
    "every row twice": lambda t: _repeat(t, 2),
    "a path that leaves": lambda t: _path(t, "../../etc/passwd"),
    "an absolute path": lambda t: _path(t, "/etc/passwd"),
    "a zero byte in a path": lambda t: _path(t, "a\0b.png"),
    "an escaped zero byte": lambda t: _path(t, "a%00b.png"),
    "an empty path": lambda t: _path(t, ""),
    "a path of dots": lambda t: _path(t, "./././."),
    "a path of a megabyte": lambda t: _path(t, "x/" * 500_000),
    "a path that is a folder": lambda t: _path(t, "red"),
    "control characters in a path": lambda t: _path(t, "\x1b[2J\n\r\u202e.png"),
    "no paths": lambda t: _with(t, "path", [None] * len(t), pa.string()),
    "one path missing": lambda t: _path(t, None),
    "no hashes": lambda t: _with(t, "hash", [None] * len(t), pa.string()),
    "hashes that are none": lambda t: _with(t, "hash", ["../../x"] * len(t)),
    "no status": lambda t: _with(t, "status", [None] * len(t), pa.string()),
    "a status of its own": lambda t: _with(t, "status", ["fine"] * len(t)),
    "text that is not UTF-8": _not_utf8,
    "ten thousand columns": lambda t: pa.table(
        {name: t[name] for name in t.column_names}
        | {f"more_{n}": pa.nulls(len(t), pa.int8()) for n in range(10_000)}
    ).replace_schema_metadata(t.schema.metadata),
    "a column twice": lambda t: t.append_column("path", t["path"]),
    "columns that differ in case": lambda t: t.append_column("PATH", t["path"]).append_column(
        "_row", t["path"]
    ),
    "a column without a name": lambda t: t.append_column("", t["path"]),
    "a column named like SQL": lambda t: t.append_column('a"; drop table manifest; --', t["path"]),
    "nested types": lambda t: _with(t, "mine", [[{"a": [[1]]}]] * len(t)),
    "maps": lambda t: _with(t, "mine", [[("a", 1)]] * len(t), pa.map_(pa.string(), pa.int64())),
    "dictionaries": lambda t: _with(
        _with(t, "path", t["path"].combine_chunks().dictionary_encode()),
        "label", t["label"].combine_chunks().dictionary_encode(),
    ),
    "large strings": lambda t: _cast(
        _cast(t, "path", pa.large_string()), "hash", pa.large_string()
    ),
    "bytes for paths": lambda t: _cast(t, "path", pa.binary()),
    "wide numbers": lambda t: _cast(_cast(t, "cluster", pa.int64()), "width", pa.float64()),
    "columns of nulls": lambda t: _with(
        _with(t, "keep", pa.nulls(len(t))), "group", pa.nulls(len(t))
    ),
    "no rows": lambda t: t.slice(0, 0),
    "one row": lambda t: t.slice(3, 1),
    "only what must be there": lambda t: t.select(["path", "hash", "status"]),
    "no path column": lambda t: t.drop_columns(["path"]),
    "no footer": lambda t: t.replace_schema_metadata(None),
    "a footer that is no JSON": lambda t: _footer(t, b"{'source'"),
    "a footer that is not UTF-8": lambda t: _footer(t, b"\xff\xfe{}"),
    "a footer that is a list": lambda t: _footer(t, ["source"]),
    "a footer of deep nesting": lambda t: _footer(t, b"[" * 100_000),
    "a source that is a number": lambda t: _facts(t, source=7),
    "a source that is empty": lambda t: _facts(t, source=""),
    "a source that is not there": lambda t: _facts(t, source="/nowhere/at/all"),
    "a source that is a device": lambda t: _facts(t, source="/dev/null"),
    "a source with a zero byte": lambda t: _facts(t, source="a\0b"),
    "a model that is a number": lambda t: _facts(t, model=3),
    "a model that leaves": lambda t: _facts(t, model="../../../etc@0123456789abcdef"),
    "stages that are text": lambda t: _facts(t, stages="all"),
    "another Parquet file": lambda _: pa.table({"a": [1, 2], "b": ["x", "y"]}),
    "a cell of 8 MB": lambda t: _with(t, "mine", ["x" * (8 << 20)] + [""] * (len(t) - 1)),
    "one long text in every row": lambda t: _with(t, "mine", ["x" * (1 << 18)] * len(t)),
    "a hundred thousand rows of one": lambda t: pa.table(
        {
            name: pa.DictionaryArray.from_arrays(
                pa.array(np.zeros(100_000, np.int32)), t[name].slice(0, 1).combine_chunks()
            )
            for name in ("path", "hash", "status")
        }
    ).replace_schema_metadata(t.schema.metadata),
}  # fmt: skip
"""Tables that are written as Parquet, by kind."""


def _flip(raw, step):
    damaged = bytearray(raw)
    for place in range(step, len(raw), step):
        damaged[place] ^= 0xFF
    return bytes(damaged)


FILES = {
    "nothing": lambda _: b"",
    "text": lambda _: b"no manifest",
    "half of the file": lambda raw: raw[: len(raw) // 2],
    "without its end": lambda raw: raw[:-1],
    "without its start": lambda raw: raw[100:],
    "only the magic": lambda _: b"PAR1PAR1",
    "a footer of four gigabytes": lambda raw: raw[:-8] + b"\xff\xff\xff\xffPAR1",
    "damaged in the middle": lambda raw: _flip(raw, len(raw) // 3),
    "damaged everywhere": lambda raw: _flip(raw, 97),
    "a picture": lambda _: b"\xff\xd8\xff\xe0" + bytes(100),
}
"""Files made of the bytes of a good manifest, by kind."""


def write_hostile(kind, good, path):
    """Write a manifest of a kind, made from the good one at ``good``."""
    if kind in FILES:
        path.write_bytes(FILES[kind](good.read_bytes()))
    else:
        pq.write_table(TABLES[kind](pq.read_table(good)), path)

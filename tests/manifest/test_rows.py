import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.manifest.parquet import ParquetRows
from curate.manifest.rows import READ_PARAMS, FilledRows, HeldRows, ReadParams, TakenRows

N = 100


def table():
    return pa.table(
        {
            "path": [f"{row:03d}" for row in range(N)],
            "number": pa.array(range(N), pa.int32()),
            "texts": [["a"] * (row % 3) if row % 5 else None for row in range(N)],
            "kind": pa.array([f"k{row % 4}" for row in range(N)]).dictionary_encode(),
        }
    ).replace_schema_metadata({b"theirs": b"1"})


def opened(path, params=READ_PARAMS):
    return ParquetRows(path, problem="cannot be read", hint="", params=params)


def kinds_of_rows(folder, params=READ_PARAMS):
    """Return rows of every kind, and the table that each should be."""
    pq.write_table(table(), folder / "t.parquet", row_group_size=13)
    file = opened(folder / "t.parquet", params)
    numbers = np.random.default_rng(0).integers(-1, N, 150)
    taken = table().take(pa.array(numbers, pa.int64(), mask=numbers < 0))
    filling = pa.table({"number": [f"n{row}" for row in range(N)], "mine": np.arange(N) / 2})
    filled = table().set_column(1, "number", filling["number"])
    return [
        (HeldRows(table(), params), table()),
        (file, table()),
        (TakenRows(file, list(file.schema), numbers, params), taken),
        (
            FilledRows(file, HeldRows(filling, params)),
            filled.append_column("mine", filling["mine"]),
        ),
    ]


@pytest.mark.parametrize("batch_rows", [1, 7, 64, 1000])
def test_rows_of_every_kind_are_read_whole_in_part_and_in_any_order(tmp_path, batch_rows):
    params = ReadParams(batch_rows=batch_rows, block_rows=3 * batch_rows)
    wanted = np.array([50, -1, 3, 3, 99, 0])
    nulls = pa.array(wanted, pa.int64(), mask=wanted < 0)
    for rows, expected in kinds_of_rows(tmp_path, params):
        assert len(rows) == len(expected)
        assert rows.read().to_pydict() == expected.to_pydict()
        assert [f.type for f in rows.schema] == [f.type for f in expected.schema]
        names = ["texts", "path"]
        assert rows.take(names, wanted).equals(expected.select(names).take(nulls))
        assert rows.dataset().to_table(columns=["path"])["path"].equals(expected["path"])
        for first, end in ((0, 0), (5, 6), (12, 14), (13, 26), (20, 91), (99, 100), (40, None)):
            parts = pa.Table.from_batches(
                rows.batches(["number"], first=first, end=end),
                pa.schema([expected.schema.field("number")]),
            )
            stop = len(expected) if end is None else end
            assert parts["number"].to_pylist() == expected["number"].to_pylist()[first:stop]


def test_a_batch_has_no_more_rows_than_it_may(tmp_path):
    for rows, _ in kinds_of_rows(tmp_path, ReadParams(batch_rows=7, block_rows=20)):
        assert max(len(batch) for batch in rows.batches(["path"])) == 7


def test_rows_that_are_filled_keep_the_order_of_their_columns_and_the_metadata(tmp_path):
    rows, expected = kinds_of_rows(tmp_path)[-1]
    assert rows.schema.names == expected.column_names == ["path", "number", "texts", "kind", "mine"]
    assert rows.schema.metadata == {b"theirs": b"1"}


def test_columns_that_are_filled_are_not_read_from_the_rows(tmp_path):
    class Refusing(HeldRows):
        def batches(self, names, *, first=0, end=None):
            assert "number" not in names
            return super().batches(names, first=first, end=end)

    filled = FilledRows(Refusing(table()), HeldRows(pa.table({"number": np.zeros(N)})))
    assert filled.read(["number", "path"]).column_names == ["number", "path"]
    assert set(filled.read(["number"])["number"].to_pylist()) == {0}


def test_no_rows_are_rows_too(tmp_path):
    pq.write_table(table().slice(0, 0), tmp_path / "t.parquet")
    rows = opened(tmp_path / "t.parquet")
    assert len(rows) == len(rows.read()) == 0
    assert rows.take(["path"], np.array([-1]))["path"].to_pylist() == [None]

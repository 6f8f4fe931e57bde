import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import InputError
from curate.manifest.parquet import ParquetRows, WriteParams, write_parquet
from curate.manifest.rows import FilledRows, HeldRows, ReadParams


def opened(path, batch_rows=10_000):
    params = ReadParams(batch_rows=batch_rows)
    return ParquetRows(path, problem="is not ours", hint="name another", params=params)


def theirs(n_rows=1000):
    """A table with columns and facts of somebody else."""
    vectors = pa.array(np.zeros((n_rows, 4), np.float32).tolist(), pa.list_(pa.float32(), 4))
    fields = [
        pa.field("path", pa.string(), nullable=False),
        pa.field("vector", vectors.type, metadata={"unit": "none"}),
        pa.field("kind", pa.dictionary(pa.int32(), pa.string())),
        pa.field("split", pa.string()),
        pa.field("when", pa.timestamp("us", "UTC")),
    ]
    columns = [
        pa.array([f"{row:06d}" for row in range(n_rows)]),
        vectors,
        pa.array([f"k{row % 3}" for row in range(n_rows)]).dictionary_encode(),
        pa.array(["old"] * n_rows),
        pa.array(range(n_rows), pa.timestamp("us", "UTC")),
    ]
    return pa.table(columns, pa.schema(fields, metadata={b"theirs": b"1"}))


def groups_of(path):
    facts = pq.read_metadata(path)
    return [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]


def fill_in_place(path, *, batch_rows=10_000, group_rows=10_000):
    """Fill a column of a file from itself."""
    rows = opened(path, batch_rows)
    table = pa.table({"split": [f"s{row % 7}" for row in range(len(rows))]})
    column = HeldRows(table, ReadParams(batch_rows=batch_rows))
    metadata = {b"theirs": b"1", b"curate": b"{}"}
    write_parquet(FilledRows(rows, column), path, metadata, WriteParams(group_rows=group_rows))


def test_a_column_filled_in_place_leaves_the_others_as_they_were(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(theirs(), path, row_group_size=77)
    before = pq.read_table(path)
    fill_in_place(path, group_rows=300)
    after = pq.read_table(path)
    assert after.schema.metadata == {b"theirs": b"1", b"curate": b"{}"}
    assert after.column_names == before.column_names
    for name in ("path", "vector", "kind", "when"):
        assert after[name].to_pylist() == before[name].to_pylist()
        assert after.schema.field(name).equals(before.schema.field(name), check_metadata=True)
    assert after["split"].to_pylist()[:8] == ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s0"]
    assert groups_of(path) == [300, 300, 300, 100]
    assert [file.name for file in tmp_path.iterdir()] == ["t.parquet"]


def test_neither_batches_nor_old_row_groups_change_a_byte(tmp_path):
    written = set()
    for batch, group in ((32, 50), (10_000, 50), (7, 1000), (999, 333)):
        pq.write_table(theirs(), tmp_path / "t.parquet", row_group_size=group)
        fill_in_place(tmp_path / "t.parquet", batch_rows=batch, group_rows=400)
        written.add((tmp_path / "t.parquet").read_bytes())
    assert len(written) == 1


def test_wide_rows_make_row_groups_of_fewer(tmp_path):
    rows = HeldRows(theirs(), ReadParams(batch_rows=100))
    write_parquet(rows, tmp_path / "t.parquet", {}, WriteParams(group_bytes=10_000))
    assert max(groups_of(tmp_path / "t.parquet")) <= 300
    assert pq.read_table(tmp_path / "t.parquet").equals(theirs())


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    write_parquet(HeldRows(theirs(0)), tmp_path / "t.parquet", {})
    assert pq.read_table(tmp_path / "t.parquet").schema.equals(theirs(0).schema)


def test_a_file_that_is_replaced_while_it_is_read_is_read_as_it_was(tmp_path):
    pq.write_table(theirs(), tmp_path / "t.parquet")
    rows = opened(tmp_path / "t.parquet")
    write_parquet(HeldRows(theirs(3)), tmp_path / "t.parquet", {})
    assert rows.read(["path"])["path"].to_pylist() == theirs()["path"].to_pylist()


def test_what_cannot_be_read_is_said_so_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_text("nothing")
    with pytest.raises(InputError, match="is not ours"):
        opened(path)
    pq.write_table(theirs(), path, compression="zstd")
    broken = bytearray(path.read_bytes())
    broken[4:200] = bytes(196)
    path.write_bytes(broken)
    with pytest.raises(InputError, match="is not ours") as caught:
        fill_in_place(path)
    assert caught.value.hint == "name another"
    assert path.read_bytes() == broken
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kind", [pa.string_view(), pa.binary_view()], ids=str)
def test_views_are_read_as_plain_values(tmp_path, kind):
    values = ["b", "a", None, "b"] if kind == pa.string_view() else [b"b", b"a", None, b"b"]
    pq.write_table(pa.table({"n": [1, 2, 3, 4], "view": pa.array(values, kind)}), tmp_path / "v")
    rows = opened(tmp_path / "v")
    assert rows.take(["view"], np.array([3, 1, -1]))["view"].to_pylist() == [
        values[3],
        values[1],
        None,
    ]
    assert rows.dataset().to_table()["view"].to_pylist() == values
    write_parquet(rows, tmp_path / "again", {})
    assert opened(tmp_path / "again").read()["view"].to_pylist() == values

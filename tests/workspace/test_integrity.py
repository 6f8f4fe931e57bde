import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.workspace.integrity import (
    Damaged,
    read_checked_json,
    read_table,
    write_checked_json,
    write_table,
)

TABLE = pa.table({"a": list(range(1000)), "b": ["x"] * 1000, "c": [[1.0, 2.0]] * 1000})


def flipped(path, bit):
    raw = bytearray(path.read_bytes())
    raw[bit // 8] ^= 1 << bit % 8
    path.write_bytes(raw)


def test_a_table_comes_back_as_it_was(tmp_path):
    write_table(TABLE, tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").equals(TABLE)
    assert read_table(tmp_path / "a.parquet", ["b"]).column_names == ["b"]


def test_rows_of_one_value_are_read_and_row_groups_that_have_none_are_not(tmp_path, monkeypatch):
    keys = [*"aaaa", "b", None, *"cdd", *[None] * 3]
    table = pa.table({"nested": [{"key": "b"}] * 12, "key": keys, "n": range(12)})
    monkeypatch.setattr(pq.ParquetWriter, "write_table", write_in_groups_of_three)
    write_table(table, tmp_path / "a.parquet")
    read = []
    monkeypatch.setattr(pq, "ParquetFile", hearing(read))
    found = {
        value: read_table(tmp_path / "a.parquet", ["n"], where=("key", value))["n"].to_pylist()
        for value in ("a", "b", "d", "e")
    }
    assert found == {"a": [0, 1, 2, 3], "b": [4], "d": [7, 8], "e": []}
    assert read == [0, 1, 3, 1, 3, 2, 3, 3]  # all null says nothing


def write_in_groups_of_three(writer, table):
    for start in range(0, len(table), 3):
        writer.writer.write_table(table.slice(start, 3), row_group_size=3)


def hearing(read):
    class Hearing(pq.ParquetFile):
        def read_row_group(self, group, columns):
            read.append(group)
            return super().read_row_group(group, columns)

    return Hearing


def test_every_bit_of_a_table_counts(tmp_path):
    path = tmp_path / "a.parquet"
    write_table(TABLE, path)
    raw = path.read_bytes()
    for bit in np.random.default_rng(0).choice(8 * len(raw), 120, replace=False).tolist():
        path.write_bytes(raw)
        flipped(path, bit)
        with pytest.raises(Damaged):
            read_table(path)


@pytest.mark.parametrize("size", [0, 3, 8, 100])
def test_a_table_that_was_cut_short_is_damaged(tmp_path, size):
    write_table(TABLE, tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:size])
    with pytest.raises(Damaged):
        read_table(tmp_path / "a.parquet")


def test_every_bit_of_an_object_counts(tmp_path):
    path = tmp_path / "a.json"
    write_checked_json(path, {"names": ["a", "ü"], "n": 3})
    assert read_checked_json(path) == {"names": ["a", "ü"], "n": 3}
    raw = path.read_bytes()
    for bit in range(8 * len(raw)):
        path.write_bytes(raw)
        flipped(path, bit)
        try:
            content = read_checked_json(path)
        except Damaged:
            continue
        assert content == {"names": ["a", "ü"], "n": 3}  # white space
    with pytest.raises(FileNotFoundError):
        read_checked_json(tmp_path / "none.json")

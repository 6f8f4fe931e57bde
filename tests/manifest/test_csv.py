import json

import numpy as np
import pyarrow as pa
import pytest

from curate.errors import InputError, UsageError
from curate.manifest.columns import STRING_LIST, arrow_type
from curate.manifest.contract import COLUMNS
from curate.manifest.csv import companion_path, read_csv, write_csv
from curate.manifest.rows import HeldRows, ReadParams


def odd_table():
    return pa.table(
        {
            "path": ["a;b,c.jpg", 'quo"te.jpg', "new\nline.jpg", ""],
            "digits": pa.array(["007", None, "", "1e3"]),
            "number": pa.array([1, None, 3, 4], pa.int32()),
            "share": pa.array([0.1, 1 / 3, None, 1e-9], pa.float32()),
            "truth": pa.array([True, None, False, True]),
            "issues": pa.array([["dark", "blurry"], [], None, ["bright"]], STRING_LIST),
            "tags": pa.array([["a;b", None, ""], [""], ["\\", "\\N", "x\ny"], []], STRING_LIST),
            "sizes": pa.array([[1, -2], None, [], [3]], pa.list_(pa.field("element", pa.int64()))),
            "when": pa.array([0, 1, None, 3], pa.timestamp("us")),
        }
    )


def test_a_table_comes_back_as_it_was(tmp_path):
    write_csv(HeldRows(odd_table()), tmp_path / "t.csv", {"source": "/images"})
    rows, facts = read_csv(tmp_path / "t.csv")
    back = rows.read()
    assert back.schema.equals(odd_table().schema)
    assert back.to_pylist() == odd_table().to_pylist()
    assert facts == {"source": "/images"}


def test_batches_do_not_change_what_is_written(tmp_path):
    for name, batch_rows in (("one", 1), ("all", 100)):
        rows = HeldRows(odd_table(), ReadParams(batch_rows=batch_rows))
        write_csv(rows, tmp_path / f"{name}.csv", {})
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "all.csv").read_bytes()


def test_lists_are_joined_so_that_others_can_read_them(tmp_path):
    import pandas as pd

    write_csv(HeldRows(odd_table()), tmp_path / "t.csv", {})
    assert pd.read_csv(tmp_path / "t.csv")["issues"].tolist()[0] == "dark;blurry"


def test_without_a_companion_known_columns_have_their_types_and_others_are_guessed(tmp_path):
    write_csv(HeldRows(odd_table()), tmp_path / "t.csv", {})
    companion_path(tmp_path / "t.csv").unlink()
    rows, facts = read_csv(tmp_path / "t.csv")
    back = rows.read()
    assert back["issues"].to_pylist() == odd_table()["issues"].to_pylist()
    assert (back["share"].type, back["number"].type, facts) == (pa.float64(), pa.int64(), {})


def test_without_a_companion_all_columns_of_the_contract_have_their_types(tmp_path):
    nobody = {column.name.replace("_N", "_7"): arrow_type(column) for column in COLUMNS}
    table = pa.table({name: pa.nulls(2, kind) for name, kind in nobody.items()})
    write_csv(HeldRows(table), tmp_path / "t.csv", {})
    companion_path(tmp_path / "t.csv").unlink()
    assert read_csv(tmp_path / "t.csv")[0].schema.equals(table.schema)


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.int64(), pa.uint64(), pa.bool_()])
def test_numbers_come_back_to_the_bit(tmp_path, kind):
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 256, 8 * 1000, np.uint8).tobytes()
    values = pa.array(np.frombuffer(raw, kind.to_pandas_dtype() if kind != pa.bool_() else "?"))
    table = pa.table({"value": values})
    write_csv(HeldRows(table), tmp_path / "t.csv", {})
    back = read_csv(tmp_path / "t.csv")[0].read()["value"]
    assert repr(back.to_pylist()) == repr(table["value"].to_pylist())  # nan is nan, -0.0 is -0.0


def test_a_table_of_many_blocks_with_line_breaks_comes_back(tmp_path):
    table = pa.table({"path": [f"{'x' * (n % 7)}\n{n}\r\n" for n in range(200_000)]})
    write_csv(HeldRows(table), tmp_path / "t.csv", {})
    assert read_csv(tmp_path / "t.csv")[0].read().equals(table)


def test_whole_numbers_that_another_tool_wrote_with_a_point_are_read(tmp_path):
    large = 9_007_199_254_740_993  # no double holds it
    table = pa.table({"n": pa.array([160, None], pa.int32()), "id": pa.array([large, 1])})
    write_csv(HeldRows(table), tmp_path / "t.csv", {})
    (tmp_path / "t.csv").write_text(f'"n","id"\n160.0,{large}\n,1.0\n')
    assert read_csv(tmp_path / "t.csv")[0].read().equals(table)
    (tmp_path / "t.csv").write_text('"n","id"\n160.5,1\n')
    with pytest.raises(InputError, match=r"160\.5"):
        read_csv(tmp_path / "t.csv")


def test_columns_without_nulls_stay_so(tmp_path):
    schema = pa.schema([pa.field("path", pa.string(), nullable=False)])
    write_csv(HeldRows(pa.table([["a"]], schema=schema)), tmp_path / "t.csv", {})
    assert read_csv(tmp_path / "t.csv")[0].schema.equals(schema)


def test_files_that_cannot_be_read_or_written_say_why(tmp_path):
    with pytest.raises(UsageError, match="cannot be written as CSV"):
        write_csv(HeldRows(pa.table({"pair": [{"a": 1}]})), tmp_path / "t.csv", {})
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "t.csv").write_text("number\nfour\n")
    companion_path(tmp_path / "t.csv").write_text(json.dumps({"columns": {"number": "int32"}}))
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(tmp_path / "t.csv")

import pyarrow.parquet as pq
import pytest

from curate import merge
from curate.errors import InputError, UsageError
from tests.stages.made_manifest import write_made_manifest


@pytest.fixture
def manifest(tmp_path):
    return write_made_manifest(
        tmp_path / "m.parquet", {"a": "1", "b": "2", "c": "3"}, mine=[1, 2, 3]
    )


def test_columns_of_a_csv_follow_their_paths(tmp_path, manifest):
    (tmp_path / "labels.csv").write_text("path,kind,price\nc,hat,3.5\na,shoe,1\nz,none,0\n")
    result = merge(manifest, tmp_path / "labels.csv", out=tmp_path / "out.parquet")
    assert (result.n_matched, result.n_rows, result.n_unused) == (2, 3, 1)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["kind"].to_pylist() == ["shoe", None, "hat"]
    assert table["price"].to_pylist() == [1.0, None, 3.5]
    assert table["mine"].to_pylist() == [1, 2, 3]


def test_another_manifest_gives_its_own_columns_by_hash(tmp_path, manifest):
    other = write_made_manifest(tmp_path / "o", {"x": "3", "y": "1"}, split=["test", "train"])
    result = merge(manifest, other, out=manifest, on="hash", columns=("split",))
    assert result.columns == ["split"]
    assert pq.read_table(manifest)["split"].to_pylist() == ["train", None, "test"]


def test_tables_that_cannot_be_joined_say_why(tmp_path, manifest):
    (tmp_path / "twice.csv").write_text("path,kind\na,1\na,2\n")
    (tmp_path / "other.csv").write_text("file,kind\na,1\n")
    (tmp_path / "none.parquet").write_text("no table")
    with pytest.raises(InputError, match="several rows with one path"):
        merge(manifest, tmp_path / "twice.csv", out=manifest)
    with pytest.raises(UsageError, match="no column 'path'"):
        merge(manifest, tmp_path / "other.csv", out=manifest)
    with pytest.raises(InputError, match="cannot be read"):
        merge(manifest, tmp_path / "none.parquet", out=manifest)
    with pytest.raises(InputError, match="no file"):
        merge(manifest, tmp_path / "nowhere.csv", out=manifest)


def test_facts_of_the_file_are_not_taken_unless_they_are_named(tmp_path, manifest):
    other = write_made_manifest(tmp_path / "o", {"a": "9", "b": "9"}, keep=[True, False])
    result = merge(manifest, other, out=tmp_path / "out.parquet")
    assert "keep" in result.columns
    assert {"path", "hash", "status"}.isdisjoint(result.columns)
    assert pq.read_table(tmp_path / "out.parquet")["keep"].to_pylist() == [True, False, None]
    assert merge(manifest, other, out=tmp_path / "h.parquet", columns=("hash",)).n_matched == 2
    assert pq.read_table(tmp_path / "h.parquet")["hash"].to_pylist() == ["9", "9", None]


def test_a_value_without_text_is_ambiguous_where_it_stands_twice(tmp_path, manifest):
    (tmp_path / "twice.csv").write_text("path,kind\na,1\n,2\n,3\n")
    with pytest.raises(InputError, match="several rows with one path"):
        merge(manifest, tmp_path / "twice.csv", out=manifest)

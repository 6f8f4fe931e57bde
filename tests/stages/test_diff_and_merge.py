import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import diff, merge
from curate.errors import InputError, UsageError
from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest, write_manifest
from curate.manifest.rows import HeldRows


def written(path, contents, **columns):
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


def test_what_came_went_moved_and_changed_is_told(tmp_path):
    old = written(tmp_path / "a", {"same": "1", "changed": "2", "gone": "3", "here": "4"})
    new = written(tmp_path / "b", {"same": "1", "changed": "9", "new": "5", "there": "4"})
    told = diff(old, new)
    assert (told.came, told.went, told.changed) == (["new"], ["gone"], ["changed"])
    assert told.moved == [("here", "there")]
    assert told.n_same == 1


def test_groups_are_compared_by_their_members_and_not_by_number(tmp_path):
    contents = {path: path for path in "abcd"}
    old = written(tmp_path / "a", contents, cluster=[0, 0, 1, 1], keep=[True] * 4)
    new = written(tmp_path / "b", contents, cluster=[7, 7, 3, 4], keep=[True, False, True, True])
    assert diff(old, new).columns == {"cluster": 2, "keep": 1, "label": 0}


def test_a_manifest_equals_itself(tmp_path):
    path = written(tmp_path / "a", {"x": "1", "y": "1"})
    told = diff(path, path)
    assert (told.n_same, told.came, told.went, told.moved, told.changed) == (2, [], [], [], [])


@pytest.fixture
def manifest(tmp_path):
    return written(tmp_path / "m.parquet", {"a": "1", "b": "2", "c": "3"}, mine=[1, 2, 3])


def test_columns_of_a_csv_follow_their_paths(tmp_path, manifest):
    (tmp_path / "labels.csv").write_text("path,kind,price\nc,hat,3.5\na,shoe,1\nz,none,0\n")
    result = merge(manifest, tmp_path / "labels.csv", out=tmp_path / "out.parquet")
    assert (result.n_matched, result.n_rows, result.n_unused) == (2, 3, 1)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["kind"].to_pylist() == ["shoe", None, "hat"]
    assert table["price"].to_pylist() == [1.0, None, 3.5]
    assert table["mine"].to_pylist() == [1, 2, 3]


def test_another_manifest_gives_its_own_columns_by_hash(tmp_path, manifest):
    other = written(tmp_path / "o", {"x": "3", "y": "1"}, split=["test", "train"])
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

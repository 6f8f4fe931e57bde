import pyarrow as pa
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


def test_facts_of_the_file_are_not_taken(tmp_path, manifest):
    other = write_made_manifest(tmp_path / "o", {"a": "9", "b": "9"}, keep=[True, False])
    result = merge(manifest, other, out=tmp_path / "out.parquet")
    assert "keep" in result.columns
    assert {"path", "hash", "status"}.isdisjoint(result.columns)
    assert pq.read_table(tmp_path / "out.parquet")["keep"].to_pylist() == [True, False, None]


@pytest.mark.parametrize("name", ["hash", "path", "bytes", "status", "sharpness", "issues"])
def test_facts_of_the_file_cannot_be_overwritten_by_a_table(tmp_path, manifest, name):
    (tmp_path / "t.csv").write_text(f"mine,kind,{name}\n1,hat,9\n")
    before = manifest.read_bytes()
    with pytest.raises(UsageError, match=f"^{name}: what a scan finds out"):
        merge(manifest, tmp_path / "t.csv", out=manifest, on="mine", columns=("kind", name))
    assert manifest.read_bytes() == before


def test_a_table_that_fills_nothing_is_an_error(tmp_path, manifest):
    (tmp_path / "facts.csv").write_text("path,hash,bytes\na,1,2\n")
    (tmp_path / "others.csv").write_text("path,kind\nx/a,1\nx/b,1\n")
    with pytest.raises(InputError, match="no column to take: path, hash, bytes"):
        merge(manifest, tmp_path / "facts.csv", out=manifest)
    with pytest.raises(InputError, match=r"no row of .* has a path of") as error:
        merge(manifest, tmp_path / "others.csv", out=manifest)
    assert "its first path is x/a, that of the manifest a" in error.value.hint


def test_a_value_without_text_is_ambiguous_where_it_stands_twice(tmp_path, manifest):
    (tmp_path / "twice.csv").write_text("path,kind\na,1\n,2\n,3\n")
    with pytest.raises(InputError, match="several rows with one path"):
        merge(manifest, tmp_path / "twice.csv", out=manifest)


def test_rows_without_a_partner_keep_what_they_had(tmp_path, manifest):
    (tmp_path / "some.csv").write_text("path,mine,label\nb,7.5,hat\n")
    merge(manifest, tmp_path / "some.csv", out=manifest)
    table = pq.read_table(manifest)
    assert table["mine"].to_pylist() == [1.0, 7.5, 3.0]
    (tmp_path / "more.csv").write_text("path,mine,label\nc,much,shoe\n")
    merge(manifest, tmp_path / "more.csv", out=manifest)
    table = pq.read_table(manifest)
    assert table["mine"].to_pylist() == ["1", "7.5", "much"]
    assert table["label"].to_pylist() == [None, "hat", "shoe"]


@pytest.mark.parametrize(
    "columns",
    [{"keep": ["yes", "no"]}, {"cluster": ["red", "blue"]}],
    ids=["keep", "cluster"],
)
def test_values_that_no_manifest_may_have_are_refused_and_nothing_is_written(
    tmp_path, manifest, columns
):
    before = manifest.read_bytes()
    pq.write_table(pa.table({"path": ["a", "b"], **columns}), tmp_path / "o.parquet")
    with pytest.raises(InputError, match=r"o\.parquet cannot be merged: its column"):
        merge(manifest, tmp_path / "o.parquet", out=manifest, columns=tuple(columns))
    assert manifest.read_bytes() == before


def test_a_list_does_not_take_the_place_of_text(tmp_path, manifest):
    pq.write_table(pa.table({"path": ["a"], "mine": [[1, 2]]}), tmp_path / "o.parquet")
    with pytest.raises(InputError, match="'mine' is int64 in the manifest and list"):
        merge(manifest, tmp_path / "o.parquet", out=manifest)


@pytest.mark.parametrize(
    "keys",
    [
        pa.array(["2", "1"]),
        pa.array(["2", "1"]).dictionary_encode(),
        pa.array([2, 1], pa.int16()),
        pa.array([2.0, 1.0]),
    ],
    ids=["text", "category", "narrow", "float"],
)
def test_keys_of_two_types_are_compared(tmp_path, manifest, keys):
    other = tmp_path / "o.parquet"
    pq.write_table(pa.table({"mine": keys, "city": ["B", "A"]}), other)
    merge(manifest, other, out=tmp_path / "m1.parquet", on="mine")
    assert pq.read_table(tmp_path / "m1.parquet")["city"].to_pylist() == ["A", "B", None]
    with_keys = write_made_manifest(tmp_path / "k.parquet", {"a": "1", "b": "2"}, mine=keys)
    (tmp_path / "o.csv").write_text("mine,city\n1,A\n2,B\n")
    merge(with_keys, tmp_path / "o.csv", out=tmp_path / "m2.parquet", on="mine")
    assert pq.read_table(tmp_path / "m2.parquet")["city"].to_pylist() == ["B", "A"]


def test_keys_that_cannot_be_compared_are_told(tmp_path, manifest):
    pq.write_table(pa.table({"mine": [[1], [2]], "city": ["A", "B"]}), tmp_path / "o.parquet")
    with pytest.raises(InputError, match="cannot be compared"):
        merge(manifest, tmp_path / "o.parquet", out=manifest, on="mine")


def test_an_identifier_keeps_its_zeros(tmp_path, manifest):
    (tmp_path / "ids.csv").write_text("path,id,count,shelf\na,007,7,0\nb,12,12,10\n")
    merge(manifest, tmp_path / "ids.csv", out=tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["id"].to_pylist() == ["007", "12", None]
    assert table["count"].to_pylist() == [7, 12, None]
    assert table["shelf"].to_pylist() == [0, 10, None]


def test_what_a_scan_found_out_is_not_taken_unless_it_is_named(tmp_path, manifest):
    columns = {"path": ["a"], "sharpness": [1.0], "label": ["hat"], "kind": ["x"]}
    pq.write_table(pa.table(columns), tmp_path / "o.parquet")
    result = merge(manifest, tmp_path / "o.parquet", out=tmp_path / "out.parquet")
    assert result.columns == ["label", "kind"]

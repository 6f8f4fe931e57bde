import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import InputError, UsageError
from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import (
    Manifest,
    carry_over,
    check_overwritable,
    read_manifest,
    write_manifest,
)
from curate.manifest.rows import HeldRows, ReadParams, TakenRows


def manifest(paths=("a.jpg", "b.jpg"), *, hashes=("aa", "bb"), **columns):
    rows = [
        dict.fromkeys(SCAN_COLUMNS.names) | {"path": path, "hash": content, "status": "ok"}
        for path, content in zip(paths, hashes, strict=True)
    ]
    table = pa.Table.from_pylist(rows, schema=SCAN_COLUMNS)
    for name, values in columns.items():
        table = table.append_column(name, [values])
    return Manifest(rows=HeldRows(table), source="/images", model="default@1", stages={"scan": {}})


def test_a_manifest_comes_back_as_it_was(tmp_path):
    write_manifest(manifest(mine=["x", "y"]), tmp_path / "m.parquet")
    back = read_manifest(tmp_path / "m.parquet")
    assert back.rows.read().to_pylist() == manifest(mine=["x", "y"]).rows.read().to_pylist()
    assert (back.source, back.model, back.stages) == ("/images", "default@1", {"scan": {}})


def test_the_same_manifest_is_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_manifest(manifest(), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_stage_fills_its_columns_and_keeps_the_others():
    filled = manifest(mine=["x", "y"]).with_columns(
        HeldRows(pa.table({"cluster": [1, 2]})), stage="cluster", config={"clusters": 2}
    )
    again = filled.with_columns(HeldRows(pa.table({"cluster": [3, 4]})), stage="cluster", config={})
    assert again.rows.read()["mine"].to_pylist() == ["x", "y"]
    assert again.rows.read()["cluster"].to_pylist() == [3, 4]
    assert again.rows.read().column_names.count("cluster") == 1
    assert again.stages == {"scan": {}, "cluster": {}}


def test_columns_of_a_stage_that_it_does_not_fill_again_go():
    old = manifest(cluster=[1, 2], cluster_3=[0, 1], label_conflict=[True, None], mine=["x", "y"])
    filled = HeldRows(pa.table({"cluster": [3, 4]}))
    again = old.with_columns(filled, stage="cluster", config={})
    carried = carry_over(manifest().with_columns(filled, stage="cluster", config={}), old)
    for one in (again, carried):
        names = one.rows.read().column_names
        assert "cluster_3" not in names
        assert {"cluster", "label_conflict", "mine"} <= set(names)
    some = old.with_columns(filled, stage="cluster", config={}, fills_all=False)
    assert "cluster_3" in some.rows.schema.names


@pytest.mark.parametrize("batch_rows", [1, 7, 50])
def test_batches_and_blocks_change_nothing_of_what_is_filled_and_written(tmp_path, batch_rows):
    written = set()
    for name, params in (
        ("small", ReadParams(batch_rows=batch_rows, block_rows=3 * batch_rows)),
        ("large", ReadParams()),
    ):
        read = manifest([f"{row:03d}" for row in range(50)], hashes=["aa"] * 50).rows.read()
        before = Manifest(rows=HeldRows(read, params), source="/images")
        mine = HeldRows(pa.table({"mine": np.arange(9)}), params)
        numbers = np.arange(50) * 7 % 10 - 1
        columns = TakenRows(mine, list(mine.schema), numbers, params)
        filled = before.with_columns(columns, stage="merge", config={})
        write_manifest(filled, tmp_path / name)
        assert read_manifest(tmp_path / name).rows.read()["mine"].to_pylist() == [
            None if number < 0 else number for number in numbers.tolist()
        ]
        written.add((tmp_path / name).read_bytes())
    assert len(written) == 1


def test_foreign_footer_metadata_is_kept(tmp_path):
    table = manifest().rows.read().replace_schema_metadata({b"theirs": b"1"})
    write_manifest(Manifest(rows=HeldRows(table), source="/images"), tmp_path / "m.parquet")
    assert pq.read_schema(tmp_path / "m.parquet").metadata[b"theirs"] == b"1"


def test_columns_of_an_older_manifest_follow_their_rows():
    old = manifest(("a.jpg", "b.jpg", "gone.jpg"), hashes=("aa", "old", "cc"), mine=["x", "y", "z"])
    fresh = carry_over(manifest(), old)
    assert fresh.rows.read()["mine"].to_pylist() == ["x", None]


def labelled(stages, **columns):
    rows = manifest().rows.read()
    for name, values in columns.items():
        rows = rows.drop_columns([name] if name in rows.column_names else [])
        rows = rows.append_column(name, pa.array(values))
    return Manifest(rows=HeldRows(rows), source="/images", stages={"scan": stages})


def test_labels_and_boxes_are_kept_unless_others_are_asked_for():
    given = {
        "label": ["cat", "dog"], "objects": [["cat"], []], "boxes": [[1, 2, 3, 4], []],
        "details": [[None], []], "track": ["x", "y"],
    }  # fmt: skip
    old = labelled({"labels": "coco.json", "classes": {"cat": 7}}, **given)
    kept = carry_over(labelled({"labels": "none"}), old)
    assert kept.rows.read(list(given)).to_pydict() == given
    assert kept.stages["scan"] == {"labels": "coco.json", "classes": {"cat": 7}}
    asked = carry_over(labelled({"labels": "folder"}, label=["a", None]), old)
    assert asked.rows.read(["label", "track"]).to_pydict() == {
        "label": ["a", None], "track": ["x", "y"],
    }  # fmt: skip
    assert not {"objects", "boxes", "details"} & set(asked.rows.schema.names)
    assert asked.stages["scan"] == {"labels": "folder"}


@pytest.mark.parametrize("content", [b"no parquet", b""])
def test_a_file_that_is_no_parquet_is_refused(tmp_path, content):
    (tmp_path / "m.parquet").write_bytes(content)
    with pytest.raises(InputError, match="is not a manifest"):
        read_manifest(tmp_path / "m.parquet")


def test_a_parquet_file_of_someone_else_is_refused_and_not_overwritten(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "m.parquet")
    with pytest.raises(InputError, match="it lacks path"):
        read_manifest(tmp_path / "m.parquet")
    with pytest.raises(InputError):
        check_overwritable(tmp_path / "m.parquet")


def test_what_another_tool_keeps_of_the_footer_is_enough(tmp_path):
    write_manifest(manifest(), tmp_path / "m.parquet")
    written = pq.read_table(tmp_path / "m.parquet")
    plain = tmp_path / "plain.parquet"
    with pq.ParquetWriter(plain, written.schema.remove_metadata(), store_schema=False) as writer:
        writer.write_table(written.replace_schema_metadata(None))
        writer.add_key_value_metadata({"curate": written.schema.metadata[b"curate"].decode()})
    assert read_manifest(plain).source == manifest().source


def test_a_table_without_our_footer_shows_the_way_out(tmp_path):
    write_manifest(manifest(), tmp_path / "m.parquet")
    bare = pq.read_table(tmp_path / "m.parquet").replace_schema_metadata(None)
    pq.write_table(bare, tmp_path / "bare.parquet")
    with pytest.raises(InputError, match="its footer does not name curate") as caught:
        read_manifest(tmp_path / "bare.parquet")
    assert "curate merge M.parquet bare.parquet" in caught.value.hint


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="no manifest"):
        read_manifest(tmp_path / "m.parquet")
    with pytest.raises(InputError, match="is a folder"):
        check_overwritable(tmp_path)


def test_a_column_that_is_not_there_is_the_users_mistake():
    with pytest.raises(UsageError, match="no column 'colour'"):
        manifest().column("colour", hint="choose another")


def test_a_csv_manifest_comes_back_as_it_was(tmp_path):
    table = manifest(mine=["007", ""]).rows.read()
    place = table.schema.get_field_index("issues")
    table = table.set_column(place, SCAN_COLUMNS.field("issues"), [[["dark", "blurry"], []]])
    before = Manifest(
        rows=HeldRows(table), source="/images", model="default@1", stages={"scan": {}}
    )
    write_manifest(before, tmp_path / "m.csv")
    back = read_manifest(tmp_path / "m.csv")
    assert back.rows.read().to_pylist() == before.rows.read().to_pylist()
    assert [f.type for f in back.rows.read().schema] == [f.type for f in table.schema]
    assert (back.source, back.model, back.stages) == ("/images", "default@1", {"scan": {}})


def test_a_csv_that_lost_its_companion_shows_the_way_out(tmp_path):
    write_manifest(manifest(), tmp_path / "m.csv")
    (tmp_path / "m.csv.json").unlink()
    with pytest.raises(InputError, match="where the images") as caught:
        read_manifest(tmp_path / "m.csv")
    assert "curate merge" in caught.value.hint


@pytest.mark.parametrize("name", ["x.txt", "x", "x.parquet.gz"])
def test_a_name_that_no_command_takes_for_a_manifests_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"ends in neither \.parquet nor \.csv"):
        check_overwritable(tmp_path / name)
    write_manifest(manifest(), tmp_path / name)
    check_overwritable(tmp_path / name)  # one that is there is a manifest by what is in it

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate import DedupConfig, PruneConfig, dedup, export, prune, report
from curate.choices import Labels, Level, OnConflict
from curate.copies.label_conflicts import find_conflicts, find_label_conflicts
from tests.conftest import picture, save


@pytest.fixture
def labelled(tmp_path):
    """Make two copies with one label, and two with different ones."""
    for path, seed in {
        "cat/a.png": 1, "cat/b.png": 1, "cat/c.png": 2, "dog/d.png": 2, "dog/e.png": 3,
    }.items():  # fmt: skip
        save(tmp_path / "images" / path, picture(seed))
    return tmp_path


def found(root, policy, **settings):
    config = DedupConfig(level=Level.PIXELS, labels=Labels.FOLDER, on_conflict=policy, **settings)
    result = dedup(root / "images", config, out=root / "m.parquet", workspace=root / ".curate")
    rows = pq.read_table(root / "m.parquet").to_pylist()
    return result, {row["path"]: row for row in rows}


def kept(rows):
    return {path for path, row in rows.items() if row["keep"]}


def test_copies_with_different_labels_are_told_and_marked(labelled):
    result, rows = found(labelled, OnConflict.REPORT)
    assert result.n_conflicts == 1
    assert {path for path, row in rows.items() if row["label_conflict"]} == {
        "cat/c.png", "dog/d.png",
    }  # fmt: skip
    assert len(kept(rows)) == 3


def test_copies_with_different_labels_all_stay_or_all_go_as_the_policy_says(labelled):
    result, rows = found(labelled, OnConflict.KEEP)
    assert {"cat/c.png", "dog/d.png"} <= kept(rows)
    assert result.n_duplicates == 1
    assert result.groups() == [["cat/a.png", "cat/b.png"], ["cat/c.png", "dog/d.png"]]
    assert rows["dog/d.png"]["duplicate_of"] is rows["cat/c.png"]["duplicate_of"] is None
    result, rows = found(labelled, OnConflict.DROP)
    assert not {"cat/c.png", "dog/d.png"} & kept(rows)
    assert rows["cat/c.png"]["keep_reason"] == "its copies have other labels"
    assert result.n_conflicts == 1


def test_what_goes_for_its_labels_is_tied_to_nothing_that_goes_too(labelled):
    save(labelled / "images" / "dog" / "gold" / "c.png", picture(2))
    result, rows = found(labelled, OnConflict.DROP)
    for path in ("cat/c.png", "dog/d.png", "dog/gold/c.png"):
        row = rows[path]
        assert (row["match"], row["duplicate_of"], row["similarity"]) == (None, None, None)
        assert row["group"] is not None
    assert {(one.match, one.n_groups, one.n_images) for one in result.rungs if one.n_images} == {
        ("bytes", 1, 1), ("labels", 1, 3),
    }  # fmt: skip
    assert result.n_duplicates == 4
    _, rows = found(labelled, OnConflict.DROP, protect=("dog/gold",))
    assert rows["cat/c.png"]["duplicate_of"] == "dog/gold/c.png"


def test_prune_leaves_and_export_leaves_out_what_goes_for_its_labels(labelled):
    found(labelled, OnConflict.DROP)
    planned = prune(labelled / "m.parquet")
    assert planned.n_images == 1
    assert planned.passed_over == {
        "its copies have other labels, and none stays: `curate export` leaves it out": 2
    }
    config = PruneConfig(action="move", to=labelled / "gone", is_plan=False)
    assert prune(labelled / "m.parquet", config).n_images == 1
    export(labelled / "m.parquet", labelled / "out")
    names = {path.name for path in (labelled / "out").rglob("*.png")}
    assert not {"c.png", "d.png"} & names
    assert "e.png" in names


@pytest.mark.parametrize("is_hard", [True, False])
def test_a_link_has_a_label_of_its_own(labelled, is_hard):
    folder = labelled / "images"
    link = folder / "dog" / "z.png"
    save(folder / "cat" / "y.png", picture(9))
    if is_hard:
        link.hardlink_to(folder / "cat" / "y.png")
    else:
        link.symlink_to(folder / "cat" / "y.png")
    result, rows = found(labelled, OnConflict.REPORT)
    pair = ("cat/y.png", "dog/z.png")
    assert [rows[path]["label_conflict"] for path in pair] == [True, True]
    assert [rows[path]["keep"] for path in pair] == [True, False]
    assert result.n_conflicts == 2
    result, rows = found(labelled, OnConflict.KEEP)
    assert [rows[path]["keep"] for path in pair] == [True, True]
    assert rows["dog/z.png"]["duplicate_of"] is rows["dog/z.png"]["match"] is None
    result, rows = found(labelled, OnConflict.DROP)
    assert [rows[path]["keep"] for path in pair] == [False, False]
    assert [rows[path]["duplicate_of"] for path in pair] == [None, None]
    assert rows["dog/z.png"]["keep_reason"] == "another name of the same file: labels differ"
    assert (result.n_groups, result.n_duplicates, result.n_links) == (3, 4, 1)
    _, rows = found(labelled, OnConflict.DROP, protect=("dog/z.png",))
    assert [rows[path]["keep"] for path in pair] == [True, True]


def test_a_link_of_a_copy_is_in_conflict_with_the_copies_of_its_file(labelled):
    (labelled / "images" / "dog" / "a.png").symlink_to("../cat/a.png")
    _, rows = found(labelled, OnConflict.KEEP)
    assert {"cat/a.png", "cat/b.png", "dog/a.png"} <= kept(rows)
    (labelled / "images" / "dog" / "a.png").unlink()
    (labelled / "images" / "cat" / "link.png").symlink_to("a.png")
    _, rows = found(labelled, OnConflict.KEEP)
    assert (rows["cat/link.png"]["keep"], rows["cat/link.png"]["label_conflict"]) == (False, False)


def test_links_of_files_elsewhere_are_in_conflict_with_each_other():
    group, rows = np.array([-1, 0, 0, -1], np.int32), np.array([-1, -1, 3, 1])
    labels = [None, "a", "a", "b", "a", "b", "b", "a"]
    told = find_conflicts(group, ["x", "x", "y", "z"], rows, labels)
    assert told.images.tolist() == [False] * 4
    assert told.links.tolist() == [True, True, False, False]


def test_protected_images_stay_whatever_their_labels_are(labelled):
    _, rows = found(labelled, OnConflict.DROP, protect=("dog",))
    assert "dog/d.png" in kept(rows)
    assert "cat/c.png" not in kept(rows)


def test_without_labels_there_is_no_such_column(labelled):
    config = DedupConfig(level=Level.PIXELS)
    dedup(labelled / "images", config, out=labelled / "n.parquet", workspace=labelled / ".curate")
    assert "label_conflict" not in pq.read_schema(labelled / "n.parquet").names


def test_a_missing_label_and_an_image_alone_conflict_with_nothing():
    group = np.array([0, 0, 0, 1, 1, -1, -1])
    labels = ["a", None, "a", "a", "b", "a", "b"]
    assert find_label_conflicts(group, labels).tolist() == [False] * 3 + [True] * 2 + [False] * 2
    assert not find_label_conflicts(group, [None] * 7).any()


@pytest.mark.parametrize("policy", OnConflict)
def test_dedup_and_report_tell_one_count_whatever_becomes_of_conflicts_and_links(labelled, policy):
    save(labelled / "images" / "cat" / "y.png", picture(9))
    for folder in ("cat", "dog"):
        (labelled / "images" / folder / "z.png").symlink_to("../cat/y.png")
    result, rows = found(labelled, policy)
    page = report(labelled / "m.parquet", out=labelled / "r.html", workspace=labelled / ".curate")
    assert (page.n_copies, page.n_groups) == (result.n_duplicates, result.n_groups)
    counted = [one for one in result.rungs if one.match != "file"]
    assert sum(one.n_images for one in counted) == result.n_duplicates
    assert sum(not row["keep"] for row in rows.values()) == sum(
        one.n_images for one in result.rungs
    )
    assert all(one.n_groups <= one.n_images for one in result.rungs)

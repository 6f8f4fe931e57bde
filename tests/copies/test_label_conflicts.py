import numpy as np
import pyarrow.parquet as pq
import pytest

from curate import DedupConfig, dedup
from curate.choices import Labels, Level, OnConflict
from curate.copies.label_conflicts import find_label_conflicts
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
    assert rows["dog/d.png"]["duplicate_of"] is rows["cat/c.png"]["duplicate_of"] is None
    result, rows = found(labelled, OnConflict.DROP)
    assert not {"cat/c.png", "dog/d.png"} & kept(rows)
    assert rows["cat/c.png"]["keep_reason"] == "its copies have other labels"
    assert result.n_conflicts == 1


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

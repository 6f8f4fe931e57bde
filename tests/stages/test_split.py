import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import SplitConfig, split
from curate.errors import UsageError
from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest, write_manifest
from curate.manifest.rows import HeldRows
from tests.conftest import Notes
from tests.stages.made_manifest import write_made_manifest


def written(root, n_images=300, *, n_groups=40, name="m.parquet", split_column=None):
    """Write a manifest with groups of copies, a label and a patient for every image."""
    rng = np.random.default_rng(0)
    rows = [
        dict.fromkeys(SCAN_COLUMNS.names)
        | {
            "path": f"{i:04d}.jpg",
            "hash": f"{i:064x}",
            "status": "ok",
            "label": "ab"[int(i % 10 == 0)],
        }
        for i in range(n_images)
    ]
    rows[-1]["status"] = "unreadable"
    table = pa.Table.from_pylist(rows, schema=SCAN_COLUMNS)
    group = [int(g) if g < n_groups else None for g in rng.integers(0, 3 * n_groups, 2000)]
    table = table.append_column("group", pa.array(group[:n_images], pa.int32()))
    patient = [f"p{p}" for p in rng.integers(0, 60, 2000)]
    table = table.append_column("patient", pa.array(patient[:n_images]))
    if split_column is not None:
        table = table.append_column("split", pa.array(split_column, pa.string()))
    write_manifest(Manifest(rows=HeldRows(table), source="/images"), root / name)
    return root / name


def made(root, n_images, **columns):
    """Write a manifest of images that are all different, with more columns."""
    contents = {f"{i:04d}.jpg": f"{i:064x}" for i in range(n_images)}
    return write_made_manifest(root / "made.parquet", contents, **columns)


def rows_of(path):
    return [row for row in pq.read_table(path).to_pylist() if row["status"] == "ok"]


def values_of(rows, key):
    together = {}
    for row in rows:
        if row[key] is not None:
            together.setdefault(row[key], set()).add(row["split"])
    return together


def test_copies_never_straddle_and_ratios_hold(tmp_path):
    path = written(tmp_path)
    result = split(path)
    rows = rows_of(path)
    assert all(len(splits) == 1 for splits in values_of(rows, "group").values())
    assert sum(result.n_images.values()) == len(rows) == 299
    assert abs(result.n_images["train"] - 0.8 * 299) <= 8
    assert pq.read_table(path)["split"].null_count == 1


def test_a_column_keeps_its_values_together_copies_included(tmp_path):
    path = written(tmp_path)
    split(path, SplitConfig(by="patient", ratios=(("a", 0.5), ("b", 0.5))))
    rows = rows_of(path)
    for key in ("patient", "group"):
        assert all(len(splits) == 1 for splits in values_of(rows, key).values())


def test_what_any_of_several_columns_holds_together_stays_together(tmp_path):
    rng = np.random.default_rng(4)
    video = [f"v{v}" if v < 40 else None for v in rng.integers(0, 80, 300)]
    lens = [f"c{c}" if c < 20 else None for c in rng.integers(0, 400, 300)]
    path = made(tmp_path, 300, video=pa.array(video), lens=pa.array(lens))
    split(path, SplitConfig(by=("video", "lens"), ratios=(("a", 0.5), ("b", 0.5))))
    rows = rows_of(path)
    for column in ("video", "lens"):
        assert all(len(splits) == 1 for splits in values_of(rows, column).values())


def test_the_shares_of_several_columns_are_those_of_their_values_together(tmp_path):
    kind = [number // 2 % 2 for number in range(400)]
    season = [number % 2 for number in range(400)]
    path = made(tmp_path, 400, kind=pa.array(map(str, kind)), season=pa.array(season))
    split(path, SplitConfig(stratify=("kind", "season"), ratios=(("a", 0.75), ("b", 0.25))))
    for both in {(row["kind"], row["season"]) for row in rows_of(path)}:
        here = [row["split"] for row in rows_of(path) if (row["kind"], row["season"]) == both]
        assert (here.count("a"), here.count("b")) == (75, 25)


def test_strata_are_kept(tmp_path):
    path = written(tmp_path, n_groups=1)
    split(path, SplitConfig(stratify="label"))
    test_rows = [row for row in rows_of(path) if row["split"] == "test"]
    assert abs(sum(row["label"] == "b" for row in test_rows) - 3) <= 1


def test_a_new_image_moves_no_old_one_where_asked_for(tmp_path):
    old = written(tmp_path, 200, name="old.parquet")
    split(old, SplitConfig(stable=True))
    before = {row["path"]: row["split"] for row in rows_of(old)}
    grown = written(tmp_path, 300, split_column=[before.get(f"{i:04d}.jpg") for i in range(300)])
    split(grown, SplitConfig(stable=True))
    after = rows_of(grown)
    assert all(before.get(row["path"], row["split"]) == row["split"] for row in after)
    assert all(len(splits) == 1 for splits in values_of(after, "group").values())


def test_old_images_that_turn_out_to_be_copies_are_left_and_counted(tmp_path):
    path = written(tmp_path, 10, n_groups=1, split_column=["train", "test"] * 5)
    result = split(path, SplitConfig(stable=True))
    assert result.n_straddling == 1


def test_a_seed_gives_one_split_and_another_seed_another(tmp_path):
    path = written(tmp_path)
    splits = []
    for seed in (1, 1, 2):
        split(path, SplitConfig(seed=seed))
        splits.append([row["split"] for row in rows_of(path)])
    assert splits[0] == splits[1] != splits[2]


@pytest.mark.parametrize(
    "ratios",
    [(), (("a", 0.5),), (("a", 0.5), ("a", 0.5)), (("a", -0.5), ("b", 1.5)), (("", 1.0),)],
)
def test_ratios_that_make_no_sense_are_refused(ratios):
    with pytest.raises(UsageError, match="ratios must be"):
        SplitConfig(ratios=ratios)


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "a\\b", "a\nb"])
def test_a_split_has_a_plain_name(name):
    with pytest.raises(UsageError, match="cannot name a split"):
        SplitConfig(ratios=((name, 0.5), ("y", 0.5)))


def test_an_unknown_column_is_refused_and_the_manifest_is_left(tmp_path):
    path = written(tmp_path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="no column 'video'"):
        split(path, SplitConfig(by="video"))
    assert path.read_bytes() == before


def test_an_image_that_has_any_split_stays_whatever_the_ratios_name_now(tmp_path):
    before = ["train", "holdout", "", "test"] * 10 + [None] * 160
    path = made(tmp_path, 200, split=before)
    result = split(path, SplitConfig(ratios=(("a", 0.5), ("train", 0.5)), stable=True))
    after = [row["split"] for row in rows_of(path)]
    for old, new in zip(before, after, strict=True):
        assert new == old if old else new in {"a", "train"}
    assert list(result.n_images) == ["a", "train", "holdout", "test"]
    assert (result.n_images["holdout"], result.n_images["test"]) == (10, 10)
    assert sum(result.n_images.values()) == 200


def test_a_new_copy_joins_its_image_in_a_split_that_the_ratios_do_not_name(tmp_path):
    path = made(tmp_path, 4, group=[0] * 4, split=["holdout", None, None, None])
    split(path, SplitConfig(stable=True))
    assert {row["split"] for row in rows_of(path)} == {"holdout"}


def test_an_empty_split_is_told(tmp_path):
    told = Notes()
    result = split(made(tmp_path, 10, group=[0] * 10), progress=told)
    assert result.empty == ["val", "test"]
    assert [text.partition(":")[0] for text in told.notes] == [
        "the split val is empty",
        "the split test is empty",
    ]
    assert split(made(tmp_path, 100)).empty == []

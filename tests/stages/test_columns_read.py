"""Stages read the columns that they need, and write the others as they read them."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import (
    ExportConfig,
    SampleConfig,
    SplitConfig,
    diff,
    export,
    info,
    merge,
    sample,
    sheet,
    split,
)
from curate.choices import ExportAs
from curate.errors import InputError
from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest, write_manifest
from curate.manifest.parquet import ParquetRows
from curate.manifest.rows import HeldRows
from curate.stages.sheet import SheetConfig
from curate.workspace.workspace import Workspace

N = 400


@pytest.fixture
def manifest(tmp_path):
    """A manifest with columns of every stage and of its owner, in row groups of 90."""
    rng = np.random.default_rng(0)
    rows = [
        dict.fromkeys(SCAN_COLUMNS.names)
        | {
            "path": f"{row:04d}.jpg",
            "hash": f"{row // 2 if row < 40 else row:064x}",
            "status": "ok" if row % 50 else "unreadable",
            "label": "abc"[row % 3],
        }
        for row in range(N)
    ]
    table = pa.Table.from_pylist(rows, schema=SCAN_COLUMNS)
    for name, values in {
        "cluster": pa.array(rng.integers(0, 9, N), pa.int32()),
        "cluster_similarity": pa.array(rng.random(N), pa.float32()),
        "medoid": pa.array(np.arange(N) % 41 == 1),
        "group": pa.array([row // 3 if row < 60 else None for row in range(N)], pa.int32()),
        "keep": pa.array(rng.random(N) > 0.1),
        "mine": pa.array([[float(row)] * 3 for row in range(N)]),
    }.items():
        table = table.append_column(name, values)
    table = table.replace_schema_metadata({b"theirs": b"1"})
    write_manifest(
        Manifest(rows=HeldRows(table), source=str(tmp_path / "images"), stages={"scan": {"x": 1}}),
        tmp_path / "m.parquet",
    )
    pq.write_table(pq.read_table(tmp_path / "m.parquet"), tmp_path / "m.parquet", row_group_size=90)
    return tmp_path / "m.parquet"


@pytest.fixture
def columns_read(monkeypatch):
    """Sets of columns that were read from files, in the order of reading."""
    sets = []
    read_batches = ParquetRows.batches

    def batches(self, names, *, first=0, end=None):
        sets.append(set(names))
        return read_batches(self, names, first=first, end=end)

    monkeypatch.setattr(ParquetRows, "batches", batches)
    return sets


def before_writing(columns_read):
    return set().union(*(names for names in columns_read if "mine" not in names))


def test_a_sample_reads_what_it_is_drawn_by(manifest, columns_read, tmp_path):
    sample(manifest, SampleConfig(size=50, stratify="label"), out=tmp_path / "s.parquet")
    assert before_writing(columns_read) == {"status", "keep", "cluster", "label"}
    assert sum("mine" in names for names in columns_read) == 1


def test_a_split_reads_contents_and_groups(manifest, columns_read):
    split(manifest, SplitConfig(stratify="label"))
    assert before_writing(columns_read) == {"status", "hash", "group", "label"}


def test_diff_and_info_read_nothing_of_their_owners(manifest, columns_read, tmp_path):
    diff(manifest, manifest)
    assert set().union(*columns_read) == {"path", "hash", "cluster", "group", "keep", "label"}
    columns_read.clear()
    space = Workspace(tmp_path / "w")
    with space.writing():
        space.remember()
    info(manifest, clusters=True, workspace=tmp_path / "w")
    read = {"cluster", "cluster_similarity", "label", "medoid", "path"}
    assert set().union(*columns_read) == read


def test_merge_reads_the_columns_that_it_takes(manifest, columns_read, tmp_path):
    split(manifest, out=tmp_path / "other.parquet")
    columns_read.clear()
    merge(manifest, tmp_path / "other.parquet", out=manifest, columns=("split",))
    assert before_writing(columns_read) == {"path", "split"}


def test_export_and_sheet_read_paths_and_contents_of_what_they_show(
    manifest, columns_read, tmp_path
):
    with pytest.raises(InputError, match="is gone"):
        export(manifest, tmp_path / "out", ExportConfig(form=ExportAs.LIST))
    assert set().union(*columns_read) == {"status", "keep", "path", "bytes", "hash"}
    columns_read.clear()
    with pytest.raises(InputError):
        sheet(manifest, SheetConfig(by="cluster"), workspace=tmp_path / "w")
    assert set().union(*columns_read) == {"status", "cluster", "path", "hash"}


def written_by(stage, folder):
    """Return a stage's result and the bytes of the manifest that it writes."""
    result = stage(folder / "m.parquet", folder / "o.parquet")
    return result, (folder / "o.parquet").read_bytes()


STAGES = {
    "sample": lambda m, o: sample(m, SampleConfig(size=50, by=("label", "cluster")), out=o),
    "split": lambda m, o: split(m, SplitConfig(by="label", ratios=(("a", 0.5), ("b", 0.5))), out=o),
    "split stable": lambda m, o: split(m, SplitConfig(stable=True), out=o),
    "merge": lambda m, o: merge(m, m, out=o, columns=("mine", "label")),
}


@pytest.mark.parametrize("name", STAGES)
def test_row_groups_that_are_read_do_not_change_what_a_stage_writes(name, manifest, tmp_path):
    expected = written_by(STAGES[name], tmp_path)
    for n_rows in (7, N):
        pq.write_table(pq.read_table(manifest), manifest, row_group_size=n_rows)
        assert written_by(STAGES[name], tmp_path) == expected


@pytest.mark.parametrize("stage", [sample, split])
def test_a_stage_that_writes_onto_what_it_reads_keeps_all_that_is_not_its_own(stage, manifest):
    before = pq.read_table(manifest)
    config = SampleConfig(size=50) if stage is sample else SplitConfig()
    stage(manifest, config, out=manifest)
    after = pq.read_table(manifest)
    assert after.select(before.column_names).to_pylist() == before.to_pylist()
    assert after.column_names[: len(before.column_names)] == before.column_names
    assert after.schema.metadata[b"theirs"] == b"1"
    stages = json.loads(after.schema.metadata[b"curate"])["stages"]
    assert list(stages) == sorted(["scan", stage.__name__])

from contextlib import ExitStack

import pyarrow.parquet as pq
import pytest

from curate.choices import ExportAs
from curate.exporters.parquet import ParquetExporter
from curate.exporters.shards import ShardParams


def export_with(params, items, folder):
    folder.mkdir()
    with ExitStack() as resources:
        exporter = ParquetExporter(folder, resources, params)
        for item in items:
            exporter.add(item)
        exporter.close()
    return sorted(folder.iterdir())


def test_parquet_is_read_by_datasets(exported, tmp_path):
    datasets = pytest.importorskip("datasets")
    out = exported(ExportAs.PARQUET)
    data = datasets.Dataset.from_parquet(
        str(out.folder / "000000.parquet"), cache_dir=str(tmp_path / "cache")
    ).cast_column("image", datasets.Image())
    assert len(data) == 3
    assert data[0]["image"].size == (96, 72)
    assert data[1]["label"] == "dog"


def test_a_row_has_the_columns_of_the_manifest_and_the_bytes_of_its_file(exported):
    out = exported(ExportAs.PARQUET)
    table = pq.read_table(out.folder / "000000.parquet")
    assert table.schema.names == ["path", "width", "height", "label", "image"]
    row = table.to_pylist()[2]
    content = (out.images / "deep/er/b.png").read_bytes()
    assert row["image"] == {"bytes": content, "path": "deep/er/b.png"}


def test_a_full_shard_is_followed_by_another(items, tmp_path):
    params = ShardParams(max_bytes=1, images_per_row_group=1)
    shards = export_with(params, items, tmp_path / "out")
    assert [len(pq.read_table(shard)) for shard in shards] == [1, 1, 1]


def test_a_shard_has_row_groups_of_so_many_images_and_what_is_left(items, tmp_path):
    (shard,) = export_with(ShardParams(images_per_row_group=2), items, tmp_path / "out")
    facts = pq.ParquetFile(shard).metadata
    assert [facts.row_group(number).num_rows for number in range(2)] == [2, 1]

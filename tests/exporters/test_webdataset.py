import tarfile
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest

from curate.choices import ExportAs
from curate.exporters.base import Item
from curate.exporters.shards import ShardParams
from curate.exporters.webdataset import WebDatasetExporter


def names(path):
    with tarfile.open(path) as archive:
        return archive.getnames()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # it leaves a file open
def test_tars_are_read_by_webdataset(exported):
    webdataset = pytest.importorskip("webdataset")
    out = exported(ExportAs.TAR)
    samples = list(webdataset.WebDataset(str(out.folder / "000000.tar"), shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == ["00000000-a", "00000001-c", "00000002-b"]
    assert samples[0]["png"] == (out.images / "a.png").read_bytes()
    assert [sample.get("cls.txt") for sample in samples] == [b"cat", b"dog", None]


def test_a_key_has_no_dot_and_an_ending_is_in_lower_case(exported):
    out = exported(ExportAs.TAR, {"a.b.c.PNG": "cat"})
    assert names(out.folder / "000000.tar") == ["00000000-a_b_c.png", "00000000-a_b_c.cls.txt"]


def test_a_full_shard_is_followed_by_another_and_keys_count_on(items, tmp_path):
    (tmp_path / "out").mkdir()
    params = ShardParams(max_bytes=1)
    with ExitStack() as resources:
        exporter = WebDatasetExporter(tmp_path / "out", resources, params)
        for item in items:
            exporter.add(item)
        exporter.close()
    shards = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in shards] == ["000000.tar", "000001.tar", "000002.tar"]
    assert names(shards[2]) == ["00000002-b.png"]


@pytest.mark.parametrize(
    ("name", "image_format", "member"),
    [
        ("photo", "JPEG", "00000000-photo.jpg"),
        ("IMG_2024.05.01", "JPEG", "00000000-IMG_2024_05_01.jpg"),
        ("a.jpg_large", "PNG", "00000000-a_jpg_large.png"),
        ("scan.TIF", "TIFF", "00000000-scan.tif"),
        ("wrong.png", "JPEG", "00000000-wrong.png"),
        ("unknown.x", None, "00000000-unknown.x"),
    ],
)
def test_a_name_without_an_ending_gets_that_of_its_format(tmp_path, name, image_format, member):
    row = {"label": pa.array([None], pa.string()), "format": pa.array([image_format], pa.string())}
    item = Item(
        file=Path(name), place=Path(name), row=pa.RecordBatch.from_pydict(row), content=b"bytes"
    )
    with WebDatasetExporter.open(tmp_path) as exporter:
        exporter.add(item)
    assert names(tmp_path / "000000.tar") == [member]

"""What stages do with images that are no files of one folder."""

import io
import json
import tarfile

import pyarrow.parquet as pq
import pytest

from curate.choices import ExportAs
from curate.copies.config import DedupConfig
from curate.errors import CurateError, UsageError
from curate.stages.dedup import dedup
from curate.stages.export import ExportConfig, export
from curate.stages.prune import PruneConfig, prune
from tests.sources.made_sources import some_images, write_folder, write_parquet, write_tars


def make_manifest(address, tmp_path, **config):
    config = DedupConfig(level="pixels", **config)
    out = tmp_path / "m.parquet"
    return dedup(address, config, out=out, workspace=tmp_path / ".curate")


@pytest.fixture
def pictures():
    images = some_images(8)
    return images | {"dog/copy.png": images["cat/000.png"]}


@pytest.fixture(params=["tars", "parquet", "many"])
def address(request, pictures, tmp_path):
    match request.param:
        case "tars":
            return write_tars(tmp_path / "tars", pictures)
        case "parquet":
            return write_parquet(tmp_path / "t.parquet", pictures)
        case _:
            items = list(pictures.items())
            folder = write_folder(tmp_path / "images", dict(items[:4]))
            return [folder, write_tars(tmp_path / "tars", dict(items[4:]))]


def test_copies_are_found_in_any_source_and_exported_byte_by_byte(address, pictures, tmp_path):
    result = make_manifest(address, tmp_path)
    assert (result.n_images, result.n_duplicates) == (9, 1)
    kept = sorted(set(pictures.values()))
    export(result.manifest, tmp_path / "tar", ExportConfig(form=ExportAs.TAR))
    with tarfile.open(tmp_path / "tar/000000.tar") as archive:
        members = [one for one in archive.getmembers() if one.name.endswith(".png")]
        assert sorted(archive.extractfile(one).read() for one in members) == kept
    export(result.manifest, tmp_path / "parquet", ExportConfig(form=ExportAs.PARQUET))
    images = pq.read_table(tmp_path / "parquet/000000.parquet")["image"].to_pylist()
    assert sorted(image["bytes"] for image in images) == kept
    export(result.manifest, tmp_path / "copy", ExportConfig(form=ExportAs.COPY))
    files = [file for file in (tmp_path / "copy").rglob("*") if file.is_file()]
    assert sorted(file.read_bytes() for file in files) == kept
    assert {file.suffix for file in files} == {".png"}


def test_what_needs_files_of_its_own_is_refused_with_a_way_out(pictures, tmp_path):
    make_manifest(write_tars(tmp_path / "tars", pictures), tmp_path)
    manifest = tmp_path / "m.parquet"
    for form in (ExportAs.SYMLINK, ExportAs.HARDLINK, ExportAs.LIST, ExportAs.COCO):
        with pytest.raises(
            UsageError, match=r"is no file of its own: it lies in .*\.tar"
        ) as caught:
            export(manifest, tmp_path / "out", ExportConfig(form=form))
        assert "--as copy, tar or parquet" in caught.value.hint
    with pytest.raises(UsageError, match="its images lie in archives"):
        prune(manifest, PruneConfig())


def test_an_archive_that_changed_after_the_manifest_is_left_out_or_ends_the_export(
    pictures, tmp_path
):
    folder = write_tars(tmp_path / "tars", pictures)
    manifest = make_manifest(folder, tmp_path).manifest
    content = (folder / "0001.tar").read_bytes()
    (folder / "0001.tar").write_bytes(content + content)
    result = export(manifest, tmp_path / "out", ExportConfig(form=ExportAs.COPY))
    assert (result.n_images, result.n_changed) == (4, 4)
    with pytest.raises(Exception, match="has changed since the manifest was written"):
        export(manifest, tmp_path / "fail", ExportConfig(form=ExportAs.COPY, changed="fail"))


@pytest.mark.filterwarnings("ignore:Cannot")  # dill, of datasets
def test_load_dataset_reads_an_export(pictures, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    table = write_parquet(tmp_path / "t.parquet", pictures)
    manifest = make_manifest(table, tmp_path, labels="source").manifest
    table = pq.read_table(manifest)
    table = table.append_column("split", [["train"] * 6 + ["test"] * 3])
    pq.write_table(table, manifest)
    export(manifest, tmp_path / "hf", ExportConfig(form=ExportAs.HF))
    loaded = datasets.load_dataset(str(tmp_path / "hf"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(part) for name, part in loaded.items()} == {"train": 6, "test": 2}
    assert isinstance(loaded["train"].features["image"], datasets.Image)
    assert loaded["train"].features["label"].names == ["cat", "dog"]
    row = loaded["train"].cast_column("image", datasets.Image(decode=False))[1]
    assert row["image"]["bytes"] == pictures["dog/001.png"]
    assert row["label"] == 1
    croissant = json.loads((tmp_path / "hf/croissant.json").read_text())
    assert croissant["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert [one["name"] for one in croissant["distribution"]] == [
        "test-000000.parquet", "train-000000.parquet",
    ]  # fmt: skip
    assert io.BytesIO(row["image"]["bytes"]).read(4) == b"\x89PNG"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("reached", ["by the folder around it", "by a link in another folder"])
def test_a_file_that_two_sources_reach_is_one_file_and_no_copy(tmp_path, pictures, reached, first):
    own = write_folder(tmp_path / "all/own", pictures)
    other = tmp_path / ("all" if reached == "by the folder around it" else "links")
    write_folder(other, {"further.png": some_images(9)["cat/006.png"]})
    if reached == "by a link in another folder":
        (other / "deep").symlink_to(own)
    sources = [own, other] if first else [other, own]
    result = make_manifest([str(one) for one in sources], tmp_path)
    assert (result.n_links, result.n_duplicates) == (9, 2)
    assert result.n_images == 9 + 10
    assert result.duplicate_bytes == sum(len(pictures[f"cat/00{n}.png"]) for n in (0, 6))
    rows = {row["path"]: row for row in pq.read_table(result.manifest).to_pylist()}
    links = {path for path, row in rows.items() if row["match"] == "file"}
    assert len(links) >= 7
    if reached == "by a link in another folder":
        assert all(path.startswith("links/deep/") for path in links)


def test_several_sources_are_named_side_by_side_in_a_message(tmp_path, pictures):
    sources = [str(write_folder(tmp_path / name, pictures)) for name in "ab"]
    result = make_manifest(sources, tmp_path)
    with pytest.raises(UsageError, match=f"from {tmp_path}/a, {tmp_path}/b: its images are no"):
        prune(result.manifest, PruneConfig())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"against": "nofolder"}, "nofolder does not exist"),
        ({"against": "no.parquet"}, "no manifest at no.parquet"),
        ({"config": DedupConfig(level="semantic")}, "has no trained model"),
    ],
)
def test_what_is_not_there_is_told_before_anything_is_scanned(tmp_path, pictures, options, said):
    folder, space = write_folder(tmp_path / "a", pictures), tmp_path / ".curate"
    with pytest.raises(CurateError, match=said):
        dedup(folder, out=tmp_path / "m.parquet", workspace=space, **options)
    assert not (space / "catalogue.parquet").exists()


def test_a_name_that_a_list_cannot_hold_is_told_before_anything_is_read(tmp_path, pictures):
    folder = write_folder(
        tmp_path / "a", pictures | {"z/two\nlines.png": some_images(9)["cat/008.png"]}
    )
    result = make_manifest(folder, tmp_path)
    (folder / "cat/002.png").unlink()
    with pytest.raises(UsageError, match="line break"):
        export(result.manifest, tmp_path / "list", ExportConfig(form=ExportAs.LIST))

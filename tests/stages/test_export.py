import os

import pyarrow as pa
import pytest

from curate import ExportConfig, SampleConfig, export, sample
from curate.choices import ExportAs, Layout
from curate.errors import InputError, UsageError
from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest, write_manifest
from curate.manifest.rows import HeldRows
from tests.conftest import picture, save


def written(root, paths, **columns):
    rows = [dict.fromkeys(SCAN_COLUMNS.names) | {"path": p, "status": "ok"} for p in paths]
    table = pa.Table.from_pylist(rows, schema=SCAN_COLUMNS)
    for name, values in columns.items():
        known = [name] if name in table.column_names else []
        table = table.drop_columns(known).append_column(name, [pa.array(values)])
    write_manifest(Manifest(rows=HeldRows(table), source=str(root / "images")), root / "m.parquet")
    return root / "m.parquet"


@pytest.fixture
def place(tmp_path):
    for seed, name in enumerate(("a.png", "deep/er/b.png", "c.png")):
        save(tmp_path / "images" / name, picture(seed))
    return tmp_path


@pytest.fixture
def manifest(place):
    return written(place, ["a.png", "c.png", "deep/er/b.png"], selected=[True, False, True])


def taken(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


@pytest.mark.parametrize("form", [ExportAs.SYMLINK, ExportAs.HARDLINK, ExportAs.COPY])
def test_selected_images_are_taken_out_under_their_paths(place, manifest, form):
    result = export(manifest, place / "out", ExportConfig(form=form))
    assert result.n_images == 2
    assert taken(place / "out") == ["a.png", "deep/er/b.png"]
    original, out = place / "images" / "a.png", place / "out" / "a.png"
    assert out.read_bytes() == original.read_bytes()
    assert out.is_symlink() == (form is ExportAs.SYMLINK)
    assert os.path.samefile(out, original) == (form is not ExportAs.COPY)


def test_a_list_names_the_source_files(place, manifest):
    export(manifest, place / "out", ExportConfig(form=ExportAs.LIST))
    lines = (place / "out" / "images.txt").read_text().splitlines()
    assert lines == [str(place / "images" / "a.png"), str(place / "images" / "deep/er/b.png")]


def test_an_image_that_was_not_judged_is_kept_as_sample_keeps_it(place):
    manifest = written(place, ["a.png", "c.png", "deep/er/b.png"], keep=[None, False, True])
    assert export(manifest, place / "out").n_images == 2
    assert taken(place / "out") == ["a.png", "deep/er/b.png"]
    config = SampleConfig(size=2, by=("status",))
    assert sample(manifest, config, out=place / "s.parquet").n_available == 2


def test_kept_images_are_taken_where_none_were_sampled(place):
    manifest = written(place, ["a.png", "c.png"], keep=[False, True])
    export(manifest, place / "out")
    assert taken(place / "out") == ["c.png"]


@pytest.mark.parametrize("path", ["../escape.png", "/etc/escape.png", "%2e%2e/escape.png"])
def test_a_path_that_leads_out_of_the_folder_is_refused(place, path):
    save(place / "escape.png", picture(9))
    manifest = written(place, ["a.png", path])
    with pytest.raises(InputError, match="leads out"):
        export(manifest, place / "out")
    assert not (place / "out").exists()
    assert not list(place.glob(".*.partial"))


@pytest.mark.parametrize("name", ["images", "images/inside", "."])
def test_the_source_and_folders_around_it_are_refused(place, manifest, name):
    with pytest.raises(UsageError, match="lie in each other"):
        export(manifest, place / name)


def test_a_folder_that_holds_something_is_refused_and_an_empty_one_is_filled(place, manifest):
    save(place / "full" / "mine.png", picture(5))
    with pytest.raises(UsageError, match="not an empty folder"):
        export(manifest, place / "full")
    (place / "out").mkdir()
    assert export(manifest, place / "out").n_images == 2


def test_an_image_that_is_gone_leaves_no_half_filled_folder(place, manifest):
    (place / "images" / "deep" / "er" / "b.png").unlink()
    with pytest.raises(InputError, match="is gone"):
        export(manifest, place / "out")
    assert not (place / "out").exists()


def test_names_that_are_no_utf8_come_out_as_they_were(place):
    raw = os.path.join(os.fsencode(place / "images"), b"caf\xe9.png")
    os.rename(os.fsencode(place / "images" / "a.png"), raw)
    export(written(place, ["caf%E9.png"]), place / "out", ExportConfig(form=ExportAs.COPY))
    assert os.listdir(os.fsencode(place / "out")) == [b"caf\xe9.png"]


@pytest.fixture
def labelled(place):
    """A manifest of three images with label and split, written to m.parquet."""
    paths = ["a.png", "c.png", "deep/er/b.png"]
    manifest = written(place, paths, split=["train", "train", "test"], keep=[True, True, True])
    import pyarrow.parquet as pq

    table = pq.read_table(manifest)
    column = table.schema.get_field_index("label")
    table = table.set_column(column, "label", [pa.array(["cat", "dog", None])])
    pq.write_table(table, manifest)
    return manifest


def test_an_expression_chooses_rows(place, labelled):
    config = ExportConfig(where="split = 'train' and label != 'cat'")
    export(labelled, place / "out", config)
    assert taken(place / "out") == ["c.png"]


@pytest.mark.parametrize(
    "expression",
    [
        "colour = 1",
        "split =",
        "true) union select 1 --",
        "1; select 2",
        "path = read_text('/etc/passwd')",
    ],
)
def test_an_expression_that_cannot_be_used_is_a_mistake(place, labelled, expression):
    with pytest.raises(UsageError, match=r"cannot be used|is no expression"):
        export(labelled, place / "out", ExportConfig(where=expression))
    assert not (place / "out").exists()


def test_flat_names_that_meet_are_told_apart(place):
    save(place / "images" / "x" / "a.png", picture(7))
    manifest = written(place, ["a.png", "x/a.png"])
    export(manifest, place / "out", ExportConfig(layout=Layout.FLAT))
    assert taken(place / "out") == ["a-2.png", "a.png"]


def test_split_and_label_make_an_image_folder_for_torchvision(place, labelled):
    from torchvision.datasets import ImageFolder

    export(labelled, place / "out", ExportConfig(layout=Layout.SPLIT_LABEL))
    data = ImageFolder(place / "out" / "train")
    assert data.classes == ["cat", "dog"]
    assert len(data) == 2
    assert taken(place / "out")[0] == "test/none/b.png"


def test_a_layout_without_its_column_is_a_mistake(place, manifest):
    with pytest.raises(UsageError, match="no column 'split'"):
        export(manifest, place / "out", ExportConfig(layout=Layout.SPLIT_LABEL))


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # it leaves a file open
def test_tars_are_read_by_webdataset(place, labelled):
    webdataset = pytest.importorskip("webdataset")
    export(labelled, place / "out", ExportConfig(form=ExportAs.TAR))
    data = webdataset.WebDataset(str(place / "out" / "000000.tar"), shardshuffle=False)
    samples = list(data)
    assert [sample["__key__"] for sample in samples] == ["00000000-a", "00000001-c", "00000002-b"]
    assert samples[0]["png"] == (place / "images" / "a.png").read_bytes()
    assert [sample.get("cls.txt") for sample in samples] == [b"cat", b"dog", None]


def test_parquet_is_read_by_datasets(place, labelled, tmp_path):
    datasets = pytest.importorskip("datasets")
    export(labelled, place / "out", ExportConfig(form=ExportAs.PARQUET))
    data = datasets.Dataset.from_parquet(
        str(place / "out" / "000000.parquet"), cache_dir=str(tmp_path / "cache")
    ).cast_column("image", datasets.Image())
    assert len(data) == 3
    assert data[0]["image"].size == (96, 72)
    assert data[1]["label"] == "dog"


def test_large_exports_are_sharded(place, labelled, monkeypatch):
    import curate.exporters.archives

    monkeypatch.setattr(curate.exporters.archives, "SHARD_BYTES", 1)
    monkeypatch.setattr(curate.exporters.archives, "_ROW_GROUP", 1)
    for form in (ExportAs.TAR, ExportAs.PARQUET):
        export(labelled, place / form.value, ExportConfig(form=form))
        assert len(taken(place / form.value)) == 3


@pytest.fixture
def sized(place, labelled):
    """The manifest of ``labelled`` with the sizes of the images."""
    import pyarrow.parquet as pq

    table = pq.read_table(labelled)
    for name, value in (("width", 96), ("height", 72)):
        column = table.schema.get_field_index(name)
        table = table.set_column(column, name, [pa.array([value] * 3, pa.int32())])
    pq.write_table(table, labelled)
    return labelled


def test_coco_is_read_by_pycocotools_and_torchvision(place, sized):
    coco = pytest.importorskip("pycocotools.coco")
    from torchvision.datasets import CocoDetection

    export(sized, place / "out", ExportConfig(form=ExportAs.COCO))
    read = coco.COCO(place / "out" / "labels.json")
    assert [read.cats[number]["name"] for number in read.getCatIds()] == ["cat", "dog"]
    assert [image["file_name"] for image in read.loadImgs(read.getImgIds())] == [
        "a.png",
        "c.png",
        "deep/er/b.png",
    ]
    assert len(read.getAnnIds(catIds=[2])) == 1
    data = CocoDetection(place / "out" / "data", place / "out" / "labels.json")
    image, (label,) = data[1]
    assert image.size == (96, 72)
    assert (label["category_id"], label["bbox"]) == (2, [0, 0, 96, 72])
    assert data[2][1] == []


def test_fiftyones_labels_go_by_path_without_ending_and_none_meet(place, sized):
    import json

    save(place / "images" / "a.bmp", picture(8))
    manifest = written(place, ["a.bmp", "a.png", "deep/er/b.png"])
    export(manifest, place / "out", ExportConfig(form=ExportAs.FIFTYONE))
    assert taken(place / "out" / "data") == ["a-2.png", "a.bmp", "deep/er/b.png"]
    labels = json.loads((place / "out" / "labels.json").read_text())["labels"]
    assert labels == {"a": None, "a-2": None, "deep/er/b": None}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of FiftyOne and what it brings along
def test_fiftyones_format_is_read_by_fiftyone(place, monkeypatch):
    monkeypatch.setenv("FIFTYONE_DATABASE_DIR", str(place / "database"))
    monkeypatch.setenv("FIFTYONE_DO_NOT_TRACK", "true")
    fiftyone = pytest.importorskip("fiftyone", reason="fiftyone brings a database along")
    save(place / "images" / "a.bmp", picture(8))
    labels = ["dog", "cat", None, "dog"]
    manifest = written(place, ["a.bmp", "a.png", "c.png", "deep/er/b.png"], label=labels)
    export(manifest, place / "out", ExportConfig(form=ExportAs.FIFTYONE))
    kind = fiftyone.types.FiftyOneImageClassificationDataset
    try:
        data = fiftyone.Dataset.from_dir(dataset_dir=str(place / "out"), dataset_type=kind)
    except fiftyone.core.config.FiftyOneConfigError as error:
        pytest.skip(f"no database for fiftyone: {error}")
    root = place / "out" / "data"
    read = {
        os.path.relpath(s.filepath, root): s.ground_truth and s.ground_truth.label for s in data
    }
    assert read == {"a.bmp": "dog", "a-2.png": "cat", "c.png": None, "deep/er/b.png": "dog"}

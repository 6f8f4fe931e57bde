import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import ExportConfig, SampleConfig, export, sample
from curate.choices import ExportAs, Layout
from curate.errors import InputError, UsageError
from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest, write_manifest
from curate.manifest.rows import HeldRows
from curate.progress import Silent
from tests.conftest import Notes, picture, save

PATHS = ["a.png", "c.png", "deep/er/b.png"]


def written(root, paths, **columns):
    """Write a manifest of readable images of 96 x 72 pixels, with more columns."""
    known = {"status": "ok", "width": 96, "height": 72}
    rows = [dict.fromkeys(SCAN_COLUMNS.names) | known | {"path": path} for path in paths]
    table = pa.Table.from_pylist(rows, schema=SCAN_COLUMNS)
    known = {"objects": [["cat"]] * len(paths), "boxes": [[1.0, 2.0, 3.0, 4.0]] * len(paths)}
    for name, values in (known | columns).items():
        replaced = [name] if name in table.column_names else []
        table = table.drop_columns(replaced).append_column(name, [pa.array(values)])
    write_manifest(Manifest(rows=HeldRows(table), source=str(root / "images")), root / "m.parquet")
    return root / "m.parquet"


@pytest.fixture
def place(tmp_path):
    for seed, name in enumerate(PATHS):
        save(tmp_path / "images" / name, picture(seed))
    return tmp_path


@pytest.fixture
def manifest(place):
    return written(place, PATHS, selected=[True, False, True])


@pytest.fixture
def labelled(place):
    """A manifest of three images that are kept, with label and split."""
    splits = ["train", "train", "test"]
    return written(place, PATHS, split=splits, keep=[True] * 3, label=["cat", "dog", None])


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def test_selected_images_are_exported_under_their_paths(place, manifest):
    result = export(manifest, place / "out")
    assert (result.n_images, result.form) == (2, "symlink")
    assert files(place / "out") == ["a.png", "deep/er/b.png"]


def test_an_image_that_was_not_judged_is_kept_as_sample_keeps_it(place):
    manifest = written(place, ["a.png", "c.png", "deep/er/b.png"], keep=[None, False, True])
    assert export(manifest, place / "out").n_images == 2
    assert files(place / "out") == ["a.png", "deep/er/b.png"]
    config = SampleConfig(size=2, by=("status",))
    assert sample(manifest, config, out=place / "s.parquet").n_available == 2


def test_kept_images_are_exported_where_none_were_sampled(place):
    manifest = written(place, ["a.png", "c.png"], keep=[False, True])
    export(manifest, place / "out")
    assert files(place / "out") == ["c.png"]


def test_unreadable_images_are_not_exported(place):
    manifest = written(place, PATHS, status=["ok", "unreadable", "ok"])
    export(manifest, place / "out", ExportConfig(where="true"))
    assert files(place / "out") == ["a.png", "deep/er/b.png"]


@pytest.mark.parametrize("form", ExportAs)
def test_every_format_holds_every_image_once_and_leaves_nothing_else(place, labelled, form):
    steps = []

    class Counter(Silent):
        def advance(self, steps_done=1):
            steps.append(steps_done)

    result = export(labelled, place / "out", ExportConfig(form=form), progress=Counter())
    assert (result.n_images, sum(steps)) == (3, 3)
    assert files(place / "out")
    assert sorted(path.name for path in place.iterdir()) == ["images", "m.parquet", "out"]


@pytest.mark.parametrize("form", ExportAs)
def test_nothing_to_export_is_a_mistake_and_makes_no_folder(place, labelled, form):
    config = ExportConfig(form=form, where="false")
    with pytest.raises(InputError, match=r"no readable image.* is chosen"):
        export(labelled, place / "out", config)
    assert not (place / "out").exists()


def test_every_column_of_the_manifest_goes_into_parquet(place, labelled):
    export(labelled, place / "out", ExportConfig(form=ExportAs.PARQUET))
    table = pq.read_table(place / "out" / "000000.parquet")
    assert table.schema.names == [*pq.read_schema(labelled).names, "image"]
    assert table["label"].to_pylist() == ["cat", "dog", None]


def test_a_column_image_of_the_manifest_has_another_name_in_parquet(place):
    manifest = written(place, PATHS, image=["x", "y", "z"], image_1=[1, 2, 3])
    notes = Notes()
    export(manifest, place / "out", ExportConfig(form=ExportAs.PARQUET), progress=notes)
    table = pq.read_table(place / "out" / "000000.parquet")
    assert table["image_2"].to_pylist() == ["x", "y", "z"]
    assert table["image"][0]["path"].as_py() == "a.png"
    assert notes.notes == ["the manifest's column 'image' is 'image_2': 'image' holds the pictures"]


def test_a_format_that_needs_a_column_says_so_before_anything_is_written(place, labelled):
    table = pq.read_table(labelled)
    pq.write_table(table.drop_columns(["label"]), labelled)
    with pytest.raises(UsageError, match="no column 'label'"):
        export(labelled, place / "out", ExportConfig(form=ExportAs.COCO))
    assert not (place / "out").exists()


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


def test_the_folder_one_is_in_is_filled_and_not_replaced(place, manifest, monkeypatch):
    (place / "out").mkdir()
    monkeypatch.chdir(place / "out")
    export(manifest, ".")
    assert sorted(os.listdir()) == ["a.png", "deep"]


@pytest.mark.parametrize("form", ExportAs)
def test_an_image_that_is_gone_leaves_no_half_filled_folder(place, labelled, form):
    (place / "images" / "deep" / "er" / "b.png").unlink()
    with pytest.raises(InputError, match="is gone"):
        export(labelled, place / "out", ExportConfig(form=form))
    assert sorted(path.name for path in place.iterdir()) == ["images", "m.parquet"]


def test_names_that_are_no_utf8_come_out_as_they_were(place):
    raw = os.path.join(os.fsencode(place / "images"), b"caf\xe9.png")
    os.rename(os.fsencode(place / "images" / "a.png"), raw)
    export(written(place, ["caf%E9.png"]), place / "out", ExportConfig(form=ExportAs.COPY))
    assert os.listdir(os.fsencode(place / "out")) == [b"caf\xe9.png"]


def test_an_expression_chooses_rows(place, labelled):
    config = ExportConfig(where="split = 'train' and label != 'cat'")
    export(labelled, place / "out", config)
    assert files(place / "out") == ["c.png"]


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


def test_split_and_label_make_an_image_folder_for_torchvision(place, labelled):
    from torchvision.datasets import ImageFolder

    export(labelled, place / "out", ExportConfig(layout=Layout.SPLIT_LABEL))
    data = ImageFolder(place / "out" / "train")
    assert data.classes == ["cat", "dog"]
    assert len(data) == 2
    assert files(place / "out")[0] == "test/none/b.png"


def test_a_layout_without_its_column_is_a_mistake(place, manifest):
    with pytest.raises(UsageError, match="no column 'split'"):
        export(manifest, place / "out", ExportConfig(layout=Layout.SPLIT_LABEL))


def test_labels_of_fiftyone_belong_to_one_image_each(place):
    save(place / "images" / "a.bmp", picture(8))
    manifest = written(place, ["a.bmp", "a.png", "deep/er/b.png"])
    export(manifest, place / "out", ExportConfig(form=ExportAs.FIFTYONE))
    assert files(place / "out" / "data") == ["a-2.png", "a.bmp", "deep/er/b.png"]
    labels = json.loads((place / "out" / "labels.json").read_text())["labels"]
    assert labels == {"a": None, "a-2": None, "deep/er/b": None}


@pytest.fixture
def dated(place):
    """A manifest with sizes and hashes of three images, and a workspace that knows their times."""
    from curate import DedupConfig, dedup

    listed = [{"id": path, "file_name": path} for path in PATHS]
    coco = {"images": listed, "annotations": [], "categories": []}
    (place / "coco.json").write_text(json.dumps(coco))
    config = DedupConfig(labels=str(place / "coco.json"))
    dedup(place / "images", config, out=place / "m.parquet", workspace=place / ".curate")
    return place / "m.parquet"


def change(file, *, keeps_size, keeps_time):
    """Change a file; its size and time may stay as they were."""
    before, raw = file.stat(), bytearray(file.read_bytes())
    raw[-20] ^= 0xFF
    file.write_bytes(bytes(raw) + (b"" if keeps_size else b"more"))
    if keeps_time:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("form", ExportAs)
@pytest.mark.parametrize(
    ("keeps_size", "keeps_time"), [(False, False), (False, True), (True, False)]
)
def test_a_file_that_has_changed_is_told_and_left_out(place, dated, form, keeps_size, keeps_time):
    change(place / "images" / "c.png", keeps_size=keeps_size, keeps_time=keeps_time)
    config, notes = ExportConfig(form=form), Notes()
    result = export(dated, place / "out", config, workspace=place / ".curate", progress=notes)
    assert (result.n_images, result.n_changed) == (2, 1)
    (note,) = notes.notes
    assert "c.png has changed" in note


@pytest.mark.parametrize("form", [ExportAs.COPY, ExportAs.TAR, ExportAs.PARQUET])
def test_where_the_bytes_are_read_the_hash_tells_any_change(place, dated, form):
    change(place / "images" / "c.png", keeps_size=True, keeps_time=True)
    nowhere = place / "nowhere"
    result = export(dated, place / "out", ExportConfig(form=form), workspace=nowhere)
    assert (result.n_images, result.n_changed) == (2, 1)


def test_a_file_that_was_only_touched_is_the_same(place, dated):
    os.utime(place / "images" / "c.png", (1, 1))
    assert export(dated, place / "out", workspace=place / ".curate").n_changed == 0


def test_a_file_that_was_scanned_again_since_is_another_than_the_manifest_says(place, dated):
    from curate import dedup

    change(place / "images" / "c.png", keeps_size=True, keeps_time=False)
    space = place / ".curate"
    dedup(place / "images", out=place / "newer.parquet", workspace=space)
    assert export(dated, place / "out", workspace=space).n_changed == 1
    assert export(place / "newer.parquet", place / "new", workspace=space).n_changed == 0


def test_changed_files_may_be_taken_or_end_the_export(place, dated):
    change(place / "images" / "c.png", keeps_size=False, keeps_time=False)
    taken = export(dated, place / "out", ExportConfig(form="copy", changed="take"))
    assert (taken.n_images, taken.n_changed) == (3, 1)
    assert (place / "out" / "c.png").read_bytes() == (place / "images" / "c.png").read_bytes()
    with pytest.raises(InputError, match=r"c\.png has changed"):
        export(dated, place / "not", ExportConfig(changed="fail"))
    assert not (place / "not").exists()


def test_names_of_255_bytes_are_exported_and_numbered(place):
    name = "é" * 125 + ".png"
    save(place / "images" / name, picture(1))
    save(place / "images" / "deep" / name, picture(2))
    manifest = written(place, [f"deep/{name}", name])
    for form in (ExportAs.COPY, ExportAs.TAR, ExportAs.FIFTYONE):
        config = ExportConfig(form=form, layout=Layout.FLAT)
        assert export(manifest, place / form.value, config).n_images == 2
    assert max(len(os.fsencode(path)) for path in os.listdir(place / "copy")) <= 255
    assert len(files(place / "copy")) == 2


@pytest.mark.parametrize("form", ExportAs)
def test_every_format_takes_names_that_are_no_utf8(place, form):
    raw = os.path.join(os.fsencode(place / "images"), b"caf\xe9.png")
    os.rename(os.fsencode(place / "images" / "a.png"), raw)
    manifest = written(place, ["caf%E9.png"], label=["cat"])
    assert export(manifest, place / "out", ExportConfig(form=form)).n_images == 1


def test_null_is_for_lists():
    assert ExportConfig(form="list", null=True).null
    with pytest.raises(UsageError, match="--null"):
        ExportConfig(form="copy", null=True)

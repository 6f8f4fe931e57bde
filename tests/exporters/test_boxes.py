"""Objects and boxes that came from COCO, YOLO or VOC go out again, through every stage between."""

import json
import warnings

import pyarrow.parquet as pq
import pytest
import yaml

from curate import (
    DedupConfig,
    ExportConfig,
    SampleConfig,
    SplitConfig,
    dedup,
    export,
    sample,
    split,
)
from curate.annotations.voc import read_objects
from curate.choices import ExportAs, Level
from curate.errors import InputError, UsageError
from curate.exporters.base import BoxedObject, _read_details
from curate.exporters.yolo import _find_polygon
from curate.manifest.manifest import read_manifest
from tests.conftest import Notes, picture, save

BOXES = {"a.png": [("car", (10, 20, 30, 40))], "b.png": [], "c.png": [("dog", (0, 0, 96, 72))] * 2}
CLASSES = {"dog": 18, "car": 3}


@pytest.fixture
def manifest(tmp_path):
    """A manifest of four images, of which three are in a COCO file."""
    for seed, name in enumerate([*BOXES, "unknown.png"]):
        save(tmp_path / "images" / name, picture(seed))
    content = {
        "images": [{"id": n, "file_name": n, "width": 96, "height": 72} for n in BOXES],
        "annotations": [
            {"id": 1, "image_id": file, "category_id": CLASSES[name], "bbox": box}
            for file, objects in BOXES.items()
            for name, box in objects
        ],
        "categories": [{"id": number, "name": name} for name, number in CLASSES.items()],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    out = tmp_path / "m.parquet"
    config = DedupConfig(level=Level.BYTES, labels=str(tmp_path / "coco.json"))
    dedup(tmp_path / "images", config, out=out, workspace=tmp_path / ".curate")
    return out


def exported(manifest, form):
    heard = Notes()
    root = manifest.parent
    config = ExportConfig(form=form)
    export(manifest, root / "out", config, workspace=root / ".curate", progress=heard)
    return root / "out", heard.notes


def test_coco_comes_out_as_it_went_in(manifest):
    folder, _ = exported(manifest, ExportAs.COCO)
    content = json.loads((folder / "labels.json").read_text())
    name_of = {one["id"]: one["file_name"] for one in content["images"]}
    assert sorted(name_of.values()) == [*BOXES, "unknown.png"]
    found = {name: [] for name in BOXES}
    class_of = {one["id"]: one["name"] for one in content["categories"]}
    for one in content["annotations"]:
        found[name_of[one["image_id"]]].append((class_of[one["category_id"]], tuple(one["bbox"])))
    assert found == BOXES
    assert {name: number for number, name in class_of.items()} == CLASSES


def test_yolo_has_a_file_for_each_known_image_and_numbers_classes_without_gaps(manifest):
    folder, notes = exported(manifest, ExportAs.YOLO)
    assert (folder / "labels/a.txt").read_text() == "0 0.260417 0.555556 0.312500 0.555556\n"
    assert (folder / "labels/b.txt").read_text() == ""
    assert not (folder / "images/unknown.png").exists()
    assert notes == ["1 image of whose objects nothing is known is left out"]
    facts = yaml.safe_load((folder / "data.yaml").read_text())
    assert facts == {
        "path": ".", "train": "images", "val": "images", "names": {0: "car", 1: "dog"},
    }  # fmt: skip


def test_images_without_known_boxes_make_no_dataset_of_boxes(manifest):
    config = ExportConfig(form=ExportAs.YOLO, where="path = 'unknown.png'")
    with pytest.raises(InputError, match="no readable image with boxes is chosen"):
        export(manifest, manifest.parent / "none", config, workspace=manifest.parent / ".curate")
    assert not (manifest.parent / "none").exists()


def test_yolo_comes_back_from_its_export_split_by_split(manifest, tmp_path):
    split(manifest, SplitConfig(ratios=(("train", 0.5), ("val", 0.5))))
    folder, _ = exported(manifest, ExportAs.YOLO)
    config = DedupConfig(level=Level.BYTES, labels=str(folder / "data.yaml"))
    out = tmp_path / "again.parquet"
    dedup(folder / "images", config, out=out, workspace=tmp_path / "again")
    rows = {row["path"].split("/")[-1]: row for row in pq.read_table(out).to_pylist()}
    for name, objects in BOXES.items():
        assert rows[name]["objects"] == [kind for kind, _ in objects]
        flat = [side for _, box in objects for side in box]
        assert rows[name]["boxes"] == pytest.approx(flat, abs=1e-3)
    stages = read_manifest(out).stages
    assert stages["scan"]["classes"] == {"car": 0, "dog": 1}
    export(out, tmp_path / "coco", ExportConfig(form=ExportAs.COCO), workspace=tmp_path / "again")
    content = json.loads((tmp_path / "coco/labels.json").read_text())
    assert [(one["id"], one["name"]) for one in content["categories"]] == [(1, "car"), (2, "dog")]
    facts = yaml.safe_load((folder / "data.yaml").read_text())
    assert facts["train"] == "images/train"
    assert facts["val"] == "images/val"


LAYOUTS = {
    "of YOLO": ["images/train/x.png", "images/val/x.png", "images/train/deep/y.png"],
    "of VOC": ["JPEGImages/x.png", "x.png", "JPEGImages/a/x.png"],
    "with such names everywhere": [
        "images/x.png",
        "x.png",
        "a/images/x.png",
        "images/images/x.png",
    ],
}
READ_BACK = [
    (ExportAs.YOLO, "", "data.yaml"),
    (ExportAs.YOLO, "images", "data.yaml"),
    (ExportAs.VOC, "", ""),
    (ExportAs.VOC, "JPEGImages", ""),
    (ExportAs.COCO, "", "labels.json"),
    (ExportAs.COCO, "data", "labels.json"),
]


@pytest.mark.parametrize(("form", "below", "labels"), READ_BACK)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_export_is_read_back_with_its_boxes(tmp_path, layout, form, below, labels):
    widths = {}
    for number, name in enumerate(LAYOUTS[layout], start=1):
        save(tmp_path / "source" / name, picture(number))
        widths[name] = float(number)
    content = {
        "images": [{"id": n, "file_name": n, "width": 96, "height": 72} for n in widths],
        "annotations": [
            {"id": name, "image_id": name, "category_id": 1, "bbox": [8, 8, width, 8]}
            for name, width in widths.items()
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    config = DedupConfig(level=Level.BYTES, labels=str(tmp_path / "coco.json"))
    out, space = tmp_path / "m.parquet", tmp_path / ".curate"
    dedup(tmp_path / "source", config, out=out, workspace=space)
    export(out, tmp_path / "e", ExportConfig(form=form), workspace=space)
    config = DedupConfig(level=Level.BYTES, labels=str(tmp_path / "e" / labels))
    dedup(tmp_path / "e" / below, config, out=tmp_path / "back.parquet", workspace=space)
    first, back = (
        {row["hash"]: row["boxes"] for row in pq.read_table(file).to_pylist()}
        for file in (out, tmp_path / "back.parquet")
    )
    assert back == {hash_: pytest.approx(box, abs=0.01) for hash_, box in first.items()}
    assert sorted(box[2] for box in first.values()) == list(widths.values())


def test_voc_has_xml_and_lists(manifest):
    folder, _ = exported(manifest, ExportAs.VOC)
    objects, size = read_objects(folder / "Annotations/a.xml")
    assert (objects, size) == ([("car", (10, 20, 30, 40))], (96, 72))
    assert (folder / "ImageSets/Main/train.txt").read_text().split() == ["a", "b", "c"]
    assert (folder / "JPEGImages/c.png").is_symlink()


def test_without_boxes_there_is_nothing_to_write(tmp_path):
    save(tmp_path / "images/a.png", picture(0))
    dedup(tmp_path / "images", out=tmp_path / "m.parquet", workspace=tmp_path / ".curate")
    with pytest.raises(UsageError, match="no column 'objects'"):
        exported(tmp_path / "m.parquet", ExportAs.YOLO)


def test_an_image_counts_for_its_rarest_class_in_a_sample(manifest):
    drawn = sample(
        manifest, SampleConfig(size=4, by=("objects",)), out=manifest.parent / "s.parquet"
    )
    assert drawn.n_groups == 4  # car, dog, no object, nothing known


OUTLINE = {"segmentation": [[10, 20, 40, 20, 40, 60.5]], "area": 607.5, "iscrowd": 0}
CROWD = {"segmentation": {"counts": [0, 96 * 72], "size": [72, 96]}, "area": 6912, "iscrowd": 1}
POINTS = {"keypoints": [12, 22, 2, 0, 0, 0], "num_keypoints": 1}


@pytest.fixture
def outlined(tmp_path):
    """A manifest of three images, two of them copies, of a COCO file with all that COCO knows."""
    for name in ("a.png", "a.bmp", "b.png"):
        save(tmp_path / "images" / name, picture(0 if name[0] == "a" else 1))
    annotations = [
        {"image_id": "a.png", "category_id": 3, "bbox": [10, 20, 30, 40.5], **OUTLINE, **POINTS},
        {"image_id": "a.png", "category_id": 3, "bbox": [0, 0, 96, 72], **CROWD},
        {"image_id": "b.png", "category_id": 3, "bbox": [1, 2, 3, 4]},
    ]
    content = {
        "images": [
            {"id": n, "file_name": n, "width": 96, "height": 72} for n in ("a.png", "b.png")
        ],
        "annotations": [{"id": n, **one} for n, one in enumerate(annotations)],
        "categories": [
            {"id": 3, "name": "dog", "keypoints": ["nose", "tail"], "skeleton": [[1, 2]]}
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    out = tmp_path / "m.parquet"
    config = DedupConfig(labels=str(tmp_path / "coco.json"), protect=("a.png",))
    dedup(tmp_path / "images", config, out=out, workspace=tmp_path / ".curate")
    split(out, SplitConfig(ratios=(("train", 0.5), ("val", 0.5))))
    return out


def test_outlines_keypoints_and_crowds_come_out_as_they_went_in(outlined):
    folder, _ = exported(outlined, ExportAs.COCO)
    content = json.loads((folder / "labels.json").read_text())
    places = {one["id"]: one["file_name"] for one in content["images"]}
    assert sorted(places.values()) == ["a.png", "b.png"]  # the copy, a.bmp, is dropped
    first, crowd, plain = sorted(content["annotations"], key=lambda one: one["id"])
    assert {name: first[name] for name in (*OUTLINE, *POINTS, "bbox")} == OUTLINE | POINTS | {
        "bbox": [10, 20, 30, 40.5]
    }
    assert {name: crowd[name] for name in CROWD} == CROWD
    assert (plain["area"], plain["iscrowd"], "segmentation" in plain) == (12, 0, False)
    assert content["categories"] == [
        {"id": 3, "name": "dog", "supercategory": "", "keypoints": ["nose", "tail"],
         "skeleton": [[1, 2]]}
    ]  # fmt: skip


def test_pycocotools_draws_the_outlines_of_an_export(outlined, capsys):
    coco = pytest.importorskip("pycocotools.coco")
    folder, _ = exported(outlined, ExportAs.COCO)
    read = coco.COCO(str(folder / "labels.json"))
    outline, crowd = read.loadAnns(read.getAnnIds(imgIds=read.getImgIds()[:1], iscrowd=None))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its own, of numpy 2
        masks = [read.annToMask(one) for one in (outline, crowd)]
    assert masks[1].sum() == 96 * 72
    assert masks[0].sum() == pytest.approx(OUTLINE["area"], rel=0.1)
    assert read.getAnnIds(iscrowd=True) == [crowd["id"]]


def test_yolo_writes_outlines_where_an_image_has_some(outlined):
    folder, _ = exported(outlined, ExportAs.YOLO)
    (file,) = folder.glob("labels/*/a.txt")
    polygon, crowd = file.read_text().splitlines()
    assert polygon == "0 0.104167 0.277778 0.416667 0.277778 0.416667 0.840278"
    assert crowd == "0" + " 0.000000 0.000000 1.000000 0.000000 1.000000 1.000000 0.000000 1.000000"
    (plain,) = folder.glob("labels/*/b.txt")
    assert len(plain.read_text().split()) == 5


@pytest.mark.parametrize("outline", [[5], [[1, 2, 3, 4, 5, None]], {"counts": "1"}, [], None])
def test_what_is_no_outline_is_written_as_a_box(outline):
    one = BoxedObject("cat", (0.0, 0.0, 1.0, 1.0), {"segmentation": outline})
    assert _find_polygon(one) is None


def test_details_that_are_no_json_cost_nothing():
    assert _read_details("{") == _read_details("[]") == _read_details(None) == {}

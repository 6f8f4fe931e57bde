import json

import pytest

from curate.choices import ExportAs


def test_coco_is_read_by_pycocotools_and_torchvision(exported):
    coco = pytest.importorskip("pycocotools.coco")
    from torchvision.datasets import CocoDetection

    folder = exported(ExportAs.COCO).folder
    dataset = coco.COCO(folder / "labels.json")
    assert [dataset.cats[number]["name"] for number in dataset.getCatIds()] == ["cat", "dog"]
    assert [image["file_name"] for image in dataset.loadImgs(dataset.getImgIds())] == [
        "a.png",
        "c.png",
        "deep/er/b.png",
    ]
    assert len(dataset.getAnnIds(catIds=[2])) == 1
    data = CocoDetection(folder / "data", folder / "labels.json")
    image, (label,) = data[1]
    assert image.size == (96, 72)
    assert (label["category_id"], label["bbox"]) == (2, [0, 0, 96, 72])
    assert data[2][1] == []


def test_categories_are_numbered_by_name_whatever_the_order_of_images(exported):
    folder = exported(ExportAs.COCO, {"1.png": "dog", "2.png": "cat", "3.png": "dog"}).folder
    content = json.loads((folder / "labels.json").read_text())
    assert [(row["id"], row["name"]) for row in content["categories"]] == [(1, "cat"), (2, "dog")]
    assert [row["category_id"] for row in content["annotations"]] == [2, 1, 2]


def test_without_labels_there_are_images_only(exported):
    folder = exported(ExportAs.COCO, {"1.png": None}).folder
    content = json.loads((folder / "labels.json").read_text())
    assert len(content["images"]) == 1
    assert (content["annotations"], content["categories"]) == ([], [])

import json

import pytest

from curate.annotations.open_labels import list_label_files, open_labels
from curate.annotations.yolo import parse_line
from curate.errors import InputError
from tests.annotations.conftest import write


def coco_of(tmp_path, **changes):
    content = {
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 200, "height": 100},
            {"id": 8, "file_name": "b.jpg", "width": 100, "height": 200},
            {"id": 9, "file_name": "gone.jpg", "width": 1, "height": 1},
        ],
        "annotations": [
            {"id": 1, "image_id": 8, "category_id": 3, "bbox": [1, 2, 3.5, 4]},
            {
                "id": 2,
                "image_id": 8,
                "category_id": 18,
                "bbox": [5, 6, 7, 8],
                "segmentation": [[5, 6, 12, 6, 12.5, 14]],
                "iscrowd": 0,
                "area": 28.25,
                "keypoints": [5, 6, 2],
            },
            {"id": 3, "image_id": 9, "category_id": 3, "bbox": [1, 1, 1, 1]},
            {"id": 4, "image_id": 8, "category_id": 3, "bbox": [0, 0, 9, 9]},
        ],
        "categories": [
            {"id": 18, "name": "dog", "supercategory": "animal", "keypoints": ["nose"]},
            {"id": 3, "name": "car"},
        ],
    }
    return write(tmp_path / "coco.json", json.dumps(content | changes))


def test_coco_gives_objects_and_boxes_image_by_image(asked, tmp_path):
    said = open_labels(str(coco_of(tmp_path))).read(asked("a.jpg", "b.jpg", "c.jpg"))
    assert said.objects.to_pylist() == [[], ["car", "dog", "car"], None]
    assert said.boxes.to_pylist() == [[], [1, 2, 3.5, 4, 5, 6, 7, 8, 0, 0, 9, 9], None]
    assert said.label.to_pylist() == [None, "car;dog", None]
    assert said.classes == {"dog": 18, "car": 3}
    assert said.notes == [
        "1 of the 3 images in coco.json is not here",
        "1 image is of another size, upright, than its boxes were drawn on",
    ]
    assert said.class_facts == {"dog": {"supercategory": "animal", "keypoints": ["nose"]}}
    empty, three, unknown = said.details.to_pylist()
    assert (empty, unknown) == ([], None)
    assert (three[0], three[2]) == (None, None)
    assert json.loads(three[1]) == {
        "segmentation": [[5, 6, 12, 6, 12.5, 14]], "iscrowd": 0, "area": 28.25,
        "keypoints": [5, 6, 2],
    }  # fmt: skip


@pytest.mark.parametrize("text", ["{", "[]", '{"images": [{"id": 1}]}', "no json", ""])
def test_what_is_no_coco_file_is_told(asked, tmp_path, text):
    file = write(tmp_path / "x.json", text)
    with pytest.raises(InputError, match=r"is no COCO file|lists no images"):
        open_labels(str(file)).read(asked("a.jpg"))


def test_identifiers_may_be_floats_and_what_no_list_has_is_told(asked, tmp_path):
    box = {"category_id": 3.0, "bbox": [1, 2, 3, 4]}
    strays = [{"image_id": 99, **box}, {"image_id": 8, "category_id": 4, "bbox": [0, 0, 1, 1]}]
    file = coco_of(tmp_path, annotations=[{"image_id": 8.0, **box}, *strays])
    said = open_labels(str(file)).read(asked("a.jpg", "b.jpg"))
    assert said.objects.to_pylist() == [[], ["car"]]
    told = "2 annotations are of an image or category that the file does not list"
    assert told in said.notes


def test_captions_and_annotations_without_a_box_cost_nothing(asked, tmp_path):
    file = coco_of(
        tmp_path,
        annotations=[
            {"id": 1, "image_id": 7, "caption": "a car"},
            {"id": 2, "image_id": 7, "category_id": 3},
        ],
    )
    said = open_labels(str(file)).read(asked("a.jpg"))
    assert said.objects.to_pylist() == [["car"]]
    assert said.boxes.to_pylist()[0][0] != said.boxes.to_pylist()[0][0]  # not a number


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("0 0.5 0.5 0.2 0.4", (0, 0.4, 0.3, 0.2, 0.4)),
        ("3 0.5 0.5 0.2 0.4 0.97", (3, 0.4, 0.3, 0.2, 0.4)),
        ("1 0.1 0.1 0.5 0.1 0.3 0.7", (1, 0.1, 0.1, 0.4, 0.6)),
        ("1.5 0.5 0.5 0.2 0.4", None),
        ("1 0.5 nan 0.2 0.4", None),
        ("1 0.5", None),
        ("cat 0.5 0.5 0.2 0.4", None),
    ],
)
def test_a_line_of_yolo_is_a_box_or_an_outline(line, found):
    read = parse_line(line)
    assert (read and (read.number, *read.box)) == (pytest.approx(found) if found else None)


def test_outlines_and_keypoints_of_yolo_are_kept_in_px(asked, tmp_path):
    root = tmp_path / "images"
    write(root / "a.txt", "0 0.1 0.1 0.5 0.1 0.3 0.75\n0 0.5 0.5 0.2 0.4\n")
    yaml = write(tmp_path / "data.yaml", "names: [cat]\n")
    said = open_labels(str(yaml)).read(asked("a.jpg"))
    outline, box = said.details.to_pylist()[0]
    assert json.loads(outline) == {"segmentation": [[20, 10, 100, 10, 60, 75]]}
    assert box is None
    write(root / "a.txt", "0 0.5 0.5 0.2 0.4 0.25 0.5 0 0\n")
    write(yaml, "names: [cat]\nkpt_shape: [2, 2]\n")
    (pose,) = open_labels(str(yaml)).read(asked("a.jpg")).details.to_pylist()[0]
    assert json.loads(pose) == {"keypoints": [50, 50, 2, 0, 0, 0], "num_keypoints": 1}


def test_yolo_finds_the_boxes_beside_and_in_the_twin_tree(asked, tmp_path):
    root = tmp_path / "set" / "images" / "train"
    write(root.parent.parent / "labels/train/a.txt", "1 0.5 0.5 0.2 0.4\n9 0.5 0.5 0.1 0.1\n")
    write(root / "b.txt", "")
    yaml = write(tmp_path / "set/data.yaml", "names:\n  0: cat\n  1: dog\n")
    said = open_labels(str(yaml)).read(asked("a.jpg", "b.jpg", "c.jpg", root=root))
    assert said.objects.to_pylist() == [["dog"], [], None]
    assert said.boxes.to_pylist()[0] == pytest.approx([80, 30, 40, 40])
    assert said.classes == {"cat": 0, "dog": 1}
    assert said.notes == ["1 line of boxes cannot be used"]
    assert list_label_files(str(yaml)) == [yaml, tmp_path / "set/labels"]


def test_a_yaml_without_names_and_images_without_boxes_are_told(asked, tmp_path):
    with pytest.raises(InputError, match="has no names"):
        open_labels(str(write(tmp_path / "d.yaml", "path: .")))
    with pytest.raises(InputError, match="cannot be read"):
        open_labels(str(write(tmp_path / "d.yaml", "names: [")))
    yaml = write(tmp_path / "d.yaml", "names: [cat]")
    with pytest.raises(InputError, match="no image has a text file"):
        open_labels(str(yaml)).read(asked("a.jpg"))


OBJECT = (
    "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax>"
    "</bndbox></object>"
)


def test_voc_reads_the_file_named_like_the_image(asked, tmp_path):
    size = "<size><width>{}</width><height>{}</height></size>"
    boxes = OBJECT.format("dog", 10, 20, 60, 80) + OBJECT.format("cat", 1, 2, 3, 4)
    one = f"<annotation>{size.format(200, 100)}{boxes}</annotation>"
    write(tmp_path / "VOC/Annotations/a.xml", one)
    write(tmp_path / "VOC/Annotations/b.xml", f"<annotation>{size.format(9, 9)}</annotation>")
    write(tmp_path / "VOC/Annotations/c.xml", "<annotation>")
    said = open_labels(str(tmp_path / "VOC")).read(
        asked("JPEGImages/a.jpg", "JPEGImages/b.jpg", "JPEGImages/c.jpg", root=tmp_path / "VOC")
    )
    assert said.objects.to_pylist() == [["dog", "cat"], [], None]
    assert said.boxes.to_pylist()[0] == [10, 20, 50, 60, 1, 2, 2, 2]
    assert said.label.to_pylist() == ["cat;dog", None, None]
    assert len(said.notes) == 2


def test_a_folder_without_such_files_is_told(asked, tmp_path):
    with pytest.raises(InputError, match="no image has an XML file"):
        open_labels(str(tmp_path)).read(asked("a.jpg"))

from pathlib import Path

import pyarrow as pa
import pytest

from curate.choices import ExportAs
from curate.errors import InputError
from curate.exporters.base import Exporter, Item, find_exporter


class Recorder(Exporter):
    """Writes nothing; remembers what happened."""

    def __init__(self, folder, resources):
        super().__init__(folder, resources)
        self.events = ["open"]
        resources.callback(self.events.append, "resources released")

    def add(self, item):
        self.events.append(item)

    def close(self):
        self.events.append("close")


@pytest.mark.parametrize("form", ExportAs)
def test_every_format_has_an_exporter(form):
    assert issubclass(find_exporter(form), Exporter)


def test_no_two_formats_share_an_exporter():
    assert len({find_exporter(form) for form in ExportAs}) == len(ExportAs)


def test_an_exporter_is_closed_after_the_last_image(tmp_path):
    with Recorder.open(tmp_path) as recorder:
        recorder.add("image")
    assert recorder.events == ["open", "image", "close", "resources released"]


def test_a_failure_releases_resources_and_writes_no_end(tmp_path):
    with pytest.raises(RuntimeError), Recorder.open(tmp_path) as recorder:
        raise RuntimeError
    assert recorder.events == ["open", "resources released"]


def test_a_class_without_a_format_replaces_none():
    assert Recorder not in {find_exporter(form) for form in ExportAs}


def test_an_item_tells_label_and_size_of_its_row(items):
    assert [item.label for item in items] == ["cat", "dog", None]
    assert (items[0].width, items[0].height) == (96, 72)


def item_of(**columns):
    row = pa.RecordBatch.from_pydict({name: pa.array([value]) for name, value in columns.items()})
    return Item(file=None, place=Path("a.png"), row=row, name="images/a.png")


def test_an_object_of_which_a_side_is_not_known_has_no_box():
    boxes = [1.0, 2.0, 3.0, None, 1.0, 2.0, 3.0, 4.0, 1.0, float("nan"), 3.0, 4.0]
    item = item_of(objects=["cat", "dog", None], boxes=boxes)
    assert [(one.name, one.box) for one in item.objects] == [("dog", (1.0, 2.0, 3.0, 4.0))]


def test_a_box_without_a_class_is_a_mistake_that_names_the_image():
    item = item_of(objects=["cat", None], boxes=[1.0, 2.0, 3.0, 4.0] * 2)
    with pytest.raises(InputError, match=r"images/a\.png has a box and no class"):
        _ = item.objects


@pytest.mark.parametrize("side", ["width", "height"])
def test_an_image_without_a_size_is_a_mistake_that_names_it(side):
    item = item_of(**{side: None})
    with pytest.raises(InputError, match=rf"no {side} of images/a\.png"):
        getattr(item, side)


@pytest.mark.parametrize(
    "form", [ExportAs.SYMLINK, ExportAs.LIST, ExportAs.COCO, ExportAs.FIFTYONE]
)
def test_formats_without_the_bytes_of_images_do_not_read_them(form, items, tmp_path):
    (tmp_path / "out").mkdir()
    with find_exporter(form).open(tmp_path / "out") as exporter:
        for item in items:
            item.file.unlink()
            exporter.add(item)
    assert any((tmp_path / "out").iterdir())

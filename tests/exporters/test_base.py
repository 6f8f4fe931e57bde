import pytest

from curate.choices import ExportAs
from curate.exporters.base import Exporter, find_exporter


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

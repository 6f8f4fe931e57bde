from types import SimpleNamespace

import pyarrow as pa
import pytest

from curate.exporters.base import Item, find_exporter
from tests.conftest import picture, save

PATHS = {"a.png": "cat", "c.png": "dog", "deep/er/b.png": None}
"""Three images with their labels."""


def make_items(folder, paths=None):
    """Write images of 96 x 72 pixels below a folder; return them as items to export."""
    items = []
    for number, (path, label) in enumerate((paths or PATHS).items()):
        save(folder / path, picture(number))
        columns = {
            "path": pa.array([path]),
            "width": pa.array([96], pa.int32()),
            "height": pa.array([72], pa.int32()),
            "label": pa.array([label], pa.string()),
        }
        place = (folder / path).relative_to(folder)
        row = pa.RecordBatch.from_pydict(columns)
        content = (folder / path).read_bytes()
        items.append(Item(file=folder / path, place=place, row=row, content=content))
    return items


@pytest.fixture
def exported(tmp_path):
    """A function that exports some items in a format; it returns the folder."""

    def write(form, paths=None):
        (tmp_path / "out").mkdir()
        with find_exporter(form).open(tmp_path / "out") as exporter:
            for item in make_items(tmp_path / "images", paths):
                exporter.add(item)
        return SimpleNamespace(folder=tmp_path / "out", images=tmp_path / "images")

    return write


@pytest.fixture
def items(tmp_path):
    return make_items(tmp_path / "images")

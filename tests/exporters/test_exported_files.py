import os
from dataclasses import replace

import pyarrow as pa
import pytest

from curate.choices import ExportAs
from curate.errors import InputError, UsageError
from curate.exporters.base import Item, find_exporter
from curate.exporters.files import LIST, HardlinkExporter, ListExporter


@pytest.mark.parametrize("form", [ExportAs.SYMLINK, ExportAs.HARDLINK, ExportAs.COPY])
def test_files_lie_at_their_places(exported, form):
    out = exported(form)
    original, file = out.images / "deep/er/b.png", out.folder / "deep/er/b.png"
    assert file.read_bytes() == original.read_bytes()
    assert file.is_symlink() == (form is ExportAs.SYMLINK)
    assert os.path.samefile(file, original) == (form is not ExportAs.COPY)


@pytest.mark.parametrize("form", [ExportAs.SYMLINK, ExportAs.HARDLINK, ExportAs.COPY])
def test_two_images_never_become_one_file(items, tmp_path, form):
    (tmp_path / "out").mkdir()
    first, second = items[:2]
    with (
        pytest.raises(InputError, match=r"two images for one: a\.png"),
        find_exporter(form).open(tmp_path / "out") as exporter,
    ):
        exporter.add(first)
        exporter.add(replace(second, place=first.place))
    assert (tmp_path / "out" / "a.png").read_bytes() == first.content


def test_a_copy_keeps_the_time_of_its_file(exported):
    out = exported(ExportAs.COPY)
    assert (out.folder / "a.png").stat().st_mtime == (out.images / "a.png").stat().st_mtime


def test_a_hard_link_that_cannot_be_made_is_a_mistake_with_a_way_out(items, tmp_path):
    (tmp_path / "out").mkdir()
    gone = Item(file=tmp_path / "gone.png", place=items[0].place, row=items[0].row)
    with (
        pytest.raises(UsageError, match="cannot be hard-linked") as caught,
        HardlinkExporter.open(tmp_path / "out") as exporter,
    ):
        exporter.add(gone)
    assert "--as copy" in caught.value.hint


def test_a_list_names_the_source_files(exported):
    out = exported(ExportAs.LIST)
    lines = (out.folder / LIST).read_text().splitlines()
    assert lines == [str(out.images / path) for path in ("a.png", "c.png", "deep/er/b.png")]


def test_a_list_holds_names_that_are_no_utf8_as_they_are(tmp_path):
    file = tmp_path / os.fsdecode(b"caf\xe9.png")
    row = pa.RecordBatch.from_pydict({"path": ["caf%E9.png"]})
    with ListExporter.open(tmp_path) as exporter:
        exporter.add(Item(file=file, place=file, row=row))
    assert (tmp_path / LIST).read_bytes() == os.fsencode(tmp_path) + b"/caf\xe9.png\n"


def test_a_path_with_a_line_break_needs_a_list_of_zero_bytes(tmp_path):
    file = tmp_path / "two\nlines.png"
    item = Item(file=file, place=file, row=pa.RecordBatch.from_pydict({"path": ["two\nlines.png"]}))
    with (
        pytest.raises(UsageError, match="line break") as caught,
        ListExporter.open(tmp_path) as lines,
    ):
        lines.add(item)
    assert "--null" in caught.value.hint
    with ListExporter.open(tmp_path, has_null_ends=True) as zeros:
        zeros.add(item)
        zeros.add(item)
    assert (tmp_path / LIST).read_bytes() == (os.fsencode(file) + b"\0") * 2

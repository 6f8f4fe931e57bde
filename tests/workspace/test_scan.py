import hashlib
import os
import shutil
from datetime import datetime

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curate.annotations.add_labels import add_labels
from curate.errors import InputError
from curate.images.contact_sheet import Tile, draw_sheet, write_sheet
from curate.images.decode import decode
from curate.progress import Silent
from curate.workspace.catalogue import Catalogue
from curate.workspace.integrity import read_table, write_table
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_shards import CAPTURE_FACTS
from curate.workspace.scan import ScanConfig, scan
from curate.workspace.workspace import Workspace
from tests.conftest import Notes, picture, save


def scanned(folder, workspace, **options):
    with workspace.writing():
        return scan(folder, workspace, Silent(), **options)


def rows_of(found):
    return {row["path"]: row for row in found.table.to_pylist()}


def test_every_file_is_a_row_and_unreadable_ones_say_why(images, workspace):
    found = scanned(images, workspace)
    rows = rows_of(found)
    assert len(rows) == 28
    assert found.n_unreadable == 2
    assert rows["empty.png"]["reason"] == "the file is empty"
    assert rows["broken.jpg"]["status"] == "unreadable"
    assert rows["broken.jpg"]["reason"]
    assert rows["red/000.png"]["status"] == "ok"
    assert rows["red/000.png"]["reason"] is None


def test_facts_of_an_image_are_right(images, workspace):
    row = rows_of(scanned(images, workspace))["red/000.png"]
    file = images / "red/000.png"
    assert row["hash"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert row["bytes"] == file.stat().st_size
    assert (row["width"], row["height"], row["format"]) == (96, 72, "PNG")
    assert 0 < row["brightness"] < 1
    assert 0 < row["entropy"] <= 8


def test_what_the_camera_wrote_becomes_columns(images, workspace):
    exif = Image.Exif()
    exif.update({271: "Canon", 272: "Canon EOS 80D"})
    exif.get_ifd(0x8769)[0x9003] = "2019:06:01 12:30:05"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 30.0, 0.0), 3: "W", 4: (2.0, 15.0, 0.0)})
    save(images / "taken.jpg", picture(99), exif=exif)
    table = scanned(images, workspace).manifest().rows.read(list(CAPTURE_FACTS.names))
    known = [row for row in table.to_pylist() if any(row.values())]
    assert known == [
        {
            "taken_at": datetime(2019, 6, 1, 12, 30, 5),  # noqa: DTZ001 - the camera's clock
            "camera": "Canon EOS 80D",
            "latitude": 48.5,
            "longitude": -2.25,
        }
    ]


def test_a_workspace_that_never_read_what_cameras_wrote_goes_on(images, workspace):
    before = scanned(images, workspace)
    for file in (workspace.catalogue, *workspace.pixels.glob("*.parquet")):
        write_table(read_table(file).drop_columns(CAPTURE_FACTS.names), file)
    save(images / "new.png", picture(98))
    table = Catalogue(workspace).read(["path", "camera"])
    assert (len(table), table["camera"].null_count) == (28, 28)
    after = scanned(images, workspace)
    assert (after.n_read, after.n_decoded) == (1, 1)
    assert after.table.filter(pc.not_equal(after.table["path"], "new.png")).equals(before.table)


def test_cached_pixels_are_the_images(images, workspace):
    found = scanned(images, workspace)
    rows = rows_of(found)
    cache = PixelCache(workspace.pixels)
    first, second = cache.read([rows["red/000.png"]["hash"], rows["green/001.png"]["hash"]])
    assert np.abs(first.astype(int) - picture(0)).mean() < 6
    assert np.abs(second.astype(int) - picture(1)).mean() < 6


def test_an_unchanged_folder_is_not_read_again(images, workspace):
    before = scanned(images, workspace)
    after = scanned(images, workspace)
    assert before.n_decoded == 27  # of 28 files one is another's twin
    assert (after.n_read, after.n_decoded) == (0, 0)
    assert after.table.equals(before.table)


def test_a_grown_folder_costs_only_its_new_files(images, workspace):
    scanned(images, workspace)
    save(images / "new.png", picture(99))
    found = scanned(images, workspace)
    assert (found.n_read, found.n_decoded) == (1, 1)
    assert "new.png" in rows_of(found)


def test_a_renamed_file_costs_one_read_and_no_decode(images, workspace):
    before = rows_of(scanned(images, workspace))["red/000.png"]["hash"]
    (images / "red/000.png").rename(images / "elsewhere.png")
    found = scanned(images, workspace)
    assert (found.n_read, found.n_decoded) == (1, 0)
    assert rows_of(found)["elsewhere.png"]["hash"] == before


def test_a_file_that_took_the_inode_size_and_time_of_another_is_read(images, workspace):
    for number in range(8):
        save(images / f"old-{number}.bmp", picture(50 + number))
        os.utime(images / f"old-{number}.bmp", ns=(10**18,) * 2)
    scanned(images, workspace)
    for number in range(8):
        (images / f"old-{number}.bmp").unlink()
    for number in range(8):
        save(images / f"old-{number}.bmp", picture(60 + number))
        os.utime(images / f"old-{number}.bmp", ns=(10**18,) * 2)
    rows = rows_of(scanned(images, workspace))
    for number in range(8):
        content = (images / f"old-{number}.bmp").read_bytes()
        assert rows[f"old-{number}.bmp"]["hash"] == hashlib.sha256(content).hexdigest()


def test_a_changed_file_is_read_again(images, workspace):
    scanned(images, workspace)
    save(images / "red/000.png", picture(77))
    os.utime(images / "red/000.png", ns=(1, 1))
    found = scanned(images, workspace)
    assert (found.n_read, found.n_decoded) == (1, 1)


def test_a_removed_file_leaves_the_catalogue(images, workspace):
    scanned(images, workspace)
    (images / "red/000.png").unlink()
    assert "red/000.png" not in rows_of(scanned(images, workspace))


def test_a_second_source_does_not_drive_out_the_first(images, workspace, tmp_path):
    scanned(images, workspace)
    shutil.copytree(images, tmp_path / "other")
    found = scanned(tmp_path / "other", workspace)
    assert found.n_decoded == 0
    sources = pq.read_table(workspace.catalogue)["source"].to_pylist()
    assert {sources.count(str(images)), sources.count(str(tmp_path / "other"))} == {28}


def test_a_killed_scan_goes_on_where_it_was(images, workspace):
    seen = []

    def failing(raw, **options):
        if len(seen) == 13:
            raise KeyboardInterrupt
        seen.append(raw)
        return decode(raw, **options)

    with pytest.raises(KeyboardInterrupt):
        scanned(images, workspace, decode_image=failing, shard_images=5)
    found = scanned(images, workspace)
    assert 0 < found.n_decoded < 27
    assert len(found.table) == 28
    assert not list(workspace.root.glob("pending-*"))


def test_an_unreadable_place_is_a_row_and_is_tried_again(images, workspace, monkeypatch):
    from pathlib import Path

    real = Path.read_bytes

    def refusing(self):
        if self.name == "000.png":
            raise PermissionError(13, "Permission denied")
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", refusing)
    row = rows_of(scanned(images, workspace))["red/000.png"]
    assert row["reason"] == "cannot be read: Permission denied"
    monkeypatch.setattr(Path, "read_bytes", real)
    assert rows_of(scanned(images, workspace))["red/000.png"]["status"] == "ok"


def test_a_folder_of_broken_images_cannot_be_used(tmp_path, workspace):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match="the one image file cannot"):
        scanned(tmp_path, workspace).readable()


def test_labels_are_folder_names_where_asked_for(images, workspace):
    found = scanned(images, workspace)
    labels = dict(
        zip(
            found.table["path"].to_pylist(),
            add_labels(found.manifest(), "folder", Silent()).rows.read()["label"].to_pylist(),
            strict=True,
        )
    )
    assert labels["red/000.png"] == "red"
    assert labels["broken.jpg"] is None
    assert found.manifest().rows.read()["label"].null_count == 28


def test_what_is_not_looked_at_is_told_and_counted(images, workspace):
    for name in ("a.txt", "b.txt", "c.mp4"):
        (images / name).write_text("no image")
    (images / "loop").symlink_to(images)
    progress = Notes()
    with workspace.writing():
        found = scan(images, workspace, progress)
    assert found.passed_over == {".mp4": 1, ".txt": 2}
    assert progress.notes[0] == "3 files passed over: 2 .txt, 1 .mp4"
    assert progress.notes[1:] == list(found.problems) != []
    assert sum(found.unreadable.values()) == found.n_unreadable == 2


def test_patterns_of_what_is_passed_over_hold_for_later_scans(images, workspace):
    assert "red/000.png" in rows_of(scanned(images, workspace))
    patterns = ScanConfig(exclude=("red",))
    assert "red/000.png" not in rows_of(scanned(images, workspace, config=patterns))
    assert "red/000.png" not in rows_of(scanned(images, workspace))
    everything = ScanConfig(exclude=())
    assert "red/000.png" in rows_of(scanned(images, workspace, config=everything))


@pytest.mark.parametrize("pattern", ["red/", "./red", "images/red", "{here}/images/red"])
def test_a_pattern_may_be_a_path_from_here_or_whole(
    images, workspace, tmp_path, monkeypatch, pattern
):
    monkeypatch.chdir(tmp_path)
    save(images / "green/red/x.png", picture(71))
    patterns = ScanConfig(exclude=(pattern.format(here=tmp_path),))
    rows = rows_of(scanned(images, workspace, config=patterns))
    assert "green/001.png" in rows
    assert not any(path.startswith("red/") for path in rows)
    is_path = "/" in pattern.rstrip("/")
    assert ("green/red/x.png" in rows) == is_path
    monkeypatch.chdir("/")
    assert rows_of(scanned(images, workspace)) == rows


def test_a_path_of_one_source_passes_over_nothing_of_another(tmp_path, workspace, monkeypatch):
    for name in ("one/red/a.png", "one/b.png", "other/red/c.png"):
        save(tmp_path / name, picture(len(name)))
    monkeypatch.chdir(tmp_path)
    patterns = ScanConfig(exclude=("one/red",))
    rows = rows_of(scanned(["one", "other"], workspace, config=patterns))
    assert sorted(rows) == ["one/b.png", "other/red/c.png"]


def test_a_picture_that_was_too_large_is_read_when_more_pixels_are_allowed(images, workspace):
    save(images / "large.png", picture(70, width=300, height=200))
    row = rows_of(scanned(images, workspace, config=ScanConfig(max_pixels=50_000)))["large.png"]
    assert (row["status"], "--max-pixels" in row["reason"]) == ("unreadable", True)
    again = scanned(images, workspace, config=ScanConfig(max_pixels=50_000))
    assert again.n_read == 0
    found = scanned(images, workspace)
    assert found.n_decoded == 1
    assert rows_of(found)["large.png"]["status"] == "ok"
    assert PixelCache(workspace.pixels).read([rows_of(found)["large.png"]["hash"]])


@pytest.mark.parametrize("first", [None, 10_000, 50_000])
def test_a_limit_of_pixels_holds_for_pictures_that_were_read_under_another(
    images, workspace, tmp_path, first
):
    save(images / "large.png", picture(70, width=300, height=200))
    limit = ScanConfig(max_pixels=20_000)
    new = scanned(images, Workspace(tmp_path / "new"), config=limit)
    scanned(images, workspace, config=ScanConfig(max_pixels=first) if first else None)
    used = scanned(images, workspace, config=limit)
    assert rows_of(used)["large.png"]["status"] == "unreadable"
    assert rows_of(used) == rows_of(new)
    again = scanned(images, workspace)
    assert rows_of(again)["large.png"]["status"] == "ok"
    assert again.n_decoded == (0 if first is None else 1)


def test_a_file_that_is_too_large_for_a_limit_is_not_used_though_it_was_read(
    images, workspace, tmp_path, monkeypatch
):
    scanned(images, workspace)
    for module in ("pixel_limit", "file_reader"):
        monkeypatch.setattr(f"curate.workspace.{module}.max_bytes", lambda _: 10_000)
    used = scanned(images, workspace)
    assert rows_of(used) == rows_of(scanned(images, Workspace(tmp_path / "new")))
    assert used.n_unreadable > 2
    monkeypatch.undo()
    assert scanned(images, workspace).n_unreadable == 2


@pytest.mark.parametrize("name", ["sheet.jpg", "sheet.png"])
def test_the_sheets_that_curate_draws_are_passed_over(images, workspace, name):
    before = set(rows_of(scanned(images, workspace)))
    write_sheet(images / name, draw_sheet([[Tile(picture(0), ("a",))]]))
    found = scanned(images, workspace)
    assert set(rows_of(found)) == before
    assert found.passed_over == {"made by curate": 1}
    assert scanned(images, workspace).n_read == 0


def test_frames_modes_and_truncated_files_are_facts(images, workspace):
    frames = [Image.fromarray(picture(seed)) for seed in (1, 2)]
    frames[0].save(images / "film.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20)).save(images / "deep.png")
    save(images / "cut.jpg", picture(5))
    (images / "cut.jpg").write_bytes((images / "cut.jpg").read_bytes()[:-2])
    found = scanned(images, workspace)
    rows = {row["path"]: row for row in found.manifest().rows.read().to_pylist()}
    assert (rows["film.gif"]["frames"], rows["film.gif"]["mode"]) == (2, "P")
    assert (rows["deep.png"]["frames"], rows["deep.png"]["mode"]) == (1, "I;16")
    assert (rows["cut.jpg"]["status"], "truncated" in rows["cut.jpg"]["issues"]) == ("ok", True)
    assert rows["broken.jpg"]["frames"] is None


def test_the_pixels_of_a_workspace_in_the_folder_are_no_images_of_it(images):
    space = Workspace(images / "made")
    first, again = scanned(images, space), scanned(images, space)
    assert rows_of(first) == rows_of(again)
    assert again.passed_over == {"folders of curate": 1}


def test_a_workspace_is_no_source(images, workspace, tmp_path):
    scanned(images, workspace)
    with pytest.raises(InputError, match="is a workspace of curate, no source of images"):
        scanned(workspace.root, Workspace(tmp_path / "other"))

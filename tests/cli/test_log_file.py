import os

import pytest

from curate.cli.log_file import add_line, open_log
from curate.errors import CurateError
from tests.conftest import picture, save


def test_a_log_is_made_and_added_to(tmp_path):
    log = tmp_path / "logs" / "night.log"
    for line in ("one", "two"):
        open_log(log)
        add_line(log, line)
    (tmp_path / "link").symlink_to(log)
    open_log(tmp_path / "link")
    assert [line.partition(" ")[2] for line in log.read_text().splitlines()] == ["one", "two"]


def make_places(root):
    """Return places that no log may be, each but the last with something there."""
    photo = root / "images" / "a.png"
    save(photo, picture(1))
    (root / "images" / "empty.png").touch()
    (root / "link.log").symlink_to(photo)
    (root / "hard.log").hardlink_to(photo)
    (root / "empty.log").hardlink_to(root / "images" / "empty.png")
    (root / "notes.txt").write_text("my notes\n")
    os.mkfifo(root / "pipe")
    names = (
        "images/a.png images/empty.png link.log hard.log empty.log notes.txt pipe images new.jpg"
    )
    return [root / name for name in names.split()]


def test_nothing_else_is_added_to(tmp_path):
    for place in make_places(tmp_path):
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        before = {path: path.read_bytes() for path in files}
        with pytest.raises(CurateError):
            open_log(place)
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert {path: path.read_bytes() for path in files} == before, place

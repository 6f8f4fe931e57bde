import os

import pytest

from curate.errors import InputError
from curate.sources import open_source
from curate.sources.names import escape, unescape
from tests.conftest import picture, save


def paths(folder):
    return [file.path for file in open_source(folder).list_files()]


def test_images_are_listed_at_any_depth_sorted_by_path(images):
    found = paths(images)
    assert found == sorted(found)
    assert {"broken.jpg", "empty.png", "red/000.png", "blue/002.png"} <= set(found)


def test_hidden_files_and_other_files_are_passed_over(tmp_path):
    save(tmp_path / "a.png", picture(0))
    save(tmp_path / ".hidden" / "b.png", picture(1))
    save(tmp_path / ".c.png", picture(2))
    (tmp_path / "notes.txt").write_text("no image")
    assert paths(tmp_path) == ["a.png"]


def test_a_file_without_an_ending_counts_if_it_starts_as_an_image(tmp_path):
    save(tmp_path / "a.png", picture(0))
    (tmp_path / "a.png").rename(tmp_path / "a")
    (tmp_path / "README").write_text("no image")
    assert paths(tmp_path) == ["a"]


def test_a_link_that_leads_back_is_not_followed_forever(tmp_path):
    save(tmp_path / "in" / "a.png", picture(0))
    (tmp_path / "in" / "loop").symlink_to(tmp_path)
    assert paths(tmp_path) == ["in/a.png"]


def test_links_to_files_and_folders_are_followed_and_dead_ones_are_not(tmp_path):
    save(tmp_path / "else" / "a.png", picture(0))
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "folder").symlink_to(tmp_path / "else")
    (tmp_path / "here" / "file.png").symlink_to(tmp_path / "else" / "a.png")
    (tmp_path / "here" / "dead.png").symlink_to(tmp_path / "gone.png")
    assert paths(tmp_path / "here") == ["file.png", "folder/a.png"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"plain.jpg", "plain.jpg"),
        ("ünï 名.jpg".encode(), "ünï 名.jpg"),
        (b"caf\xe9.jpg", "caf%E9.jpg"),
        (b"50%.jpg", "50%.jpg"),
        (b"a%20b.jpg", "a%2520b.jpg"),
        (b"%\xff.jpg", "%%FF.jpg"),
    ],
)
def test_names_are_escaped_reversibly(name, text):
    assert escape(name) == text
    assert unescape(text) == name


def test_a_name_that_is_no_utf8_leads_back_to_its_file(tmp_path):
    raw = os.path.join(os.fsencode(tmp_path), b"caf\xe9.png")
    save(tmp_path / "a.png", picture(0))
    os.rename(os.fsencode(tmp_path / "a.png"), raw)
    assert paths(tmp_path) == ["caf%E9.png"]
    assert open_source(tmp_path).local_file("caf%E9.png").is_file()


def test_folders_that_cannot_be_used_say_so(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        open_source(tmp_path / "nowhere").list_files()
    with pytest.raises(InputError, match="no image files"):
        open_source(tmp_path).list_files()
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(InputError, match="not a folder"):
        open_source(tmp_path / "file.txt").list_files()

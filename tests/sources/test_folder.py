import os
import subprocess
from pathlib import Path

import pytest

from curate.errors import InputError
from curate.sources import describe_passed_over, open_source
from curate.sources.names import escape, unescape
from tests.conftest import picture, save


def paths(folder):
    return [file.path for file in open_source(folder).list_files().files]


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


def links(folder):
    return {
        file.path: file.link_of for file in open_source(folder).list_files().files if file.link_of
    }


def test_a_link_is_another_name_of_the_real_path(tmp_path):
    save(tmp_path / "photos" / "a.png", picture(0))
    (tmp_path / "0.png").symlink_to(tmp_path / "photos" / "a.png")
    (tmp_path / "again").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "hard.png").hardlink_to(tmp_path / "photos" / "a.png")
    assert links(tmp_path) == dict.fromkeys(
        ["0.png", "again/a.png", "again/hard.png", "photos/hard.png"], "photos/a.png"
    )


def test_of_links_to_a_file_elsewhere_the_first_stands_for_it(tmp_path):
    save(tmp_path / "else" / "a.png", picture(0))
    (tmp_path / "here").mkdir()
    for name in ("b.png", "a.png"):
        (tmp_path / "here" / name).symlink_to(tmp_path / "else" / "a.png")
    assert links(tmp_path / "here") == {"b.png": "a.png"}


def test_folders_linked_to_each_other_are_listed_in_linear_time(tmp_path):
    folders = [tmp_path / f"f{number}" for number in range(9)]
    for number, folder in enumerate(folders):
        save(folder / f"{number}.png", picture(number))
    for folder in folders:
        for other in folders:
            (folder / f"to-{other.name}").symlink_to(other)
    listing = open_source(tmp_path).list_files()
    real = [file.path for file in listing.files if file.link_of is None]
    assert real == [f"f{number}/{number}.png" for number in range(9)]
    assert len(listing.files) <= 18
    assert sum("leads back" in problem for problem in listing.problems) >= 8
    assert any("listed already" in problem for problem in listing.problems)


def test_a_link_to_itself_and_a_link_to_nothing_are_told(tmp_path):
    save(tmp_path / "a.png", picture(0))
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing.png")
    listing = open_source(tmp_path).list_files()
    assert [file.path for file in listing.files] == ["a.png"]
    assert listing.passed_over.get("links to nothing", 0) + len(listing.problems) == 2


def test_two_thousand_nested_folders_are_told_and_the_rest_is_listed(tmp_path):
    save(tmp_path / "a.png", picture(0))
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(2000):
            os.mkdir("ddd")
            os.chdir("ddd")
    finally:
        os.chdir(here)
    listing = open_source(tmp_path).list_files()
    subprocess.run(["rm", "-rf", tmp_path / "ddd"], check=True)  # too deep for pytest
    assert [file.path for file in listing.files] == ["a.png"]
    assert ["cannot be listed" in problem for problem in listing.problems] == [True]
    assert len(listing.problems[0]) < 500


@pytest.mark.parametrize(
    "name",
    [
        "a.jpg?w=640&h=480",
        "a.jpg_large",
        "IMG_2024.05.01",
        "deadbeef.",
        "a.unknown",
        "a.jpg~",
        "a b",
    ],
)
def test_names_do_not_decide_what_is_an_image(tmp_path, name):
    save(tmp_path / "a.jpg", picture(0))
    (tmp_path / "a.jpg").rename(tmp_path / name)
    assert len(paths(tmp_path)) == 1


def test_what_is_passed_over_is_counted_by_ending(tmp_path):
    save(tmp_path / "a.png", picture(0))
    for name in ("b.txt", "c.txt", "d.mp4", "README", ".hidden.jpg"):
        (tmp_path / name).write_bytes(b"no image")
    save(tmp_path / "@eaDir" / "a.png" / "THUMB.jpg", picture(1))
    os.mkfifo(tmp_path / "pipe.jpg")
    listing = open_source(tmp_path).list_files()
    assert listing.passed_over == {
        ".mp4": 1, ".txt": 2, "excluded folders": 1, "hidden": 1, "special files": 1,
        "without an ending": 1,
    }  # fmt: skip
    assert describe_passed_over({".txt": 12, ".mp4": 3}) == "15 files passed over: 12 .txt, 3 .mp4"


def test_patterns_pass_over_names_and_paths(tmp_path):
    for name in ("a.png", "thumb_a.png", "old/b.png", "new/old/c.png"):
        save(tmp_path / name, picture(0))
    listing = open_source(tmp_path).list_files(["thumb_*", "old/*"])
    assert [file.path for file in listing.files] == ["a.png", "new/old/c.png"]


def test_a_source_folder_whose_name_is_no_utf8_works(tmp_path):
    raw = os.path.join(os.fsencode(tmp_path), b"caf\xe9")
    os.mkdir(raw)
    folder = Path(os.fsdecode(raw))
    save(folder / "a.png", picture(0))
    address = open_source(folder).address
    address.encode()
    assert open_source(address).read("a.png") == (folder / "a.png").read_bytes()


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
    with pytest.raises(InputError, match="lists nothing"):
        open_source(tmp_path / "file.txt").list_files()

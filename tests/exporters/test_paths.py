import os
from pathlib import Path

import pyarrow as pa
import pytest

from curate.choices import Layout
from curate.errors import InputError, UsageError
from curate.exporters.paths import assign_places, check_layout
from curate.manifest.rows import HeldRows


def rows(*paths, **columns):
    return HeldRows(pa.table({"path": list(paths), **columns}))


def places(images, layout, *, needs_unique_stems=False):
    assigned = assign_places(images, layout, needs_unique_stems=needs_unique_stems)
    return [str(place) for place in assigned]


def test_a_tree_keeps_the_paths_of_the_source():
    assert places(rows("a.png", "x/a.png"), Layout.TREE) == ["a.png", "x/a.png"]


def test_paths_of_a_tree_that_become_one_place_get_numbers():
    urls = ["http://h/x//a.png", "http://h/x/a.png", "https://h/x/a.png"]
    assert places(rows(*urls), Layout.TREE) == ["h/x/a.png", "h/x/a-2.png", "h/x/a-3.png"]
    images = rows("http://h/a%20b.png", "http://h/a b.png")
    assert places(images, Layout.TREE) == ["h/a b.png", "h/a b-2.png"]


def test_a_place_that_is_a_folder_of_others_gets_a_number():
    images = rows(
        "t.tar/b.png", "t.tar/b.png/c.png", "t.tar/b.png/d/e.png", container=["t.tar"] * 3
    )
    numbered = ["t.tar/b.png", "t.tar/b.png-2/c.png", "t.tar/b.png-2/d/e.png"]
    assert places(images, Layout.TREE) == numbered
    urls = rows("http://h/i/a.png", "http://h/i", "http://h/i-2/a.png")
    assert places(urls, Layout.TREE) == ["h/i/a.png", "h/i-2", "h/i-2-2/a.png"]


def test_a_folder_may_be_called_as_an_image_without_its_ending():
    images = rows("http://h/a.png", "http://h/a/b.png")
    assert places(images, Layout.TREE, needs_unique_stems=True) == ["h/a.png", "h/a/b.png"]


def test_flat_names_that_meet_get_numbers():
    images = rows("a.png", "x/a.png", "y/a.png", "y/a-2.png")
    assert places(images, Layout.FLAT) == ["a.png", "a-2.png", "a-3.png", "a-2-2.png"]


def test_split_and_label_are_folders_and_none_where_there_is_no_label():
    images = rows("a.png", "x/b.png", split=["train", "test"], label=["cat", None])
    assert places(images, Layout.SPLIT_LABEL) == ["train/cat/a.png", "test/none/b.png"]


def test_places_that_differ_in_their_ending_get_numbers_where_stems_must_be_unique():
    images = rows("a.bmp", "a.png", "b/a.png")
    unique = places(images, Layout.TREE, needs_unique_stems=True)
    assert unique == ["a.bmp", "a-2.png", "b/a.png"]


def test_escaped_names_become_the_bytes_that_they_were():
    (place,) = assign_places(rows("caf%E9.png"), Layout.TREE, needs_unique_stems=False)
    assert os.fsencode(place) == b"caf\xe9.png"


@pytest.mark.parametrize("path", ["../escape.png", "/etc/escape.png", "%2e%2e/escape.png"])
def test_a_path_that_leads_out_of_the_folder_is_refused(path):
    images = rows("a.png", path)
    with pytest.raises(InputError, match="leads out"):
        check_layout(images, Layout.TREE)
    with pytest.raises(InputError, match="leads out"):
        places(images, Layout.TREE)


def test_a_url_never_leads_out_of_the_folder():
    urls = ["http://h/q/../a.png", "https://h/%2e%2e/a%00.png", "l.txt/http://h/../b.png"]
    check_layout(rows(*urls), Layout.TREE)
    inside = ["h/q/__/a.png", "h/__/a_.png", "l.txt/http:/h/__/b.png"]
    assert places(rows(*urls), Layout.TREE) == inside


@pytest.mark.parametrize("layout", [Layout.TREE, Layout.FLAT])
def test_names_that_no_file_can_have_are_cut_and_keep_their_ending(layout):
    long = "é" * 200
    paths = [f"{long}/{long}.png", f"{long}x/{long}x.png", f"https://h/i.php?u={long}"]
    parts = [Path(place).parts for place in places(rows(*paths, paths[0]), layout)]
    assert max(len(os.fsencode(part)) for one in parts for part in one) <= 255
    assert [one[-1].endswith(".png") for one in parts] == [True, True, False, True]
    assert len(set(parts)) == 4


def test_a_long_ending_is_part_of_the_name_where_it_gets_a_number():
    name = "a." + "x" * 253
    assert places(rows(name, f"b/{name}"), Layout.FLAT) == [name, f"{name[:-2]}-2"]


def test_a_label_that_leads_out_of_the_folder_is_refused():
    images = rows("a.png", split=["train"], label=["../.."])
    check_layout(images, Layout.TREE)
    with pytest.raises(InputError, match="leads out"):
        check_layout(images, Layout.SPLIT_LABEL)


def test_a_name_with_two_dots_in_it_stays_in_the_folder():
    check_layout(rows("a..b/c...png"), Layout.TREE)
    assert places(rows("a..b/c.png"), Layout.TREE) == [str(Path("a..b/c.png"))]


def test_a_layout_without_its_column_is_a_mistake():
    with pytest.raises(UsageError, match="no column 'split'"):
        check_layout(rows("a.png", label=["cat"]), Layout.SPLIT_LABEL)

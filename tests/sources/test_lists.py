import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import InputError
from curate.secrets import clean_text, without_secrets
from curate.sources import open_source
from curate.sources.patterns import expand_braces
from tests.sources.made_sources import some_images, write_folder


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "images", some_images(4))


NAMES = ["cat/000.png", "cat/002.png", "dog/001.png", "dog/003.png"]


def paths(address):
    return [file.path for file in open_source(address).list_files().files]


def test_lists_name_paths_a_line_or_in_a_column(folder):
    lines = [f"images/{name}" for name in NAMES]
    (folder.parent / "list.txt").write_text("\n".join([*lines, "", lines[0]]) + "\n")
    assert paths(folder.parent / "list.txt") == NAMES
    text = "id,path,label\n" + "".join(f"{i},{line},l{i}\n" for i, line in enumerate(lines))
    (folder.parent / "list.csv").write_text(text)
    files = open_source(folder.parent / "list.csv").list_files().files
    assert [(file.path, file.label) for file in files] == [
        (n, f"l{i}") for i, n in enumerate(NAMES)
    ]
    whole = [str(folder / name) for name in NAMES]
    pq.write_table(pa.table({"where": whole, "x": [1] * 4}), folder.parent / "list.parquet")
    assert paths(f"{folder.parent}/list.parquet#where") == NAMES
    with pytest.raises(InputError, match="no column of paths or URLs"):
        open_source(folder.parent / "list.parquet")
    with pytest.raises(InputError, match=r"no column 'wher' \(did you mean where"):
        open_source(f"{folder.parent}/list.parquet#wher")


def test_a_list_finds_its_files_again_and_says_which_are_gone(folder):
    (folder.parent / "list.txt").write_text("images/cat/000.png\n./images/../images/gone.png\n")
    source = open_source(folder.parent / "list.txt")
    assert [file.path for file in source.list_files().files] == ["cat/000.png", "gone.png"]
    assert source.read("cat/000.png") == (folder / "cat/000.png").read_bytes()
    assert source.local_file("cat/000.png") == folder / "cat/000.png"
    with pytest.raises(OSError, match="No such file"):
        source.read("gone.png")


def test_braces_stand_for_names():
    assert expand_braces("s/{08..10}.tar") == ["s/08.tar", "s/09.tar", "s/10.tar"]
    assert expand_braces("{a,b}{1..2}") == ["a1", "a2", "b1", "b2"]
    assert expand_braces("plain.tar") == ["plain.tar"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@host/a.jpg", "https://host/a.jpg"),
        ("https://host/a.jpg?id=3&X-Amz-Signature=0af&X-Amz-Date=1", "https://host/a.jpg?id=3"),
        ("https://b.blob.core.windows.net/c/a.jpg?sv=1&sig=xyz&se=2", "https://b.blob.core.windows.net/c/a.jpg"),
        ("https://host/a.jpg?width=20&v=2", "https://host/a.jpg?width=20&v=2"),
        ("s3://bucket/a%20b.jpg", "s3://bucket/a%20b.jpg"),
    ],
)  # fmt: skip
def test_secrets_leave_urls(url, shown):
    assert without_secrets(url) == shown
    assert clean_text(f"GET {url} failed") == f"GET {shown} failed"


def test_lists_and_their_files_may_have_names_that_are_not_utf8(tmp_path):
    place = tmp_path / os.fsdecode(b"caf\xe9")
    write_folder(place, {"a.png": b"x", os.fsdecode(b"b\xe9.png"): b"y"})
    (place / "list.txt").write_bytes(b"a.png\nb\xe9.png\n")
    source = open_source(place / "list.txt")
    assert [file.path for file in source.list_files().files] == ["a.png", "b%E9.png"]
    assert source.read("b%E9.png") == b"y"
    (place / "odd%41.png").write_bytes(b"z")
    (place / "odd.txt").write_text("odd%41.png\n")
    odd = open_source(place / "odd.txt")
    assert [file.path for file in odd.list_files().files] == ["odd%2541.png"]
    assert odd.read("odd%2541.png") == b"z"
    (place / "list.csv").write_text("path\na.png\n")
    pq.write_table(pa.table({"path": ["a.png"]}), tmp_path / "list.parquet")
    (tmp_path / "list.parquet").rename(place / "list.parquet")
    assert paths(place / "list.csv") == paths(place / "list.parquet") == ["a.png"]

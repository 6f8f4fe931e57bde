import os
from dataclasses import fields

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import DedupConfig, dedup
from curate.choices import Level
from curate.errors import InputError
from curate.manifest.manifest import read_manifest
from curate.progress import Silent
from curate.secrets import clean_text, without_secrets
from curate.sources import open_source
from curate.sources.base import Place
from curate.sources.patterns import expand_braces
from curate.workspace.scan import ScanConfig, scan
from tests.sources.made_sources import picture_bytes, some_images, tar_bytes, write_folder


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


@pytest.mark.parametrize("shrinks", [False, True])
def test_paths_of_a_list_are_found_after_it_grew_or_shrank(folder, tmp_path, shrinks):
    cats = ["cat/000.png", "cat/002.png", "cat/some.tar"]
    every = [*cats, "dog/001.png", "dog/003.png"]
    tar = tar_bytes([("tree.png", picture_bytes(9))])
    images = {name: (folder / name).read_bytes() for name in cats[:2]}
    write_folder(folder, {"cat/some.tar": tar})
    before, now = (every, cats) if shrinks else (cats, every)
    source = folder.parent / "list.txt"
    source.write_text("".join(f"images/{name}\n" for name in before))
    manifest = tmp_path / "m.parquet"
    config = DedupConfig(level=Level.PIXELS)
    dedup(source, config, out=manifest, workspace=tmp_path / ".curate")
    source.write_text("".join(f"images/{name}\n" for name in now))
    again = open_source(source)
    found = {}
    for row in read_manifest(manifest).rows.read().to_pylist():
        if row["path"].startswith("dog"):  # the list names it no more
            continue
        place = Place(**{part.name: row.get(part.name) for part in fields(Place)})
        found[row["path"]] = again.read(row["path"], place)
        if place.container is None:
            assert again.local_file(row["path"]).read_bytes() == found[row["path"]]
    start = "cat/" if shrinks else ""
    assert found == {
        f"{start}000.png": images["cat/000.png"],
        f"{start}002.png": images["cat/002.png"],
        f"{start}some.tar/tree.png": picture_bytes(9),
    }


def test_a_pattern_names_its_files_alike_however_many_there_are(folder):
    address = f"{folder}/c*/*.png"
    assert paths(address) == ["cat/000.png", "cat/002.png"]
    write_folder(folder, {"cow/000.png": (folder / "cat/000.png").read_bytes()})
    assert paths(address) == ["cat/000.png", "cat/002.png", "cow/000.png"]
    assert paths(f"{folder}/cat/*.png") == ["000.png", "002.png"]


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


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("utf16.txt", lambda lines: "\n".join(lines).encode("utf-16")),
        ("zeros.txt", lambda lines: "".join(f"{line}\0" for line in lines).encode()),
        ("mark.txt", lambda lines: "\n".join(lines).encode("utf-8-sig")),
        ("utf16.csv", lambda lines: "\n".join(["path", *lines]).encode("utf-16")),
    ],
)
def test_lists_of_other_tools_and_encodings_are_read(folder, name, encode):
    (folder.parent / name).write_bytes(encode([f"images/{name}" for name in NAMES]))
    assert paths(folder.parent / name) == NAMES


def test_names_with_line_breaks_stand_in_a_list_that_zero_bytes_end(folder):
    (folder / "a\nb.png").write_bytes((folder / NAMES[0]).read_bytes())
    (folder.parent / "l.txt").write_bytes(b"images/a\nb.png\0images/cat/000.png\0")
    assert paths(folder.parent / "l.txt") == ["a\nb.png", "cat/000.png"]


def test_a_file_url_is_a_path(folder):
    (folder / "a b.png").write_bytes((folder / NAMES[0]).read_bytes())
    lines = [f"file://{folder}/a%20b.png", f"FILE://localhost{folder}/cat/000.png"]
    (folder.parent / "l.txt").write_text("\n".join(lines))
    source = open_source(folder.parent / "l.txt")
    assert [file.path for file in source.list_files().files] == ["a b.png", "cat/000.png"]
    assert source.read("a b.png") == (folder / NAMES[0]).read_bytes()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("http://[bad/a.png", "no address of a web server"),
        ("odd://host/a.png", "Protocol not known"),
    ],
)
def test_a_line_that_names_nothing_is_a_row_and_the_others_are_read(
    folder, workspace, line, reason
):
    (folder.parent / "l.txt").write_text(f"{line}\nimages/cat/000.png\n")
    with workspace.writing():
        found = scan(folder.parent / "l.txt", workspace, Silent())
    rows = {row["path"]: row for row in found.table.to_pylist()}
    assert reason in rows[line]["reason"]
    assert rows["000.png"]["status"] == "ok"


def test_a_url_that_is_none_is_told():
    with pytest.raises(InputError, match="is no URL"):
        open_source("http://me:secret@[bad/x.tar")
    assert without_secrets("http://me:pw@[bad/x.png?sig=1") == "http://[bad/x.png"


@pytest.mark.parametrize("lines", ["images/cat/000.png\n", "http://127.0.0.1:9/a.png\n"])
def test_a_list_of_which_nothing_is_left_is_told(folder, workspace, lines):
    (folder.parent / "l.txt").write_text(lines)
    everything = ScanConfig(exclude=("*.png",))
    for _ in range(2):
        with pytest.raises(InputError, match="holds no images"), workspace.writing():
            scan(folder.parent / "l.txt", workspace, Silent(), config=everything)


def test_a_list_that_is_parquet_by_its_content_is_no_list_of_paths(tmp_path):
    pq.write_table(pa.table({"path": ["a.png"]}), tmp_path / "x.txt")
    with pytest.raises(InputError, match="is a Parquet file, and no list") as told:
        open_source(tmp_path / "x.txt")
    assert told.value.hint == "call it x.parquet"


def test_a_zip_is_told_by_what_it_is(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="is a zip archive, which is not read") as told:
        open_source(tmp_path / "a.zip")
    assert told.value.hint.startswith("unpack it")


@pytest.mark.parametrize("pattern", ["{a,b}", "[ab]", "?", "{a,b,a}"])
def test_a_pattern_of_folders_stands_for_the_images_in_them(tmp_path, pattern):
    write_folder(tmp_path / "a", some_images(2))
    write_folder(tmp_path / "b", some_images(3))
    source = open_source(f"{tmp_path}/{pattern}")
    paths = [file.path for file in source.list_files().files]
    assert paths == ["a/cat/000.png", "a/dog/001.png", *(
        f"b/{name}" for name in ("cat/000.png", "cat/002.png", "dog/001.png")
    )]  # fmt: skip
    again = open_source(source.address)
    assert [file.path for file in again.list_files().files] == paths


def test_a_pattern_of_one_folder_is_that_folder(tmp_path):
    write_folder(tmp_path / "a1", some_images(2))
    assert open_source(f"{tmp_path}/a*").address == str(tmp_path / "a1")


def test_a_pattern_of_folders_and_files_is_refused(tmp_path):
    write_folder(tmp_path / "all/a", some_images(2))
    (tmp_path / "all/b.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"stands for folders and for files, such as b\.png"):
        open_source(f"{tmp_path}/all/*")

import hashlib
import io
import os
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.annotations.add_labels import add_labels
from curate.errors import InputError
from curate.images.contact_sheet import write_sheet
from curate.images.decode import decode
from curate.progress import Silent
from curate.sources import make_place, open_source
from curate.workspace.scan import ScanConfig, scan
from tests.sources.made_sources import (
    picture_bytes,
    some_images,
    tar_bytes,
    write_folder,
    write_parquet,
    write_tars,
)


def scanned(address, workspace, **options):
    with workspace.writing():
        return scan(address, workspace, Silent(), **options)


def labels_of(found, labels):
    rows = add_labels(found.manifest(), labels, Silent(), said=found.said).rows
    return rows.read(["label"])["label"].to_pylist()


def by_path(found):
    return {row["path"]: row for row in found.table.to_pylist()}


def sha(content):
    return hashlib.sha256(content).hexdigest()


def reread(found):
    """Return the hashes of all images as they are read later, one by one."""
    source = open_source(found.source)
    return [
        sha(source.read(row["path"], make_place(row)))
        for row in found.table.to_pylist()
        if row["status"] == "ok"
    ]


@pytest.fixture
def pictures():
    return some_images(10)


def test_every_form_gives_the_same_images(pictures, tmp_path, workspace):
    folder = write_folder(tmp_path / "folder", pictures)
    write_tars(tmp_path / "tars", pictures)
    write_parquet(tmp_path / "table.parquet", pictures)
    lines = "".join(f"{folder / name}\n" for name in pictures)
    (tmp_path / "list.txt").write_text(lines)
    addresses = [folder, f"{tmp_path}/tars/{{0000..0001}}.tar", tmp_path / "tars"]
    addresses += [tmp_path / "table.parquet", tmp_path / "list.txt"]
    expected = sorted(map(sha, pictures.values()))
    facts = ["hash", "bytes", "width", "height", "format", "status", "phash", "sharpness"]
    rows = None
    for address in addresses:
        found = scanned(address, workspace)
        table = found.table.select(facts).sort_by("hash")
        assert table["hash"].to_pylist() == expected
        assert rows is None or table.equals(rows)
        rows = table
        assert sorted(reread(found)) == expected


def test_members_say_where_they_lie(pictures, tmp_path, workspace):
    write_tars(tmp_path / "tars", pictures)
    rows = by_path(scanned(tmp_path / "tars", workspace))
    row = rows["0001.tar/dog/003.png"]
    assert (row["container"], row["member"], row["row"]) == ("0001.tar", "dog/003.png", None)
    archive = (tmp_path / "tars/0001.tar").read_bytes()
    held = archive[row["offset"] : row["offset"] + row["length"]]
    assert held == pictures["dog/003.png"]
    facts = (tmp_path / "tars/0001.tar").stat()
    assert row["version"] == f"{facts.st_mtime_ns}-{facts.st_size}"


def test_rows_of_a_table_say_where_they_lie(pictures, tmp_path, workspace):
    write_parquet(tmp_path / "part-3.parquet", pictures)
    rows = by_path(scanned(tmp_path / "part-3.parquet", workspace))
    row = rows["part-3.parquet#7"]
    assert (row["container"], row["member"]) == ("part-3.parquet", "dog/007.png")
    assert (row["row"], row["offset"], row["length"]) == (7, None, row["bytes"])


def test_an_unchanged_archive_is_not_read_again_and_a_changed_one_is(pictures, tmp_path, workspace):
    folder = write_tars(tmp_path / "tars", pictures)
    first = scanned(folder, workspace)
    again = scanned(folder, workspace)
    assert (first.n_read, again.n_read) == (10, 0)
    assert again.table.equals(first.table)
    (folder / "0001.tar").write_bytes(tar_bytes([("dog/new.png", picture_bytes(99))]))
    third = scanned(folder, workspace)
    assert (third.n_read, third.n_decoded, len(third.table)) == (1, 1, 6)


def test_a_scan_that_was_stopped_within_an_archive_decodes_only_the_rest(tmp_path, workspace):
    write_tars(tmp_path / "tars", some_images(40), n=1)
    left = [25]

    def decode_some(raw, **limits):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return decode(raw, **limits)

    with pytest.raises(KeyboardInterrupt):
        scanned(tmp_path / "tars", workspace, decode_image=decode_some, shard_images=8)
    found = scanned(tmp_path / "tars", workspace)
    assert (found.n_read, found.n_ok) == (40, 40)
    assert found.n_decoded <= 40 - 16


def test_an_archive_that_changed_is_an_error_never_another_picture(pictures, tmp_path, workspace):
    folder = write_tars(tmp_path / "tars", pictures, n=1)
    write_parquet(tmp_path / "t.parquet", pictures)
    for address, file in ((folder, folder / "0000.tar"), (tmp_path / "t.parquet",) * 2):
        row = scanned(address, workspace).table.to_pylist()[0]
        file.write_bytes(file.read_bytes()[::-1])
        os.utime(file, ns=(1, 1))
        with pytest.raises(OSError, match="has changed since it was scanned"):
            open_source(address).read(row["path"], make_place(row))


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz"])
def test_compressed_archives_are_read_and_read_again(pictures, packing, tmp_path, workspace):
    file = tmp_path / f"a.tar.{packing}"
    file.write_bytes(tar_bytes(pictures.items(), mode=f"w:{packing}"))
    found = scanned(file, workspace)
    assert sorted(reread(found)) == sorted(map(sha, pictures.values()))


def test_zstandard_archives_are_read(pictures, tmp_path, workspace):
    content = pa.compress(tar_bytes(pictures.items()), "zstd", asbytes=True)
    (tmp_path / "a.tar.zst").write_bytes(content)
    found = scanned(tmp_path / "a.tar.zst", workspace)
    assert sorted(reread(found)) == sorted(map(sha, pictures.values()))


def test_labels_come_from_members_beside_and_from_classes(pictures, tmp_path, workspace):
    members = [
        ("a/1.png", picture_bytes(1)),
        ("a/2.png", picture_bytes(2)),
        ("a/1.cls", b"cat\n"),  # interleaved: after the next image
        ("a/2.json", b'{"label": "dog", "x": 1}'),
        ("a/3.seg.png", picture_bytes(3)),
        ("a/3.cls.txt", b"7"),
        ("a/3.json", b'{"label": "not this"}'),
    ]
    (tmp_path / "a.tar").write_bytes(tar_bytes(members))
    found = scanned(tmp_path / "a.tar", workspace)
    assert labels_of(found, "source") == ["cat", "dog", "7"]
    assert labels_of(found, "folder") == ["a"] * 3
    write_parquet(tmp_path / "t.parquet", pictures)
    found = scanned(tmp_path / "t.parquet", workspace)
    assert labels_of(found, "source") == labels_of(found, "folder") == ["cat", "dog"] * 5


def test_a_truncated_archive_gives_what_is_whole_and_says_what_is_not(tmp_path, workspace):
    images = some_images(4)
    whole = tar_bytes(images.items())
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        third = archive.getmembers()[2]
    (tmp_path / "cut.tar").write_bytes(whole[: third.offset_data + 10])
    found = scanned(tmp_path / "cut.tar", workspace)
    rows = by_path(found)
    assert sorted(rows) == [
        f"cut.tar/{name}" for name in ("cat/000.png", "cat/002.png", "dog/001.png")
    ]
    assert rows["cut.tar/cat/002.png"]["status"] == "unreadable"
    said = f"cannot be read: its archive ends after 10 of its {third.size:,} bytes"
    assert rows["cut.tar/cat/002.png"]["reason"] == said
    again = by_path(scanned(tmp_path / "cut.tar", workspace))
    assert again["cut.tar/cat/002.png"]["reason"] == said
    packed = tar_bytes(images.items(), mode="w:gz")
    (tmp_path / "cut.tar.gz").write_bytes(packed[: len(packed) // 2])
    rows = scanned(tmp_path / "cut.tar.gz", workspace).table.to_pylist()
    assert [row["status"] for row in rows].count("unreadable") == 1
    assert "end" in next(row["reason"] for row in rows if row["status"] == "unreadable")


def test_duplicate_sparse_linked_and_odd_members_are_all_accounted_for(tmp_path, workspace):
    sparse = tarfile.TarInfo("sparse.png")
    sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, 0
    link, dead, hard = (tarfile.TarInfo(n) for n in ("sub/link.png", "dead.png", "hard.png"))
    link.type, link.linkname = tarfile.SYMTYPE, "../one.png"
    dead.type, dead.linkname = tarfile.SYMTYPE, "nowhere.png"
    hard.type, hard.linkname = tarfile.LNKTYPE, "one.png"
    members = [
        ("./one.png", picture_bytes(1)),
        ("one.png", picture_bytes(2)),
        ("../../up.png", picture_bytes(3)),
        ("/root.png", picture_bytes(4)),
        (".hidden.png", picture_bytes(5)),
        ("notes.txt", b"text"),
        ("empty.png", b""),
        ("noending", picture_bytes(6)),
        ("nothing", b"no image"),
        link,
        dead,
        hard,
        sparse,
    ]
    (tmp_path / "odd.tar").write_bytes(tar_bytes(members))
    found = scanned(tmp_path / "odd.tar", workspace)
    rows = by_path(found)
    assert {path.removeprefix("odd.tar/"): row["status"] for path, row in rows.items()} == {
        "__/__/up.png": "ok", "empty.png": "unreadable", "hard.png": "ok", "noending": "ok",
        "one.png": "ok", "one.png#2": "ok", "root.png": "ok", "sparse.png": "unreadable",
        "sub/link.png": "ok",
    }  # fmt: skip
    assert found.passed_over == {
        "hidden": 1, "links to nothing": 1, ".txt": 1, "without an ending": 1,
    }  # fmt: skip
    assert rows["odd.tar/one.png"]["hash"] == sha(picture_bytes(1))
    assert rows["odd.tar/sub/link.png"]["hash"] == sha(picture_bytes(2))
    assert rows["odd.tar/hard.png"]["link_of"] == "odd.tar/one.png#2"
    assert "sparse member" in rows["odd.tar/sparse.png"]["reason"]
    assert len(reread(found)) == 7


def test_archives_put_one_behind_the_other_and_damaged_headers(tmp_path, workspace):
    one, two = (tar_bytes([(f"{n}.png", picture_bytes(n))]) for n in (1, 2))
    (tmp_path / "both.tar").write_bytes(one + two)
    assert len(scanned(tmp_path / "both.tar", workspace).table) == 2
    three = tar_bytes([(f"{n}.png", picture_bytes(n)) for n in range(3)])
    with tarfile.open(fileobj=io.BytesIO(three)) as archive:
        start = archive.getmembers()[1].offset
    (tmp_path / "hurt.tar").write_bytes(three[:start] + b"?" * 512 + three[start + 512 :])
    found = scanned(tmp_path / "hurt.tar", workspace)
    assert [row["path"] for row in found.table.to_pylist()] == ["hurt.tar/0.png", "hurt.tar/2.png"]
    assert "hurt.tar is damaged" in found.problems[0]


def test_null_bytes_and_external_paths_in_a_table(tmp_path, workspace):
    outside = tmp_path / "outside.png"
    outside.write_bytes(picture_bytes(9))
    tmp_path = tmp_path / "tables"
    tmp_path.mkdir()
    (tmp_path / "there.png").write_bytes(picture_bytes(1))
    (tmp_path / "secret.txt").write_text("no image")
    values = [
        {"bytes": picture_bytes(0), "path": None},
        {"bytes": None, "path": "there.png"},
        {"bytes": None, "path": "gone.png"},
        {"bytes": None, "path": "secret.txt"},
        {"bytes": None, "path": None},
        None,
        {"bytes": None, "path": str(outside)},
        {"bytes": None, "path": "../outside.png"},
    ]
    table = pa.table(
        {"image": pa.array(values, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    rows = scanned(tmp_path / "t.parquet", workspace).table.to_pylist()
    assert [row["status"] for row in rows] == ["ok", "ok"] + ["unreadable"] * 6
    assert rows[1]["hash"] == sha(picture_bytes(1))
    assert "No such file" in rows[2]["reason"]
    assert "is no image" in rows[3]["reason"]
    assert "has no image" in rows[4]["reason"]
    assert "has no image" in rows[5]["reason"]
    assert "outside the folder of its table" in rows[6]["reason"]
    assert "outside the folder of its table" in rows[7]["reason"]


def test_what_is_no_table_or_archive_is_a_row_or_an_error(tmp_path, workspace):
    shards = tmp_path / "shards"
    shards.mkdir()
    (shards / "0.tar").write_bytes(tar_bytes([("a.png", picture_bytes(1))]))
    (shards / "1.tar").write_bytes(b"no archive at all" * 100)
    (shards / "2.parquet").write_bytes(b"PAR1 no table PAR1")
    pq.write_table(pa.table({"x": [1]}), shards / "3.parquet")
    found = scanned(shards, workspace)
    rows = by_path(found)
    assert rows["0.tar/a.png"]["status"] == "ok"
    assert rows["1.tar"]["status"] == rows["2.parquet"]["status"] == "unreadable"
    assert found.passed_over == {"tables without images": 1}
    missing = scanned(f"{shards}/{{0..4}}.tar", workspace)
    assert by_path(missing)["4.tar"]["reason"] == "cannot be read: No such file or directory"
    with pytest.raises(InputError, match="no file is named"):
        open_source(f"{tmp_path}/nothing-{{0..3}}.tar")
    (tmp_path / "movie.bin").write_bytes(b"?")
    with pytest.raises(InputError, match="no archive, table or list"):
        open_source(tmp_path / "movie.bin")


def test_several_sources_at_once_keep_apart_by_their_names(pictures, tmp_path, workspace):
    write_folder(tmp_path / "a/images", {"x.png": picture_bytes(1)})
    write_folder(tmp_path / "b/images", {"x.png": picture_bytes(2)})
    write_tars(tmp_path / "tars", pictures, n=1)
    found = scanned([tmp_path / "a/images", tmp_path / "b/images", tmp_path / "tars"], workspace)
    rows = by_path(found)
    assert len(rows) == 12
    assert rows["images/x.png"]["hash"] == sha(picture_bytes(1))
    assert rows["images-2/x.png"]["hash"] == sha(picture_bytes(2))
    assert rows["tars/0000.tar/cat/000.png"]["container"] == "tars/0000.tar"
    assert sorted(reread(found)) == sorted(row["hash"] for row in rows.values())
    again = scanned(found.source, workspace)
    assert again.n_read == 0
    assert again.table.equals(found.table)


@pytest.mark.filterwarnings("ignore:Cannot")  # dill, of datasets
def test_a_dataset_saved_to_disk_is_a_source(pictures, tmp_path, workspace):
    datasets = pytest.importorskip("datasets")
    labels = [name.split("/")[0] for name in pictures]
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    images = [{"bytes": content, "path": name} for name, content in pictures.items()]
    codes = [["cat", "dog"].index(label) for label in labels]
    table = pa.Table.from_pydict({"image": images, "label": codes}, features.arrow_schema)
    made = datasets.Dataset(datasets.table.InMemoryTable(table), fingerprint="made")
    made.save_to_disk(tmp_path / "saved")
    found = scanned(tmp_path / "saved", workspace)
    assert sorted(reread(found)) == sorted(map(sha, pictures.values()))
    assert labels_of(found, "source") == labels


def test_other_patterns_choose_other_images_of_an_archive_that_has_not_changed(
    pictures, tmp_path, workspace
):
    path = tmp_path / "some.tar"
    path.write_bytes(tar_bytes(pictures.items()))
    whole = {row["path"] for row in scanned(path, workspace).table.to_pylist()}
    few = scanned(path, workspace, config=ScanConfig(exclude=("cat/*",)))
    assert {p for p in whole if "/cat/" not in p} == set(by_path(few))
    assert set(by_path(scanned(path, workspace))) == set(by_path(few))  # patterns hold
    from_source = ScanConfig(exclude=(f"{path.name}/cat/*",))
    assert set(by_path(scanned(path, workspace, config=from_source))) == set(by_path(few))
    none = ScanConfig(exclude=())
    assert set(by_path(scanned(path, workspace, config=none))) == whole


def test_a_source_whose_only_pictures_curate_drew_is_told(tmp_path, workspace):
    (tmp_path / "sheets").mkdir()
    write_sheet(tmp_path / "sheets/s.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="1 made by curate"):
        scanned(tmp_path / "sheets", workspace)


def test_a_label_in_bytes_is_its_text_and_an_empty_one_is_none(pictures, tmp_path, workspace):
    content = [picture_bytes(k) for k in range(3)]
    table = pa.table({"image": content, "label": [b"cat", b"", None]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert labels_of(scanned(tmp_path / "t.parquet", workspace), "source") == ["cat", None, None]

import sys
import tarfile
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

import curate
from curate.copies.candidates import from_keypoints
from curate.copies.sharded import keypoints, pairs
from curate.engine.opening import EngineConfig, open_engine
from curate.errors import ResourceError, UsageError
from curate.progress import Silent
from curate.workspace import container_shards, embedding_shards, encoding, scan_shards
from curate.workspace.workspace import Workspace
from tests.conftest import make_folder, picture, save

POISON = """
import os, signal, sys
if "spawn_main" in " ".join(sys.orig_argv):
    import curate.images.decode as module
    plain = module.decode
    def decode(raw, **options):
        if b"poison" in raw:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(raw, **options)
    module.decode = decode
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Images with cropped and darkened copies, and files that cannot be read."""
    root = make_folder(tmp_path_factory.mktemp("engine") / "images")
    for seed in range(6):
        save(root / "copies" / f"{seed}.jpg", (picture(seed)[6:, 8:] * 0.8).astype(np.uint8))
    return root


@pytest.fixture(scope="module")
def alone(images, tmp_path_factory):
    """The manifest that one process writes."""
    folder = tmp_path_factory.mktemp("alone")
    curate.dedup(images, out=folder / "m.parquet", workspace=folder / "w")
    return (folder / "m.parquet").read_bytes()


@pytest.fixture
def small_shards(monkeypatch):
    """Make each step take several shards."""
    cut = scan_shards.cut_into_shards
    monkeypatch.setattr(scan_shards, "cut_into_shards", lambda files: cut(files, mean=4))
    monkeypatch.setattr(keypoints, "_SHARD", 7)
    monkeypatch.setattr(pairs, "_SHARD", 16)
    monkeypatch.setattr(pairs, "_CLOSE_SHARD", 3)
    params = replace(from_keypoints.VOTE_PARAMS, n_block=11)
    monkeypatch.setattr(from_keypoints, "VOTE_PARAMS", params)


@pytest.mark.parametrize("address", ["here", "processes:2"])
def test_an_engine_writes_the_manifest_of_one_process(
    images, alone, tmp_path, address, small_shards
):
    out, space = tmp_path / "m.parquet", tmp_path / "w"
    done = curate.dedup(images, out=out, workspace=space, engine=EngineConfig(address=address))
    assert done.n_duplicates >= 6
    assert out.read_bytes() == alone
    assert sorted(path.name for path in (space / "curate-engine").iterdir()) == ["beat", "lease"]


def test_a_killed_command_goes_on_with_what_was_finished(
    images, alone, tmp_path, small_shards, monkeypatch
):
    engine, run = EngineConfig(address="here"), []
    monkeypatch.setattr(pairs, "open_first_look", lambda settings, files: 1 / 0)
    with pytest.raises(ResourceError, match="ZeroDivisionError"):
        curate.dedup(images, out=tmp_path / "m.parquet", workspace=tmp_path / "w", engine=engine)
    monkeypatch.undo()

    class Counted(scan_shards._ScanWorker):
        def work(self, items):
            run.append(len(items))
            return super().work(items)

    monkeypatch.setattr(scan_shards, "_ScanWorker", Counted)
    curate.dedup(images, out=tmp_path / "m.parquet", workspace=tmp_path / "w", engine=engine)
    assert (tmp_path / "m.parquet").read_bytes() == alone
    assert run == []  # the scan of the first command is kept


def test_vectors_of_an_engine_are_those_of_one_process(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "BATCH_ROWS", 5)
    monkeypatch.setattr(embedding_shards, "BATCH_ROWS", 5)
    monkeypatch.setattr(embedding_shards, "_SHARD_BATCHES", 2)
    found = []
    for name, engine in (("one", None), ("here", EngineConfig(address="here"))):
        space = Workspace(tmp_path / name)
        space.root.mkdir()
        (space.root / "models").symlink_to(trained / ".curate/models")
        curate.embed(trained / "images", engine=engine, workspace=space.root)
        found.append(pq.read_table(space.embeddings("default") / "000001.parquet"))
    assert found[0].equals(found[1])
    assert len(found[0]) == 25


def test_an_image_that_kills_its_worker_becomes_a_row(images, tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(POISON)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{':'.join(filter(None, sys.path))}")
    folder = tmp_path / "images"
    for seed in range(5):
        save(folder / f"{seed}.png", picture(seed))
    with (folder / "2.png").open("ab") as file:
        file.write(b"poison")
    engine = EngineConfig(address="processes:2")
    out = tmp_path / "m.parquet"
    curate.dedup(folder, out=out, workspace=tmp_path / "w", engine=engine)
    rows = pq.read_table(out, columns=["path", "status", "reason"]).to_pylist()
    assert [row["path"] for row in rows if row["status"] != "ok"] == ["2.png"]
    assert rows[2]["reason"] == "its worker died: the process that worked on it died (4 times)"


@pytest.fixture(scope="module")
def shards(images, tmp_path_factory):
    """The images in two tars, one of which is cut off, and a file that is no tar."""
    root = tmp_path_factory.mktemp("shards")
    files = sorted(path for path in images.rglob("*") if path.is_file())
    for name, part in (("a.tar", files[::2]), ("b.tar", files[1::2])):
        with tarfile.open(root / name, "w") as archive:
            for path in part:
                archive.add(path, path.relative_to(images))
    whole = (root / "b.tar").read_bytes()
    (root / "b.tar").write_bytes(whole[: 2 * len(whole) // 3])
    (root / "c.tar").write_bytes(b"no archive" * 200)
    return root


def scan_rows(source, space, **options):
    out = space.parent / f"{space.name}.parquet"
    curate.dedup(source, out=out, workspace=space, **options)
    return out.read_bytes()


def test_archives_are_read_on_an_engine_in_parts(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(container_shards, "PART_IMAGES", 5)
    alone = scan_rows(shards, tmp_path / "one")
    assert scan_rows(shards, tmp_path / "here", engine=EngineConfig(address="here")) == alone
    several = [shards / "a.tar", shards / "b.tar"]
    alone = scan_rows(several, tmp_path / "two")
    assert scan_rows(several, tmp_path / "both", engine=EngineConfig(address="here")) == alone


def test_an_image_of_an_archive_that_no_worker_survives_becomes_a_row(
    shards, tmp_path, monkeypatch
):
    monkeypatch.setattr(container_shards, "PART_IMAGES", 6)
    plain = container_shards.decode

    def decode(raw, **options):
        if raw.startswith(b"\xff\xd8\xff\xe0 and then nothing"):
            raise MemoryError("too much")
        return plain(raw, **options)

    monkeypatch.setattr(container_shards, "decode", decode)
    scan_rows(shards / "a.tar", tmp_path / "w", engine=EngineConfig(address="here"))
    rows = pq.read_table(tmp_path / "w.parquet", columns=["path", "status", "reason"]).to_pylist()
    found = {row["path"]: row["reason"] for row in rows if row["status"] != "ok"}
    assert found["a.tar/broken.jpg"] == "it failed: MemoryError: too much (4 times)"


def test_an_address_that_grants_access_is_not_told_to_workers(tmp_path):
    with pytest.raises(UsageError, match="holds what grants access"):
        curate.dedup(
            "https://host.test/a.tar?X-Amz-Signature=1",
            out=tmp_path / "m.parquet",
            workspace=tmp_path / "w",
            engine=EngineConfig(address="here"),
        )


@pytest.mark.parametrize("address", ["processes:0", "nowhere", ""])
def test_what_is_no_cluster_is_refused(address):
    with pytest.raises(UsageError, match="is no cluster"):
        EngineConfig(address=address)


def test_a_second_command_on_one_store_is_refused(tmp_path):
    shared = EngineConfig(address="here", shared=str(tmp_path / "store"))
    with (
        open_engine(shared, tmp_path / "a", Silent()),
        pytest.raises(ResourceError, match="is being worked on by process"),
        open_engine(shared, tmp_path / "b", Silent()),
    ):
        pass

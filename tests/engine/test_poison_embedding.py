import hashlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import curate
from curate.engine.base import Failure, FailureKind
from curate.engine.opening import EngineConfig
from curate.errors import ResourceError
from curate.workspace import embedding_shards
from curate.workspace.refusals import split_failures
from curate.workspace.workspace import Workspace
from tests.conftest import picture, save
from tests.engine.poison import EMBEDDING, Poison

DIED = Failure(FailureKind.DIED, "gone")
MARKED = "b.png"
pytestmark = pytest.mark.slow  # each worker that dies is followed by one that loads a model


@pytest.fixture
def images(tmp_path):
    for seed, name in enumerate("abc"):
        save(tmp_path / f"images/{name}.png", picture(seed))
    return tmp_path / "images"


@pytest.fixture
def space(trained, tmp_path):
    """A workspace with a model and no vectors."""
    space = Workspace(tmp_path / "w")
    space.root.mkdir()
    (space.root / "models").symlink_to(trained / ".curate/models")
    return space.root


@pytest.fixture
def marked(images):
    return hashlib.sha256((images / MARKED).read_bytes()).hexdigest()


@pytest.fixture
def poison(marked, tmp_path, monkeypatch):
    return Poison(tmp_path, marked, EMBEDDING, monkeypatch)


def unreadable(path):
    rows = pq.read_table(path).to_pylist()
    return {row["path"]: row for row in rows if row["status"] != "ok"}


@pytest.mark.parametrize("address", ["processes:2", "local"])
def test_an_image_that_no_worker_can_embed_becomes_a_row(
    images, space, poison, tmp_path, monkeypatch, address
):
    if address == "local":
        pytest.importorskip("ray", reason="Ray is not installed")
        monkeypatch.setenv("RAY_TMPDIR", "/tmp")  # sockets in there have short names only
    out, engine = tmp_path / "m.parquet", EngineConfig(address=address)
    done = curate.cluster(images, out=out, engine=engine, workspace=space)
    assert list(unreadable(out)) == [MARKED]
    row = unreadable(out)[MARKED]
    assert row["reason"].startswith("its worker died: ")
    assert row["reason"].endswith("(4 times)")
    assert (row["width"], row["issues"], row["cluster"]) == (None, None, None)
    assert (done.n_unreadable, done.n_embedded) == (1, 2)
    assert poison.n_deaths == 4 + 1 + 4  # the shard, its half, the image

    first = out.read_bytes()
    again = curate.cluster(images, out=out, workspace=space)
    assert (poison.n_deaths, again.n_embedded) == (9, 0)
    assert out.read_bytes() == first


def test_later_commands_leave_out_what_no_worker_survives(images, space, poison, tmp_path):
    before, out = tmp_path / "before.parquet", tmp_path / "m.parquet"
    curate.dedup(images, out=before, workspace=space)
    assert unreadable(before) == {}
    done = curate.embed(images, engine=EngineConfig(address="processes:1"), workspace=space)
    assert done.n_images == 2
    assert [reason[:15] for reason in done.unreadable] == ["its worker died"]
    found = curate.search([images / MARKED], curate.SearchConfig(k=50), workspace=space)
    assert sorted(Path(one.path).name for one in found.answers[0].found) == ["a.png", "c.png"]
    curate.dedup(before, out=out, workspace=space)
    assert unreadable(out)[MARKED]["keep"] is None
    config = curate.SampleConfig(size=2, by="format")
    curate.sample(out, config, out=tmp_path / "s.parquet", workspace=space)
    rows = pq.read_table(tmp_path / "s.parquet", columns=["path", "selected"]).to_pylist()
    assert [row["path"] for row in rows if row["selected"]] == ["a.png", "c.png"]


def test_what_no_worker_survived_is_tried_again_once_its_file_is_removed(
    images, space, poison, monkeypatch
):
    curate.embed(images, engine=EngineConfig(address="processes:1"), workspace=space)
    (space / "refused.parquet").unlink()
    monkeypatch.delenv("PYTHONPATH")
    done = curate.embed(images, workspace=space)
    assert (done.n_images, done.n_embedded) == (3, 1)


def test_what_raises_on_a_worker_is_embedded_here(images, space, marked, monkeypatch):
    plain = embedding_shards.encode

    def encode(encoder, pixels, content_hashes):
        if marked in content_hashes:
            raise OSError("not on this node")
        return plain(encoder, pixels, content_hashes)

    monkeypatch.setattr(embedding_shards, "encode", encode)
    done = curate.embed(images, engine=EngineConfig(address="here"), workspace=space)
    assert (done.n_images, done.n_embedded) == (3, 3)
    assert not (space / "refused.parquet").exists()


def test_workers_that_die_of_every_image_are_no_fault_of_the_images():
    many = {str(number): DIED for number in range(20)}
    assert split_failures({"a": DIED}, []) == ({"a": "its worker died: gone"}, [])
    assert len(split_failures(many, ["another"])[0]) == 20
    with pytest.raises(ResourceError, match="workers die of each of 20 images: gone"):
        split_failures(many, [])

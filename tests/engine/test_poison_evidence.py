import hashlib

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

import curate
from curate.copies.sharded import keypoints
from curate.engine.opening import EngineConfig
from curate.images import isolation
from tests.conftest import Notes, picture, save
from tests.engine.poison import DECODER, FILES, FIRST_LOOK, KEYPOINTS, Poison

pytestmark = pytest.mark.slow  # each worker that dies is followed by another

PROCESSES = EngineConfig(address="processes:2")


def page(text):
    """Return a page of few words, whose copies are compared at the size of their files."""
    pixels = np.full((900, 700, 3), 255, np.uint8)
    for line, word in enumerate(text.split()):
        cv2.putText(pixels, word, (60, 80 + 40 * line), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 0), 2)
    return pixels


@pytest.fixture
def images(tmp_path):
    """Pictures with darker copies that lack an edge, and a page saved twice."""
    root = tmp_path / "images"
    for seed in range(2):
        save(root / f"{seed}.png", picture(seed))
        save(root / f"{seed}.jpg", (picture(seed)[6:, 8:] * 0.8).astype(np.uint8))
    for name in ("page.png", "page.jpg"):
        save(root / name, page("to whom it may concern"))
    return root


class Dedup:
    """Runs the command again and again in one workspace."""

    def __init__(self, images, folder, monkeypatch):
        self._images, self._folder, self._monkeypatch = images, folder, monkeypatch
        self.notes = Notes()

    def poison(self, name, code):
        content = (self._images / name).read_bytes()
        marked = hashlib.sha256(content).hexdigest()
        return Poison(self._folder, marked, code, self._monkeypatch)

    def run(self, engine=None):
        out, space = self._folder / "m.parquet", self._folder / "w"
        curate.dedup(self._images, out=out, workspace=space, engine=engine, progress=self.notes)
        return {row["path"]: row for row in pq.read_table(out).to_pylist()}


@pytest.fixture
def dedup(images, tmp_path, monkeypatch):
    return Dedup(images, tmp_path, monkeypatch)


@pytest.mark.parametrize("address", ["processes:2", "local"])
def test_an_image_whose_keypoints_no_worker_can_find_becomes_a_row(dedup, monkeypatch, address):
    if address == "local":
        pytest.importorskip("ray", reason="Ray is not installed")
        monkeypatch.setenv("RAY_TMPDIR", "/tmp")  # sockets in there have short names only
    poison = dedup.poison("1.jpg", KEYPOINTS)
    rows = dedup.run(EngineConfig(address=address))
    lost = {path: row["reason"] for path, row in rows.items() if row["status"] != "ok"}
    assert list(lost) == ["1.jpg"]
    assert lost["1.jpg"].startswith("its worker died: ")
    assert (rows["1.jpg"]["keep"], rows["1.png"]["keep"]) == (None, True)
    assert rows["0.jpg"]["duplicate_of"] == "0.png"
    n_deaths = poison.n_deaths
    assert n_deaths > 4
    assert dedup.run(EngineConfig(address=address)) == rows
    assert dedup.run() == rows
    assert poison.n_deaths == n_deaths


def test_keypoints_that_a_worker_cannot_find_are_found_here(dedup, images, monkeypatch):
    plain = keypoints._KeypointWorker.work

    def work(self, items):
        if marked in items["hash"].to_pylist():
            raise OSError("not on this node")
        return plain(self, items)

    marked = hashlib.sha256((images / "1.jpg").read_bytes()).hexdigest()
    monkeypatch.setattr(keypoints._KeypointWorker, "work", work)
    rows = dedup.run(EngineConfig(address="here"))
    assert rows["1.jpg"]["duplicate_of"] == "1.png"
    assert {row["status"] for row in rows.values()} == {"ok"}


def test_a_pair_that_no_worker_survives_is_no_copy(dedup, monkeypatch):
    monkeypatch.setattr("curate.engine.shards.N_RETRIES", 0)  # five pairs have it: 36 die with 3
    poison = dedup.poison("1.jpg", FIRST_LOOK)
    rows = dedup.run(PROCESSES)
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert (rows["1.jpg"]["duplicate_of"], rows["0.jpg"]["duplicate_of"]) == (None, "0.png")
    told = [one for one in dedup.notes.notes if one.startswith("no worker survives a look at ")]
    assert [" pairs: no copies; " in one for one in told] == [True]
    n_deaths = poison.n_deaths
    assert n_deaths > 4
    assert dedup.run(PROCESSES) == dedup.run() == rows
    assert poison.n_deaths == n_deaths


def test_a_pair_whose_files_no_worker_survives_is_compared_as_cached(dedup):
    poison = dedup.poison("page.jpg", FILES)
    rows = dedup.run(PROCESSES)
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert rows["0.jpg"]["duplicate_of"] == "0.png"
    told = "no worker survives the files of 1 pair: compared as cached; page."
    assert any(one.startswith(told) for one in dedup.notes.notes)
    n_deaths = poison.n_deaths
    assert n_deaths > 4
    assert dedup.run(PROCESSES) == dedup.run() == rows
    assert poison.n_deaths == n_deaths


@pytest.mark.parametrize("address", [None, "processes:2"])
def test_a_file_whose_decoder_dies_is_compared_as_cached(dedup, monkeypatch, address):
    monkeypatch.setattr(isolation, "_pool", isolation.DecoderPool())
    poison = dedup.poison("page.jpg", DECODER)
    rows = dedup.run(EngineConfig(address=address) if address else None)
    assert poison.n_deaths > 0
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert rows["0.jpg"]["duplicate_of"] == "0.png"
    assert rows["page.jpg"]["duplicate_of"] == "page.png"
    n_deaths = poison.n_deaths
    assert dedup.run() == rows
    assert poison.n_deaths == n_deaths
    isolation._pool.stop()

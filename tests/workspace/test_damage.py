"""A damaged workspace is noticed, named and mended."""

import os
import shutil
import stat

import numpy as np
import pytest
from safetensors.numpy import load_file

import curate
from curate.choices import SearchBy
from curate.errors import InputError
from curate.workspace.workspace import Workspace
from tests.benchmarks.damage import COMMANDS, KINDS, REPAIR, Place, try_damage
from tests.conftest import Notes

SMALL = {"epochs": 2, "image_size": 32, "batch_size": 8, "prototypes": 6, "device": "cpu"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("made"))


@pytest.fixture
def place(made):
    made.put_back()
    return made


def flip(path, part=0.5):
    raw = bytearray(path.read_bytes())
    raw[int(len(raw) * part)] ^= 4
    path.write_bytes(raw)


@pytest.mark.slow
def test_no_damage_gives_a_wrong_answer_or_a_traceback(made):
    """One kind of damage for each file, two commands for each: the long version has them all."""
    files, rng = made.stored(), np.random.default_rng(1)
    names = [*COMMANDS, REPAIR]
    for number, file in enumerate(files):
        chosen = {
            name: (COMMANDS | {REPAIR: REPAIR})[name] for name in (names[number % len(names)],)
        }
        for case in try_damage(made, files=[file], commands=chosen, rng=rng):
            assert case.verdict in ("same", "error"), case


def test_damage_of_what_was_interrupted_is_told_and_it_ends_as_if_nothing_had_been(made):
    """A training goes on or begins anew, files of a scan are read again: the result is one."""
    files = [name for name in made.stored() if ".half.training" in name or "pending" in name]
    assert len(files) >= 4
    rng = np.random.default_rng(2)
    for file in files:
        name = "train more" if "pending" in file else "train half"
        cases = list(try_damage(made, files=[file], commands={name: COMMANDS[name]}, rng=rng))
        assert [case.kind for case in cases] == list(KINDS)
        assert {case.verdict for case in cases} == {"same"}, cases


def test_images_of_a_lost_shard_are_read_again_with_one_line(place):
    (place.workspace / "pixels" / "000001.bin").unlink()
    heard = Notes()
    found = curate.dedup(
        place.images, out=place.root / "x.parquet", workspace=place.workspace, progress=heard
    )
    assert (found.n_images, found.n_unreadable) == (26, 2)
    assert len(heard.about(".bin")) == 1
    assert curate.verify(workspace=place.workspace).found == []


def test_a_damaged_image_is_made_again_by_readers_from_memory_and_by_writers_for_good(place):
    shard = place.workspace / "pixels" / "000001.bin"
    shard.write_bytes(bytes(shard.stat().st_size))
    before = sorted(path.name for path in place.workspace.glob("pixels/*"))
    heard = Notes()
    curate.sheet(
        place.manifest, out=place.root / "x.png", workspace=place.workspace, progress=heard
    )
    assert len(heard.about("damaged")) == 1
    assert sorted(path.name for path in place.workspace.glob("pixels/*")) == before
    shutil.rmtree(place.workspace / "embeddings")
    curate.embed(workspace=place.workspace)
    assert curate.verify(workspace=place.workspace).found == []


def test_a_damaged_image_whose_file_is_gone_is_an_error_that_names_it(place, tmp_path):
    moved = tmp_path / "images"
    shutil.copytree(place.images, moved)
    space = tmp_path / ".curate"
    curate.dedup(moved, out=tmp_path / "m.parquet", workspace=space)
    (shard,) = space.glob("pixels/*.bin")
    shard.write_bytes(bytes(shard.stat().st_size))
    (moved / "red" / "000.png").unlink()
    with pytest.raises(InputError, match=r"red/000\.png"):
        curate.sheet(tmp_path / "m.parquet", out=tmp_path / "x.png", workspace=space)


@pytest.mark.parametrize("loss", ["flip", "delete"])
def test_a_damaged_catalogue_is_made_again_from_all_sources(place, tmp_path, loss):
    shutil.copytree(place.images / "red", tmp_path / "second")
    curate.embed(tmp_path / "second", workspace=place.workspace)
    catalogue = place.workspace / "catalogue.parquet"
    if loss == "flip":
        flip(catalogue)
    else:
        catalogue.unlink()
    found = curate.search(
        [place.images / "red" / "000.png"], by=SearchBy.FEATURES, workspace=place.workspace
    )
    assert found.n_searched == 25
    assert curate.info(workspace=place.workspace).n_files == 28 + 10


def test_a_source_that_is_gone_is_forgotten_when_the_catalogue_is_made_again(place, tmp_path):
    shutil.copytree(place.images / "red", tmp_path / "second")
    curate.embed(tmp_path / "second", workspace=place.workspace)
    shutil.rmtree(tmp_path / "second")
    (place.workspace / "catalogue.parquet").unlink()
    heard = Notes()
    curate.embed(place.images, workspace=place.workspace, progress=heard)
    assert heard.about("no longer knows")
    assert curate.info(workspace=place.workspace).sources == [str(place.images)]


def test_damaged_weights_are_told_as_such_and_trained_again(place):
    weights = place.workspace / "models" / "default" / "weights.safetensors"
    before = load_file(weights)
    flip(weights)
    for command in (curate.cluster, curate.embed):
        with pytest.raises(InputError, match="weights of model 'default' are not those written"):
            command(workspace=place.workspace)
    heard = Notes()
    config = curate.TrainConfig(**SMALL)
    done = curate.train(place.images, config, workspace=place.workspace, progress=heard)
    assert done.was_trained
    assert heard.about("trained again")
    after = load_file(weights)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_another_model_does_not_step_in_for_one_that_lost_a_file(place):
    config = curate.TrainConfig(**SMALL, name="b")
    curate.train(place.images, config, workspace=place.workspace)
    (place.workspace / "models" / "default" / "model.json").unlink()
    with pytest.raises(InputError, match="is damaged: it is lost"):
        curate.embed(workspace=place.workspace)


def test_vectors_of_another_model_in_the_place_of_its_own_are_noticed(place):
    config = curate.TrainConfig(**SMALL | {"seed": 1}, name="b")
    curate.train(place.images, config, workspace=place.workspace)
    curate.embed(config=curate.EmbedConfig(model="b"), workspace=place.workspace)
    (own,), (other,) = (place.workspace.glob(f"embeddings/{name}/0*") for name in ("default", "b"))
    shutil.copyfile(other, own)
    heard = Notes()
    done = curate.embed(
        config=curate.EmbedConfig(model="default"), workspace=place.workspace, progress=heard
    )
    assert done.n_embedded == 25
    assert len(heard.about("embedded again")) == 1


def test_a_search_by_features_needs_no_lock(place):
    with Workspace(place.workspace).writing():
        found = curate.search([place.images / "red" / "000.png"], workspace=place.workspace)
    assert found.n_searched == 25


def test_all_damage_is_named_and_all_but_weights_is_mended(place):
    flip(place.workspace / "catalogue.parquet")
    flip(next(place.workspace.glob("pixels/*.bin")))
    flip(next(place.workspace.glob("embeddings/default/0*")))
    flip(place.workspace / "copies" / "keypoints.bin")
    flip(place.workspace / "models" / "default" / "metrics.jsonl")
    (place.workspace / "workspace.json").unlink()
    found = {one.path.rpartition("/")[2] for one in curate.verify(workspace=place.workspace).found}
    assert found == {
        "catalogue.parquet", "000001.bin", "000001.parquet", "keypoints.bin", "metrics.jsonl",
        "workspace.json",
    }  # fmt: skip
    assert curate.verify(repairs=True, workspace=place.workspace).left == []
    flip(place.workspace / "models" / "default" / "weights.safetensors")
    (left,) = curate.verify(repairs=True, workspace=place.workspace).left
    assert left.path == "models/default/weights.safetensors"
    assert "curate train" in left.hint


def test_the_command_exits_with_three_as_long_as_something_is_damaged(place):
    assert place.run("info --verify").code == 0
    flip(place.workspace / "catalogue.parquet")
    assert place.run("info --verify").code == 3
    assert place.run("info --repair").code == 0
    assert place.run("info --verify").code == 0


def test_a_workspace_is_no_more_readable_than_its_images(place, tmp_path):
    shutil.copytree(place.images, tmp_path / "images")
    for file in (tmp_path / "images").rglob("*.png"):
        file.chmod(0o600)
    curate.dedup(tmp_path / "images", out=tmp_path / "m.parquet", workspace=tmp_path / "w")
    paths = [tmp_path / "w", *(tmp_path / "w").rglob("*")]
    assert [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


@pytest.mark.skipif(os.umask(os.umask(0o022)) != 0o022, reason="the umask is another one")
def test_a_workspace_of_images_for_all_is_for_all(place, tmp_path):
    shutil.copytree(place.images, tmp_path / "images")
    curate.dedup(tmp_path / "images", out=tmp_path / "m.parquet", workspace=tmp_path / "w")
    assert stat.S_IMODE((tmp_path / "w" / "catalogue.parquet").stat().st_mode) == 0o644

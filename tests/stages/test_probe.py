import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import ClusterConfig, ProbeConfig, cluster, probe
from curate.choices import Labels
from curate.errors import InputError, UsageError
from tests.conftest import picture, save


@pytest.fixture
def trained(trained, tmp_path):
    """Return a copy of the trained folder, which other images may be added to."""
    return shutil.copytree(trained, tmp_path / "trained")


@pytest.fixture
def colours(trained, tmp_path):
    """Return a manifest of images whose label is their colour, in the trained workspace."""
    for seed in range(30):
        for channel, name in enumerate(("red", "green", "blue")):
            pixels = picture(seed + 100 * channel) // 4
            pixels[..., channel] += 150
            save(tmp_path / "colours" / name / f"{seed}.png", pixels)
    config = ClusterConfig(labels=Labels.FOLDER)
    space = trained / ".curate"
    cluster(tmp_path / "colours", config, out=tmp_path / "m.parquet", workspace=space)
    return tmp_path / "m.parquet"


def test_features_are_measured_on_labels_that_were_held_out(colours, trained):
    result = probe(colours, ProbeConfig(neighbors=5), workspace=trained / ".curate")
    assert (result.n_train, result.n_test) == (63, 27)
    assert result.majority == pytest.approx(1 / 3)
    assert result.knn > 0.5
    assert result.linear > 0.5
    assert [row.label for row in result.classes] == ["blue", "green", "red"]
    assert result.knn == pytest.approx(sum(row.knn for row in result.classes) / 3)


def test_another_manifest_can_be_the_test_and_what_is_learned_from_is_left_out(
    colours, trained, tmp_path
):
    learned = tmp_path / "m.parquet"
    space = trained / ".curate"
    with pytest.raises(InputError, match="every image to test on is learned from"):
        probe(learned, test=colours, workspace=space)
    for name in ("red", "green"):
        other = tmp_path / "other" / name
        shutil.copytree(tmp_path / "colours" / name, other)
        save(other / "known.png", picture(500))  # in a group with an image that is learned from
        save(other / "new.png", picture(600))
    config = ClusterConfig(labels=Labels.FOLDER)
    cluster(tmp_path / "other", config, out=tmp_path / "other.parquet", workspace=space)
    table = pq.read_table(tmp_path / "other.parquet")
    is_grouped = [path.endswith(("/known.png", "/0.png")) for path in table["path"].to_pylist()]
    groups = pa.array([1 if one else None for one in is_grouped], pa.int64())
    pq.write_table(table.append_column("group", groups), tmp_path / "other.parquet")
    result = probe(learned, test=tmp_path / "other.parquet", workspace=space)
    assert (result.n_train, result.n_test, result.n_shared) == (90, 2, 62)


def test_labels_that_are_not_there_are_told(colours, trained, tmp_path):
    space = trained / ".curate"
    cluster(trained / "images", out=tmp_path / "none.parquet", workspace=space)
    with pytest.raises(InputError, match="0 different labels"):
        probe(tmp_path / "none.parquet", workspace=space)
    with pytest.raises(UsageError, match="no column 'colour'"):
        probe(colours, ProbeConfig(by="colour"), workspace=space)
    with pytest.raises(UsageError, match="held-out"):
        ProbeConfig(held_out=1.0)


def test_one_image_of_each_class_leaves_nothing_to_test_on(trained, tmp_path):
    for seed, name in enumerate(("red", "green")):
        save(tmp_path / "two" / name / "one.png", picture(seed))
    space = trained / ".curate"
    config = ClusterConfig(labels=Labels.FOLDER)
    cluster(tmp_path / "two", config, out=tmp_path / "two.parquet", workspace=space)
    with pytest.raises(InputError, match="left to test on"):
        probe(tmp_path / "two.parquet", workspace=space)


def test_a_manifest_of_other_weights_is_refused(colours, tmp_path, images):
    from curate import TrainConfig, train

    config = TrainConfig(epochs=1, image_size=32, batch_size=8, prototypes=6, device="cpu", seed=3)
    train(images, config, workspace=tmp_path / "w")
    with pytest.raises(InputError, match="was written with model"):
        probe(colours, workspace=tmp_path / "w")


def test_copies_are_left_out_and_told(colours, trained):
    table = pq.read_table(colours)
    keep = [number % 3 != 0 for number in range(len(table))]
    table = table.append_column("keep", pa.array(keep))
    pq.write_table(table, colours)
    result = probe(colours, workspace=trained / ".curate")
    assert (result.n_train + result.n_test, result.n_duplicates) == (60, 30)


def test_groups_of_copies_and_images_that_belong_together_are_not_divided(colours, trained):
    table = pq.read_table(colours)
    labels = table["label"].to_pylist()
    order = dict.fromkeys(labels, 0)
    patients = []
    for label in labels:  # ten patients of three images for each label
        patients.append(f"{label}{order[label] // 3}")
        order[label] += 1
    pq.write_table(table.append_column("patient", pa.array(patients)), colours)
    config = ProbeConfig(together="patient")
    result = probe(colours, config, workspace=trained / ".curate")
    assert (result.n_units, result.n_train, result.n_test) == (30, 63, 27)
    groups = pa.array([int(patient[-1]) for patient in patients], pa.int32())
    pq.write_table(table.append_column("group", groups), colours)
    assert probe(colours, workspace=trained / ".curate").n_units == 10
    with pytest.raises(UsageError, match="no column 'ward'"):
        probe(colours, ProbeConfig(together="ward"), workspace=trained / ".curate")

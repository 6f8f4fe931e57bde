import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate import ClusterConfig, EmbedConfig, TrainConfig, cluster, embed, train
from curate.choices import Assign, Labels
from curate.errors import InputError, UsageError
from curate.manifest.columns import CLUSTER_COLUMNS, SCAN_COLUMNS
from tests.conftest import picture, save


@pytest.fixture
def place(trained, tmp_path):
    """Return a copy of the trained folder that a test may change, nothing embedded yet."""
    shutil.copytree(trained, tmp_path / "place")
    shutil.rmtree(tmp_path / "place" / ".curate" / "embeddings", ignore_errors=True)
    return tmp_path / "place"


def clustered(place, name="m.parquet", **options):
    result = cluster(
        place / "images", ClusterConfig(**options), out=place / name, workspace=place / ".curate"
    )
    return result, pq.read_table(place / name)


def test_the_manifest_has_the_promised_columns_and_a_row_for_every_file(place):
    result, table = clustered(place)
    assert table.schema.names == [*SCAN_COLUMNS.names, *CLUSTER_COLUMNS.names]
    assert [f.type for f in table.schema] == [f.type for f in (*SCAN_COLUMNS, *CLUSTER_COLUMNS)]
    assert table["path"].to_pylist() == sorted(table["path"].to_pylist())
    assert (result.n_images, result.n_unreadable) == (28, 2)
    assert table["cluster"].null_count == 2


def test_measures_are_in_their_ranges(place):
    _, table = clustered(place)
    readable = table.filter(table["cluster"].is_valid()).to_pydict()
    assert set(readable["cluster"]) <= set(range(6))
    assert all(-1 <= value <= 1.0001 for value in readable["cluster_similarity"])
    assert all(value >= 0 for value in readable["cluster_margin"])
    assert all(0 <= value <= 1 for value in readable["outlier"])
    assert all(0 <= value <= 2 for value in readable["isolation"])


def test_equal_images_get_equal_rows(place):
    _, table = clustered(place)
    rows = {row["path"]: row for row in table.to_pylist()}
    for name in set(CLUSTER_COLUMNS.names) - {"medoid"}:
        assert rows["red/003.png"][name] == rows["red/twin.png"][name]


def test_each_cluster_has_one_medoid(place):
    _, table = clustered(place)
    rows = table.filter(table["cluster"].is_valid()).to_pylist()
    stand = [row["cluster"] for row in rows if row["medoid"]]
    assert sorted(stand) == sorted({row["cluster"] for row in rows})


def test_clustering_twice_writes_the_same_bytes(place):
    clustered(place)
    clustered(place, "again.parquet")
    assert (place / "m.parquet").read_bytes() == (place / "again.parquet").read_bytes()


def test_balanced_sizes_are_within_one_of_each_other(place):
    for n_clusters in (None, 4):
        result, table = clustered(place, assign=Assign.BALANCED, clusters=n_clusters)
        sizes = np.bincount(table["cluster"].drop_null().to_numpy(), minlength=n_clusters or 6)
        assert sizes.max() - sizes.min() <= 1
        assert (result.smallest, result.largest) == (sizes.min(), sizes.max())


def test_fewer_clusters_than_prototypes_can_be_asked_for(place):
    result, table = clustered(place, clusters=3)
    assert set(table["cluster"].drop_null().to_pylist()) == {0, 1, 2}
    assert result.n_clusters == 3


def test_levels_are_nested_and_each_has_a_column(place):
    _, table = clustered(place, levels=(4, 2))
    rows = table.filter(table["cluster"].is_valid())
    fine, four, two = (rows[n].to_pylist() for n in ("cluster", "cluster_4", "cluster_2"))
    assert (set(four), set(two)) <= (set(range(4)), set(range(2)))
    assert len(set(zip(fine, four, strict=True))) == len(set(fine))
    assert len(set(zip(four, two, strict=True))) == len(set(four))


def test_columns_of_the_user_survive_clustering_again(place):
    _, table = clustered(place)
    marked = table.append_column("mine", [[str(i) for i in range(28)]])
    pq.write_table(marked, place / "m.parquet")
    _, table = clustered(place)
    assert table["mine"].to_pylist() == [str(i) for i in range(28)]


def test_only_new_images_are_embedded(place):
    first, _ = clustered(place)
    save(place / "images" / "new.png", picture(99))
    second, table = clustered(place)
    assert (first.n_embedded, second.n_embedded) == (25, 1)
    assert len(table) == 29


def test_labels_come_from_folders(place):
    result, table = clustered(place, labels=Labels.FOLDER)
    assert table["label"].to_pylist().count("blue") == 8
    assert result.labels is not None
    assert result.labels.chance < 1
    doubt = table["label_suspect"]
    assert doubt.null_count == 2
    assert all(0 <= value <= 1 for value in doubt.drop_null().to_pylist())


def test_balanced_clusters_have_levels_too(place):
    _, table = clustered(place, assign=Assign.BALANCED, clusters=4, levels=(2,))
    rows = table.filter(table["cluster"].is_valid())
    pairs = set(zip(rows["cluster"].to_pylist(), rows["cluster_2"].to_pylist(), strict=True))
    assert len(pairs) == 4


@pytest.mark.parametrize("assign", list(Assign))
def test_levels_finer_than_the_clusters_are_refused(assign):
    with pytest.raises(UsageError, match="4 above 2") as caught:
        ClusterConfig(assign=assign, clusters=2, levels=(4,))
    assert caught.value.hint == "use --clusters 4, with a level of 2"


def test_more_clusters_than_prototypes_is_a_mistake(place):
    with pytest.raises(UsageError, match="has 6 prototypes"):
        clustered(place, clusters=7)


def test_without_a_model_the_way_out_is_shown(images, workspace):
    with pytest.raises(InputError) as caught:
        cluster(images, out=images.parent / "m.parquet", workspace=workspace.root)
    assert "curate train" in caught.value.hint
    assert not (images.parent / "m.parquet").exists()


def test_a_file_that_is_no_manifest_is_not_overwritten(place):
    (place / "m.parquet").write_text("mine")
    with pytest.raises(InputError):
        clustered(place)
    assert (place / "m.parquet").read_text() == "mine"


def test_embed_makes_what_is_missing_once(place):
    done = [embed(place / "images", workspace=place / ".curate") for _ in range(2)]
    assert [result.n_embedded for result in done] == [25, 0]


def test_an_unknown_model_is_named_with_the_nearest_one(place):
    with pytest.raises(UsageError, match=r"did you mean default\?"):
        embed(place / "images", EmbedConfig(model="defualt"), workspace=place / ".curate")


def test_vectors_of_other_weights_are_not_used(place):
    embed(place / "images", workspace=place / ".curate")
    config = TrainConfig(epochs=1, image_size=32, batch_size=8, prototypes=6, device="cpu", seed=1)
    train(place / "images", config, workspace=place / ".curate")
    assert embed(place / "images", workspace=place / ".curate").n_embedded == 25

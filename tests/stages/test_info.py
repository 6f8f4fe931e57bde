import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import DedupConfig, cluster, dedup, info
from curate.choices import Level
from curate.errors import InputError, UsageError


def test_a_workspace_tells_what_it_holds(trained, tmp_path):
    cluster(trained / "images", out=tmp_path / "m.parquet", workspace=trained / ".curate")
    told = info(workspace=trained / ".curate")
    assert (told.n_files, told.n_unreadable) == (28, 2)
    assert told.sources == [str(trained / "images")]
    assert str(tmp_path / "m.parquet") in told.manifests
    (model,) = told.models
    assert (model.name, model.n_prototypes, model.n_embedded) == ("default", 6, 25)
    assert len(model.loss_ratio) == model.epochs == 2


def test_clusters_are_told_largest_first(trained, tmp_path):
    cluster(trained / "images", out=tmp_path / "m.parquet", workspace=trained / ".curate")
    told = info(tmp_path / "m.parquet", clusters=True, workspace=trained / ".curate").clusters
    sizes = [one.size for one in told]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == 26
    assert all(-1 <= one.cohesion <= 1 for one in told)
    assert all((trained / "images" / one.medoid).is_file() for one in told)
    assert info(clusters=True, workspace=trained / ".curate").clusters == told


def test_what_is_not_known_of_a_cluster_is_told_as_that(trained, tmp_path):
    manifest = tmp_path / "m.parquet"
    cluster(trained / "images", out=manifest, workspace=trained / ".curate")
    table = pq.read_table(manifest)
    for name in ("cluster_similarity", "medoid"):
        field = table.schema.field(name)
        unknown = pa.nulls(len(table), field.type)
        table = table.set_column(table.schema.get_field_index(name), field, unknown)
    pq.write_table(table, manifest)
    told = info(manifest, clusters=True, workspace=trained / ".curate").clusters
    assert {(one.cohesion, one.medoid) for one in told} == {(None, None)}


def test_a_manifest_without_clusters_is_said_so(trained, tmp_path):
    config = DedupConfig(level=Level.BYTES)
    dedup(trained / "images", config, out=tmp_path / "m.parquet", workspace=trained / ".curate")
    with pytest.raises(UsageError, match="no column 'cluster'"):
        info(tmp_path / "m.parquet", clusters=True, workspace=trained / ".curate")


def test_no_workspace_is_said_so(tmp_path):
    with pytest.raises(InputError, match="no workspace"):
        info(workspace=tmp_path / "none")

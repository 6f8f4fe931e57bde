import pytest

from curate import cluster, info
from curate.errors import InputError


def test_a_workspace_tells_what_it_holds(trained, tmp_path):
    cluster(trained / "images", out=tmp_path / "m.parquet", workspace=trained / ".curate")
    told = info(workspace=trained / ".curate")
    assert (told.n_files, told.n_unreadable) == (28, 2)
    assert told.sources == [str(trained / "images")]
    assert str(tmp_path / "m.parquet") in told.manifests
    (model,) = told.models
    assert (model.name, model.n_prototypes, model.n_embedded) == ("default", 6, 25)
    assert len(model.loss_ratio) == model.epochs == 2


def test_no_workspace_is_said_so(tmp_path):
    with pytest.raises(InputError, match="no workspace"):
        info(workspace=tmp_path / "none")

import pyarrow.parquet as pq
import pytest

import curate
from curate.errors import UsageError


@pytest.fixture
def found(images, tmp_path):
    return curate.dedup(images, out=tmp_path / "m.parquet", workspace=tmp_path / ".curate")


def test_a_result_gives_its_pairs_and_groups_the_kept_image_first(found):
    assert found.groups() == [["red/000.png", "red/again.bmp"], ["red/003.png", "red/twin.png"]]
    assert set(found.pairs["match"].to_pylist()) == {"bytes", "pixels"}
    assert found.least_sure(1).num_rows == 1


def test_another_cut_leaves_the_manifest_as_it_is_and_searches_nothing(found, tmp_path):
    before = (tmp_path / "m.parquet").read_bytes()
    cut = found.at(precision=0.9)
    assert cut.config.precision == 0.9
    assert cut.groups() == found.groups()
    assert (tmp_path / "m.parquet").read_bytes() == before
    newest = curate.info(workspace=tmp_path / ".curate").manifests[-1]
    assert newest == str(tmp_path / "m.parquet")


def test_a_result_shows_itself_with_names_escaped(found):
    shown = found._repr_html_()
    assert "<table>" in shown
    assert shown.count("<img") == 4
    assert "<script" not in curate.DiffResult.__mro__[1]._repr_html_(found)


def test_images_are_shown_by_their_paths(found, tmp_path):
    shown = curate.show(["red/000.png"], lines=["<b>"], workspace=tmp_path / ".curate")
    assert "data:image/webp" in shown._repr_html_()
    assert "&lt;b&gt;" in shown._repr_html_()
    with pytest.raises(UsageError):
        curate.show(["no.png"], workspace=tmp_path / ".curate")


def test_a_manifest_becomes_a_data_frame(found, tmp_path):
    pytest.importorskip("pandas")
    frame = curate.read_manifest(tmp_path / "m.parquet").to_pandas()
    assert len(frame) == len(pq.read_table(tmp_path / "m.parquet"))

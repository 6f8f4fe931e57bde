import pyarrow.parquet as pq
import pytest

import curate
from curate.errors import UsageError
from tests.conftest import picture, save


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


def test_each_cut_stays_what_it_is_when_another_is_made(found, images, tmp_path):
    save(images / "near.jpg", picture(1), quality=40)
    result = curate.dedup(images, out=tmp_path / "m.parquet", workspace=tmp_path / ".curate")
    (least,) = result.least_sure(1)["similarity"].to_pylist()
    assert 0.5 < least < 1
    all_of_them, certain = result.at(threshold=0.5), result.at(threshold=1.0)
    assert len(all_of_them.groups()) == all_of_them.n_groups == 3
    assert len(certain.groups()) == certain.n_groups == 2
    assert (len(all_of_them.pairs), len(certain.pairs)) == (3, 2)
    with pytest.raises(UsageError, match="precision"):
        result.at(precision=0)


def test_a_result_shows_itself_with_names_escaped(found):
    shown = found._repr_html_()
    assert "<table>" in shown
    assert shown.count("<img") == 4
    assert "<script" not in curate.DiffResult.__mro__[1]._repr_html_(found)


def test_images_are_shown_by_their_paths(found, tmp_path):
    shown = curate.show(["red/000.png"], lines=["<b>"], workspace=tmp_path / ".curate")
    assert "data:image/webp" in shown._repr_html_()
    assert "&lt;b&gt;" in shown._repr_html_()
    alone = curate.show("red/000.png", workspace=tmp_path / ".curate")
    assert alone.lines == ["red/000.png"]
    with pytest.raises(UsageError):
        curate.show(["no.png"], workspace=tmp_path / ".curate")
    with pytest.raises(ValueError, match="2 paths, got 1"):
        curate.show(["red/000.png"] * 2, lines=["a"], workspace=tmp_path / ".curate")


def test_a_manifest_becomes_a_data_frame(found, tmp_path):
    pytest.importorskip("pandas")
    for place in (tmp_path / "m.parquet", str(tmp_path / "m.parquet")):
        frame = curate.read_manifest(place).to_pandas()
        assert len(frame) == len(pq.read_table(tmp_path / "m.parquet"))
        assert frame.set_index("path")["duplicate_of"]["red/again.bmp"] == "red/000.png"

import copy

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image

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


def test_pairs_are_an_arrow_table_that_shows_itself(found, images, tmp_path):
    pairs = found.pairs
    assert pa.table(pairs).equals(pairs.table)
    assert pairs.filter(pc.equal(pairs["match"], "bytes")).num_rows == 1
    assert "similarity" in pairs.column_names
    shown = pairs._repr_html_()
    assert "<b>2 pairs</b>" in shown
    assert shown.count("data:image/webp") == 4
    assert "bytes 100.0 %" in shown
    assert "pixels 100.0 %" in shown
    save(images / "<i>.jpg", picture(1)[10:, 12:][:, ::-1], quality=80)
    again = curate.dedup(images, out=tmp_path / "m.parquet", workspace=tmp_path / ".curate")
    least = again.least_sure(1)
    assert "&lt;i&gt;.jpg" in least._repr_html_()
    assert "mirrored" in least._repr_html_()
    assert "border:2px solid" in least._repr_html_()  # it is a part: the box is drawn
    assert "1 pair<" in least._repr_html_()
    assert copy.copy(least).table is least.table


def test_pairs_with_images_of_another_source_are_shown(images, tmp_path):
    save(tmp_path / "other/red/000.png", picture(7))
    save(tmp_path / "other/copy.png", picture(0))
    found = curate.dedup(
        images, against=tmp_path / "other", out=tmp_path / "m.parquet", workspace=tmp_path / "w"
    )
    whole = str(tmp_path / "other/copy.png")
    rows = [{row["path"], row["other_path"]} for row in found.pairs.to_pylist()]
    place = rows.index({"red/000.png", whole})
    sides = [part.split('"')[0] for part in found.pairs._repr_html_().split('src="')[1:]]
    assert len(sides) == 2 * len(rows)
    assert sides[2 * place] == sides[2 * place + 1]  # not the other source's red/000.png


def test_cuts_that_are_not_the_last_ones_are_dropped(found, tmp_path, monkeypatch):
    monkeypatch.setattr("curate.workspace.cuts.CUTS_BYTES", 1)
    found.at(precision=0.9)
    found.at(precision=0.8)
    (left,) = (tmp_path / ".curate/cuts").iterdir()
    assert left.name.endswith("-at-0.8.parquet")
    assert len(found.pairs) == 2


def test_a_manifest_shows_itself(found, tmp_path):
    shown = curate.read_manifest(tmp_path / "m.parquet")._repr_html_()
    assert ">28</td>" in shown
    assert "red/000.png" in shown or "blue/002.png" in shown
    assert "and 20 more" in shown
    assert "other columns" in shown
    assert "sharpness" in shown


def test_another_cut_leaves_the_manifest_as_it_is_and_searches_nothing(found, tmp_path):
    before = (tmp_path / "m.parquet").read_bytes()
    cut = found.at(precision=0.9)
    assert cut.config.precision == 0.9
    assert cut.groups() == found.groups()
    assert (tmp_path / "m.parquet").read_bytes() == before
    newest = curate.info(workspace=tmp_path / ".curate").manifests[-1]
    assert newest == str(tmp_path / "m.parquet")


def test_a_cut_is_compared_with_the_manifest_that_was_named_and_not_all_its_source(
    images, tmp_path, monkeypatch
):
    for name in ("000", "003"):
        save(tmp_path / "other" / f"{name}.png", np.asarray(Image.open(images / f"red/{name}.png")))
    space = {"workspace": tmp_path / ".curate"}
    half = tmp_path / "half.parquet"
    curate.dedup(tmp_path / "other", out=half, **space)
    half_rows = pq.read_table(half)
    pq.write_table(half_rows.slice(0, 1), half)
    monkeypatch.chdir(tmp_path)
    found = curate.dedup(images, out=tmp_path / "m.parquet", against="half.parquet", **space)
    monkeypatch.chdir("/")
    assert found.at(precision=0.99).n_duplicates == found.n_duplicates > 0
    assert (found.against, found.against_from) == (str(tmp_path / "other"), str(half))


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

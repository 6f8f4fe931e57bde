import pytest

from curate.copies.config import DedupConfig
from curate.manifest.manifest import read_manifest
from curate.progress import Silent
from curate.sources import open_source
from curate.stages.dedup import dedup
from curate.workspace.catalogue import Catalogue
from curate.workspace.scan import ScanConfig, scan
from curate.workspace.workspace import find_workspace
from tests.conftest import Notes, make_folder

CONFIG = DedupConfig(level="bytes", labels="folder")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a folder with ``images``, which a link names too, and a labelled manifest of it."""
    make_folder(tmp_path / "images", 6)
    (tmp_path / "latest").symlink_to("images")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    dedup("../images", CONFIG, out="m.parquet")
    return tmp_path


def labels(path="m.parquet"):
    return read_manifest(path).rows.read()["label"].to_pylist()


@pytest.mark.parametrize("name", ["../images", "../work/../images", "../latest", "../latest/."])
def test_whatever_name_a_folder_is_called_by_its_manifest_keeps_its_columns(place, name):
    before = labels()
    progress = Notes()
    dedup(name, DedupConfig(level="bytes"), out="m.parquet", progress=progress)
    assert labels() == before
    assert {"red", "blue"} <= set(before)
    assert not progress.about("another source")


def test_what_a_manifest_of_another_source_loses_is_told(place):
    make_folder(place / "other", 6)
    progress = Notes()
    dedup(place / "other", DedupConfig(level="bytes"), out="m.parquet", progress=progress)
    assert set(labels()) == {None}
    said = progress.about("another source")
    assert len(said) == 1
    assert f"m.parquet was of another source, {place / 'images'}: its label," in said[0]


def test_the_workspace_knows_a_folder_once_and_reads_nothing_again(place):
    space = find_workspace(None)
    names = [place / "images", "../images", "../latest", place / "latest", place / "images"]
    for name in names:
        with space.writing():
            found = scan(name, space, Silent())
        assert found.n_read == 0
        assert space.facts()["sources"] == [found.source]
        assert len(Catalogue(space).read(["path"])) == len(found.table)


def test_a_folder_keeps_what_it_passes_over_by_another_name(place):
    space = find_workspace(None)
    with space.writing():
        scan(place / "images", space, Silent(), config=ScanConfig(exclude=("red",)))
        found = scan(place / "latest", space, Silent())
    assert not any(path.startswith("red") for path in found.table["path"].to_pylist())


def test_a_link_that_leads_to_another_folder_by_now_is_another_source(place):
    make_folder(place / "newer", 9)
    space = find_workspace(None)
    with space.writing():
        scan(place / "latest", space, Silent())
        (place / "latest").unlink()
        (place / "latest").symlink_to("newer")
        scan(place / "images", space, Silent())
        found = scan(place / "latest", space, Silent())
    assert space.facts()["sources"] == [str(place / "images"), str(place / "latest")]
    assert found.n_ok == 11


def test_names_of_one_folder_are_one_source_of_a_command(place):
    for names in (
        ["../images"] * 2,
        ["../images", "../latest"],
        ["../latest/../images", "../images"],
    ):
        assert open_source(names).address == str(place / "images")
    both = ["../images", "../work", "../latest"]
    assert open_source(both).address == f'["{place / "images"}", "{place / "work"}"]'


def test_a_way_up_leads_from_where_a_link_leads(tmp_path):
    make_folder(tmp_path / "far" / "images", 6)
    (tmp_path / "far" / "inner").mkdir()
    (tmp_path / "link").symlink_to("far/inner")
    assert open_source(tmp_path / "link/../images").address == str(tmp_path / "far/images")

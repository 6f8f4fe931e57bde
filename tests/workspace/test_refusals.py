import pytest

from curate.progress import Silent
from curate.workspace.catalogue import Catalogue
from curate.workspace.damage import find_damage
from curate.workspace.refusals import refuse_images
from curate.workspace.scan import scan
from tests.conftest import Notes, picture, save


@pytest.fixture
def folders(tmp_path):
    """Two folders that have one image in common."""
    for name, seeds in (("one", (0, 1)), ("two", (1, 2))):
        for seed in seeds:
            save(tmp_path / name / f"{seed}.png", picture(seed))
    return [tmp_path / "one", tmp_path / "two"]


def read(folder, workspace, progress=None):
    with workspace.writing():
        found = scan(folder, workspace, progress or Silent())
    return dict(
        zip(found.table["path"].to_pylist(), found.table["reason"].to_pylist(), strict=True)
    )


def refuse(folders, workspace):
    for folder in folders:
        read(folder, workspace)
    rows = Catalogue(workspace).read(["path", "hash"]).to_pylist()
    (content,) = {row["hash"] for row in rows if row["path"] == "1.png"}
    with workspace.writing():
        refuse_images(workspace, {content: "its worker died: gone"}, Silent())


def test_a_refused_image_is_unreadable_in_all_sources(folders, workspace):
    refuse(folders, workspace)
    rows = Catalogue(workspace).read_readable(["path"])["path"].to_pylist()
    assert rows == ["0.png", "2.png"]
    assert read(folders[0], workspace) == {"0.png": None, "1.png": "its worker died: gone"}
    assert read(folders[1], workspace) == {"1.png": "its worker died: gone", "2.png": None}


def test_a_run_that_is_killed_before_the_catalogue_says_so_is_made_good(
    folders, workspace, monkeypatch
):
    monkeypatch.setattr(Catalogue, "mark_refused", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        refuse(folders, workspace)
    monkeypatch.undo()
    assert read(folders[0], workspace)["1.png"] == "its worker died: gone"


def test_where_the_refusals_are_damaged_their_images_are_tried_again(folders, workspace):
    refuse(folders, workspace)
    workspace.refusals.write_bytes(workspace.refusals.read_bytes()[:-9])
    assert [one.path for one in find_damage(workspace)] == [workspace.refusals]
    notes = Notes()
    assert read(folders[0], workspace, notes) == {"0.png": None, "1.png": None}
    assert [line for line in notes.notes if line.endswith("; its images are tried again")]
    assert not workspace.refusals.exists()

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curate import DedupConfig, SearchConfig, SheetConfig, cluster, dedup, search, sheet
from curate.errors import InputError, UsageError
from curate.retrieval.catalogue_images import find_images
from curate.workspace.workspace import Workspace
from tests.conftest import picture, save


@pytest.fixture
def manifest(trained, tmp_path):
    cluster(trained / "images", out=tmp_path / "m.parquet", workspace=trained / ".curate")
    return tmp_path / "m.parquet"


def test_a_sheet_shows_what_an_expression_chooses(manifest, trained, tmp_path):
    config = SheetConfig(where="path like 'red/%'", by="outlier", columns=5)
    result = sheet(manifest, config, out=tmp_path / "s.jpg", workspace=trained / ".curate")
    assert (result.n_drawn, result.n_chosen) == (10, 10)
    with Image.open(tmp_path / "s.jpg") as drawn:
        assert drawn.format == "JPEG"
        assert drawn.width > drawn.height


def test_a_sheet_of_too_many_takes_even_steps(manifest, trained, tmp_path):
    config = SheetConfig(limit=4)
    result = sheet(manifest, config, out=tmp_path / "s.png", workspace=trained / ".curate")
    assert (result.n_drawn, result.n_chosen) == (4, 26)


@pytest.mark.parametrize("is_descending", [False, True])
def test_a_sheet_by_a_column_draws_the_first_in_its_order(
    manifest, trained, tmp_path, monkeypatch, is_descending
):
    drawn = []
    monkeypatch.setattr(
        "curate.stages.sheet.draw_sheet",
        lambda rows, columns: drawn.extend(rows[0]) or np.zeros((8, 8, 3), np.uint8),
    )
    config = SheetConfig(by="outlier", descending=is_descending, limit=5)
    sheet(manifest, config, out=tmp_path / "s.png", workspace=trained / ".curate")
    outlier = pq.read_table(manifest)["outlier"].drop_null().to_pylist()
    wanted = sorted(outlier, reverse=is_descending)[:5]
    assert [tile.lines[1] for tile in drawn] == [f"outlier {value:.3g}" for value in wanted]


def test_a_sheet_is_drawn_in_the_order_of_lists(manifest, trained, tmp_path):
    config = SheetConfig(by="issues", limit=5)
    result = sheet(manifest, config, out=tmp_path / "s.png", workspace=trained / ".curate")
    assert result.n_drawn == 5


def test_a_jpeg_holds_so_many_images_and_a_png_more(manifest, trained, tmp_path):
    table = pq.read_table(manifest)
    pq.write_table(pa.concat_tables([table] * 20), tmp_path / "many.parquet")
    config = SheetConfig(limit=400, columns=1)
    with pytest.raises(UsageError, match="a JPEG holds 344 images in rows of 1, not 400") as caught:
        sheet(tmp_path / "many.parquet", config, out="s.jpg", workspace=trained / ".curate")
    assert "--limit 344" in caught.value.hint
    sheet(tmp_path / "many.parquet", config, out=tmp_path / "s.png", workspace=trained / ".curate")
    most = SheetConfig(limit=344, columns=1)
    sheet(tmp_path / "many.parquet", most, out=tmp_path / "s.jpg", workspace=trained / ".curate")
    wide = SheetConfig(limit=400, columns=400)
    with pytest.raises(UsageError, match="side by side"):
        sheet(tmp_path / "many.parquet", wide, out="s.jpg", workspace=trained / ".curate")


def test_sheets_that_cannot_be_drawn_say_why(manifest, trained, tmp_path):
    space = trained / ".curate"
    with pytest.raises(InputError, match="no readable image"):
        sheet(manifest, SheetConfig(where="false"), out=tmp_path / "s.jpg", workspace=space)
    with pytest.raises(UsageError, match="not the name of a picture"):
        sheet(manifest, out=tmp_path / "s.txt", workspace=space)
    with pytest.raises(UsageError, match="needs a column"):
        SheetConfig(descending=True)
    with pytest.raises(UsageError, match="no column"):
        sheet(manifest, SheetConfig(by="colour"), out=tmp_path / "s.jpg", workspace=space)


def test_an_image_of_the_folder_finds_itself_first(trained, tmp_path):
    queries = [trained / "images/red/006.png", trained / "images/blue/005.png"]
    result = search(
        queries, SearchConfig(k=3), sheet=tmp_path / "s.jpg", workspace=trained / ".curate"
    )
    assert [answer.found[0].path for answer in result.answers] == [str(q) for q in queries]
    assert result.answers[0].found[0].similarity == pytest.approx(1, abs=1e-3)
    assert [len(answer.found) for answer in result.answers] == [3, 3]
    assert (tmp_path / "s.jpg").is_file()


def test_a_picture_that_is_not_of_the_folder_is_searched_too(trained, tmp_path):
    save(tmp_path / "new.png", picture(6))
    (answer,) = search([tmp_path / "new.png"], workspace=trained / ".curate").answers
    assert answer.found[0].path.endswith("red/006.png")


def test_what_is_no_picture_is_told(trained, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    for name in ("text.png", "nowhere.png"):
        with pytest.raises(InputError, match="cannot be read"):
            search([tmp_path / name], workspace=trained / ".curate")


def test_an_image_of_the_manifest_finds_the_others_like_it(trained, monkeypatch):
    space = trained / ".curate"
    (answer,) = search(like=["red/006.png"], config=SearchConfig(k=3), workspace=space).answers
    monkeypatch.chdir(trained)
    for name in ("./red/006.png", "images/red/006.png", str(trained / "images/red/006.png")):
        (other,) = search(like=[name], config=SearchConfig(k=3), workspace=space).answers
        assert other.found == answer.found
    named = search([trained / "images/red/006.png"], SearchConfig(k=4), workspace=space)
    assert answer.query == "red/006.png"
    assert [one.path for one in answer.found] == [one.path for one in named.answers[0].found[1:]]


def find_contents(space, paths):
    return [image.content_hash for image in find_images(space, paths)]


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """Return a workspace that knows ``odd``, of odd names, and a link to it, and a list of it."""
    for seed, name in enumerate(["100%25.png", "1.png", "part/1.png", os.fsdecode(b"x\xff.png")]):
        save(tmp_path / "odd" / name, picture(seed))
    (tmp_path / "link").symlink_to("odd")
    monkeypatch.chdir(tmp_path)
    dedup("odd", out="m.parquet", workspace="w")
    return Workspace(tmp_path / "w")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("odd/100%25.png", "100%2525.png"),
        ("100%2525.png", "100%2525.png"),
        ("odd/100%2525.png", None),
        ("link/1.png", "1.png"),
        ("{here}/link/part/../1.png", "1.png"),
        (os.fsdecode(b"odd/x\xff.png"), "x%FF.png"),
        (os.fsdecode(b"x\xff.png"), "x%FF.png"),
        (os.fsdecode(b"odd/\xff.png"), None),
    ],
)
@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take UTF-8 only")
def test_a_path_is_typed_as_that_of_a_protected_file_is(odd, tmp_path, typed, meant):
    typed = typed.format(here=tmp_path)
    if meant is not None:
        assert find_contents(odd, [typed]) == find_contents(odd, [meant])
        assert dedup("m.parquet", DedupConfig(protect=(typed,)), workspace="w").n_images == 4
    else:
        with pytest.raises(UsageError, match="no readable image"):
            find_contents(odd, [typed])
        with pytest.raises(UsageError, match="nothing to protect"):
            dedup("m.parquet", DedupConfig(protect=(typed,)), workspace="w")


def test_a_path_of_the_manifest_goes_before_its_namesake_from_here(odd, tmp_path, monkeypatch):
    whole = find_contents(odd, [str(tmp_path / "odd/1.png")])
    monkeypatch.chdir(tmp_path / "odd/part")
    assert find_contents(odd, ["1.png"]) == whole != find_contents(odd, ["./1.png"])


def test_a_path_behind_its_source_is_known_also_where_the_source_is_no_folder(odd, tmp_path):
    (tmp_path / "list.txt").write_text("odd/part/1.png\nodd/1.png\n")
    dedup("list.txt", out="m2.parquet", workspace="w")
    listed = find_contents(odd, [f"{tmp_path}/list.txt/part/1.png"])
    assert listed == find_contents(odd, [f"{tmp_path}/odd/part/1.png"])


def test_a_source_that_is_gone_hides_no_other(odd, tmp_path):
    (tmp_path / "list.txt").write_text("odd/part/1.png\n")
    dedup("list.txt", out="m2.parquet", workspace="w")
    (tmp_path / "list.txt").unlink()
    assert find_contents(odd, ["link/1.png"]) == find_contents(odd, [f"{tmp_path}/odd/1.png"])


def test_a_query_that_names_nothing_is_a_mistake(trained):
    with pytest.raises(UsageError, match="no readable image"):
        search(like=["red/nowhere.png"], workspace=trained / ".curate")
    with pytest.raises(UsageError, match="no picture is named"):
        search(workspace=trained / ".curate")

import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps

from curate import SearchConfig, dedup, search
from curate.errors import InputError, UsageError
from curate.workspace.workspace import Workspace
from tests.conftest import save
from tests.copies.conftest import scene


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A folder of eight scenes, the third of them twice, whose copies were looked for."""
    root = tmp_path_factory.mktemp("searched")
    for seed in range(8):
        save(root / "images" / f"{seed}.png", scene(seed))
    save(root / "images" / "twin.bmp", scene(2))
    dedup(
        root / "images",
        out=root / "m.parquet",
        pairs=root / "p.parquet",
        workspace=root / ".curate",
    )
    return root


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Copies of the first scene, one of the third, and a scene that is no copy."""
    root = tmp_path_factory.mktemp("pictures")
    first = Image.fromarray(scene(0))
    first.save(root / "bytes.png")
    first.save(root / "pixels.bmp")
    first.save(root / "encoded.jpg", quality=60)
    ImageOps.mirror(first).save(root / "mirrored.jpg", quality=85)
    first.crop((60, 30, 290, 220)).save(root / "cropped.jpg", quality=85)
    first.resize((160, 120)).rotate(90, expand=True).save(root / "turned.png")
    Image.fromarray(scene(2)).save(root / "of two.jpg", quality=60)
    Image.fromarray(scene(99)).save(root / "other.png")
    return root


def copies_in(searched, queries=(), **options):
    result = search(queries, by="copies", workspace=searched / ".curate", **options)
    return {answer.query.rpartition("/")[2]: answer.found for answer in result.answers}


def names(found):
    return {one.path.rpartition("/")[2] for one in found}


def test_planted_copies_are_found_with_their_evidence_and_what_is_none_finds_none(
    searched, pictures
):
    found = copies_in(searched, [pictures])
    assert found.pop("other.png") == []
    assert names(found.pop("of two.jpg")) == {"2.png", "twin.bmp"}
    assert all(names(own) == {"0.png"} for own in found.values())
    match = {name: own[0].match for name, own in found.items()}
    assert (match.pop("bytes.png"), match.pop("pixels.bmp")) == ("bytes", "pixels")
    assert set(match.values()) == {"near"}
    assert all(own[0].similarity >= 0.95 for own in found.values())


def test_the_answer_says_how_the_picture_lies_on_what_was_found(searched, pictures):
    found = copies_in(searched, [pictures])
    placed = {name: own[0].placement for name, own in found.items() if own}
    assert [name for name, how in placed.items() if how.mirrored] == ["mirrored.jpg"]
    box = placed["cropped.jpg"].box
    assert box == pytest.approx((60 / 320, 30 / 240, 290 / 320, 220 / 240), abs=0.02)
    assert placed["cropped.jpg"].covers == pytest.approx(230 * 190 / (320 * 240), abs=0.02)
    assert placed["turned.png"].rotation == pytest.approx(90, abs=1)
    assert placed["turned.png"].scale == pytest.approx(2, rel=0.03)
    assert placed["bytes.png"].box == (0, 0, 1, 1)


def test_an_image_of_the_manifest_finds_its_copies_and_not_itself(searched):
    found = copies_in(searched, like=["2.png", "5.png"])
    assert [(one.path.rpartition("/")[2], one.match) for one in found["2.png"]] == [
        ("twin.bmp", "pixels")
    ]
    assert found["5.png"] == []


def test_an_image_finds_its_equals_of_the_same_name_in_other_folders_and_not_itself(tmp_path):
    for path in ("z.jpg", "a/z.jpg", "b/z.jpg"):
        save(tmp_path / "images" / path, scene(1))
    save(tmp_path / "images" / "other.jpg", scene(2))
    dedup(tmp_path / "images", out=tmp_path / "m.parquet", workspace=tmp_path / ".curate")
    whole = {path: str(tmp_path / "images" / path) for path in ("z.jpg", "a/z.jpg", "b/z.jpg")}
    for path, file in whole.items():
        for named in (path, file):
            (answer,) = search(like=[named], by="copies", workspace=tmp_path / ".curate").answers
            assert {one.path for one in answer.found} == set(whole.values()) - {file}


def test_a_picture_of_the_folder_finds_itself_first(searched):
    found = copies_in(searched, [searched / "images/2.png"])["2.png"]
    assert [one.match for one in found] == ["bytes", "pixels"]
    assert found[0].path == str(searched / "images/2.png")


def test_the_probability_is_that_of_dedup(tmp_path):
    for seed in range(4):
        save(tmp_path / "images" / f"{seed}.png", scene(seed))
    first = Image.fromarray(scene(0))
    first.crop((80, 30, 300, 220)).convert("L").save(tmp_path / "images" / "grey.jpg", quality=30)
    space = tmp_path / ".curate"
    dedup(
        tmp_path / "images",
        out=tmp_path / "m.parquet",
        pairs=tmp_path / "p.parquet",
        workspace=space,
    )
    (pair,) = pq.read_table(tmp_path / "p.parquet").to_pylist()
    for path in ("0.png", "grey.jpg"):
        (answer,) = search(like=[path], by="copies", workspace=space).answers
        assert answer.found[0].similarity == pytest.approx(pair["similarity"], abs=1e-4)
        if path == pair["path"]:
            assert answer.found[0].placement.box == pytest.approx(pair["box"], abs=1e-3)


def state(folder):
    return {
        path: path.stat().st_mtime_ns
        for path in sorted((folder / ".curate").rglob("*"))
        if path.is_file() and path.parent.name in ("copies", "pixels")
    }


def test_a_folder_that_was_searched_is_read_only_even_while_it_is_written(searched, pictures):
    before = state(searched)
    with Workspace(searched / ".curate").writing():
        assert copies_in(searched, [pictures / "encoded.jpg"])["encoded.jpg"]
    assert state(searched) == before


def test_a_folder_that_was_only_scanned_is_searched_first(pictures, tmp_path):
    from curate.progress import Silent
    from curate.workspace.scan import scan

    for seed in range(3):
        save(tmp_path / "images" / f"{seed}.png", scene(seed))
    space = Workspace(tmp_path / ".curate")
    with space.writing():
        scan(tmp_path / "images", space, Silent())
    cold = copies_in(tmp_path, [pictures])
    assert names(cold["mirrored.jpg"]) == {"0.png"}
    before = state(tmp_path)
    assert copies_in(tmp_path, [pictures]) == cold
    assert state(tmp_path) == before
    for path in (space.root / "copies").iterdir():
        path.write_bytes(b"damaged")
    assert copies_in(tmp_path, [pictures]) == cold


def test_a_folder_of_one_image_or_of_blank_ones_is_searched_too(pictures, tmp_path):
    save(tmp_path / "one/images/0.png", scene(0))
    dedup(tmp_path / "one/images", out=tmp_path / "m.parquet", workspace=tmp_path / "one/.curate")
    assert names(copies_in(tmp_path / "one", [pictures])["cropped.jpg"]) == {"0.png"}
    for value in (0, 90, 200):
        save(tmp_path / "blank/images" / f"{value}.png", np.full((64, 64, 3), value, np.uint8))
    dedup(
        tmp_path / "blank/images", out=tmp_path / "m.parquet", workspace=tmp_path / "blank/.curate"
    )
    save(tmp_path / "90.bmp", np.full((64, 64, 3), 90, np.uint8))
    found = copies_in(tmp_path / "blank", [tmp_path / "90.bmp", pictures])
    assert [(one.path[-6:], one.match) for one in found.pop("90.bmp")] == [("90.png", "pixels")]
    assert set(map(len, found.values())) == {0}


def test_of_many_copies_the_best_are_told_and_how_many_more_there_are(searched, pictures, tmp_path):
    result = search(
        [pictures / "of two.jpg"],
        SearchConfig(k=1),
        by="copies",
        sheet=tmp_path / "s.png",
        workspace=searched / ".curate",
    )
    (answer,) = result.answers
    assert (len(answer.found), answer.n_more) == (1, 1)
    assert (result.by, result.model, result.n_searched) == ("copies", None, 9)
    assert 0.5 <= result.threshold <= 1
    with Image.open(tmp_path / "s.png") as drawn:
        assert drawn.width > drawn.height


def test_what_cannot_be_read_in_a_folder_is_told_and_the_others_are_looked_for(searched, tmp_path):
    save(tmp_path / "q" / "deep" / "a.jpg", scene(4), quality=70)
    (tmp_path / "q" / "broken.jpg").write_bytes(b"no image")
    result = search([tmp_path / "q"], by="copies", workspace=searched / ".curate")
    assert [len(answer.found) for answer in result.answers] == [1]
    assert list(result.unreadable) == [str(tmp_path / "q" / "broken.jpg")]
    with pytest.raises(InputError, match="cannot be read"):
        search([tmp_path / "q/broken.jpg"], by="copies", workspace=searched / ".curate")


def test_mistakes_are_told_with_a_way_out(searched, pictures, tmp_path):
    with pytest.raises(UsageError, match="did you mean copies"):
        search([pictures], by="copy", workspace=searched / ".curate")
    with pytest.raises(InputError, match="no trained model") as error:
        search([pictures], workspace=searched / ".curate")
    assert "--by copies" in error.value.hint
    with pytest.raises(InputError, match="no images"):
        search([pictures], by="copies", workspace=tmp_path / ".curate")


def run(*arguments):
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'torchvision', 'timm']))\n"
        "from curate.cli.app import main; main()"
    )
    command = [sys.executable, "-c", code, "search", *map(str, arguments), "--by", "copies"]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_the_command_needs_no_torch_and_says_plainly_that_nothing_was_found(searched, pictures):
    queries = [pictures / "other.png", pictures / "mirrored.jpg"]
    told = run(*queries, "-w", searched / ".curate").stderr.splitlines()
    assert told[0] == f"{queries[0]}: no copy among 9 images"
    assert told[1] == f"{queries[1]}: 1 copy among 9 images"
    assert "near    mirrored" in told[2]
    answer = json.loads(run(queries[0], "-w", searched / ".curate", "--json").stdout)
    assert answer["answers"] == [{"query": str(queries[0]), "found": [], "n_more": 0}]


def test_another_moment_before_a_camera_of_the_folder_is_no_copy(tmp_path):
    """Each frame carries a thing of its own, which only others of the folder can tell."""
    street, rng = scene(50), np.random.default_rng(0)
    for number in range(14):
        frame = street.copy()
        x, y = int(rng.integers(0, 270)), int(rng.integers(0, 190))
        frame[y : y + 40, x : x + 40] = scene(60 + number, 40, 40)
        folder = "arrived" if number < 3 else "images"
        save(tmp_path / folder / f"{number}.png", frame)
    save(tmp_path / "arrived" / "copy.jpg", np.asarray(Image.open(tmp_path / "images/9.png")))
    dedup(tmp_path / "images", out=tmp_path / "m.parquet", workspace=tmp_path / ".curate")
    found = copies_in(tmp_path, [tmp_path / "arrived"])
    assert names(found.pop("copy.jpg")) == {"9.png"}
    assert not any(found.values())


def test_files_with_equal_bytes_are_all_found(tmp_path, pictures):
    for name in ("a.png", "b/a.png", "c.png"):
        save(tmp_path / "images" / name, scene(0))
    save(tmp_path / "images/d.jpg", scene(0), quality=80)
    save(tmp_path / "images/e.jpg", scene(5), quality=80)
    space = tmp_path / ".curate"
    dedup(tmp_path / "images", out=tmp_path / "m.parquet", workspace=space)
    result = search(like=("a.png",), by="copies", workspace=space)
    (answer,) = result.answers
    assert result.n_searched == 5
    found = [(one.path.rpartition("images/")[2], one.match) for one in answer.found]
    assert found == [("b/a.png", "bytes"), ("c.png", "bytes"), ("d.jpg", "near")]
    (answer,) = search(
        [pictures / "bytes.png"], SearchConfig(k=2), by="copies", workspace=space
    ).answers
    assert {one.path.rpartition("images/")[2] for one in answer.found} == {"a.png", "b/a.png"}
    assert answer.n_more == 2

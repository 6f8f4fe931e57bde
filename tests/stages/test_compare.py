import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from curate.cli.app import app, main
from curate.copies.config import DedupConfig
from curate.copies.placement import round_degrees
from curate.errors import InputError, UsageError
from curate.stages.compare import compare


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "other"):
        small = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
        image = cv2.resize(small, (320, 240), interpolation=cv2.INTER_CUBIC)
        for _ in range(20):
            middle = (int(rng.integers(0, 320)), int(rng.integers(0, 240)))
            colour = tuple(int(value) for value in rng.integers(0, 256, 3))
            cv2.circle(image, middle, int(rng.integers(4, 30)), colour, -1, cv2.LINE_AA)
        Image.fromarray(image).save(tmp_path / f"{name}.png")
        if name == "a":
            Image.fromarray(image[30:, :240, :]).save(tmp_path / "piece.jpg", quality=80)
            Image.fromarray(image[:, ::-1].copy()).save(tmp_path / "mirrored.png")
            Image.fromarray(image).save(tmp_path / "a.bmp")
    return tmp_path


def test_a_piece_is_told_with_where_it_lies(pictures):
    result = compare(pictures / "piece.jpg", pictures / "a.png")
    assert result.are_copies
    assert result.relation == "near"
    assert result.probability > 0.9
    assert result.box == pytest.approx([0, 0.125, 0.75, 1], abs=0.03)
    assert result.overlap == pytest.approx(1, abs=0.02)


def test_a_mirrored_picture_is_told(pictures):
    result = compare(pictures / "mirrored.png", pictures / "a.png")
    assert (result.are_copies, result.mirrored) == (True, True)


def test_equal_pixels_and_equal_files_need_no_probability(pictures):
    assert compare(pictures / "a.png", pictures / "a.bmp").relation == "pixels"
    assert compare(pictures / "a.png", pictures / "a.png").relation == "bytes"


def test_two_pictures_that_have_nothing_in_common_are_no_copies(pictures):
    result = compare(pictures / "a.png", pictures / "other.png")
    assert (result.are_copies, result.relation) == (False, None)


def test_animations_that_share_a_frame_and_no_others_are_no_copies(pictures):
    with Image.open(pictures / "a.png") as opened:
        first = opened.convert("RGB")
    rest = [first.transpose(Image.Transpose.ROTATE_180), first.crop((0, 0, 160, 240))]
    others = [first.transpose(Image.Transpose.FLIP_TOP_BOTTOM)] * 2
    films = {"one.gif": rest, "again.webp": rest, "other.gif": others}
    for name, frames in films.items():
        shown = [frame.resize(first.size) for frame in frames]
        first.save(pictures / name, save_all=True, append_images=shown)
    result = compare(pictures / "one.gif", pictures / "other.gif")
    assert (result.are_copies, result.relation) == (False, None)
    assert compare(pictures / "one.gif", pictures / "again.webp").are_copies
    assert compare(pictures / "one.gif", pictures / "a.png").are_copies


def test_in_doubt_is_one_word_for_machines_and_people(pictures, capsys):
    names = [str(pictures / name) for name in ("piece.jpg", "a.png")]
    certain = compare(*names)
    config = DedupConfig(threshold=min(1, certain.probability + 1e-9))
    result = compare(*names, config)
    assert (result.are_copies, result.relation) == (False, "in_doubt")
    with pytest.raises(SystemExit):
        main(["compare", *names, "--precision", "1"])
    told = capsys.readouterr().err
    assert told.startswith("in doubt: copies with a probability")
    assert " turned by 0 degrees" in told


def test_another_colour_is_told_as_that(pictures, capsys):
    with Image.open(pictures / "a.png") as opened:
        luma, blue, red = opened.convert("YCbCr").split()
    Image.merge("YCbCr", (luma, red, blue)).convert("RGB").save(pictures / "turned.png")
    names = [str(pictures / name) for name in ("turned.png", "a.png")]
    result = compare(*names)
    assert (result.are_copies, result.relation) == (False, "recoloured")
    assert compare(*names, DedupConfig(recolour=True)).relation == "near"
    surer = DedupConfig(recolour=True, threshold=min(1, result.probability + 1e-9))
    assert compare(*names, surer).relation == "in_doubt"
    with pytest.raises(SystemExit):
        main(["compare", *names])
    assert capsys.readouterr().err.startswith("no copies: the same picture, but a part")


def test_an_angle_has_no_minus_zero():
    assert f"{round_degrees(-0.04)}" == "0.0"


def test_a_picture_shows_what_was_compared(pictures):
    result = compare(pictures / "piece.jpg", pictures / "a.png", out=pictures / "both.png")
    with Image.open(pictures / "both.png") as drawn:
        assert drawn.width > 3 * 240
    assert result.out == str(pictures / "both.png")


def test_what_cannot_be_read_is_an_error(pictures):
    (pictures / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"broken\.jpg cannot be read"):
        compare(pictures / "broken.jpg", pictures / "a.png")
    with pytest.raises(InputError, match=r"gone\.jpg cannot be read"):
        compare(pictures / "a.png", pictures / "gone.jpg")


def test_scripts_are_told_by_the_exit_code(pictures):
    names = [str(pictures / name) for name in ("a.png", "mirrored.png", "other.png")]
    assert CliRunner().invoke(app, ["compare", *names[:2]]).exit_code == 0
    with pytest.raises(SystemExit) as left:
        main(["compare", names[0], names[2], "--quiet"])
    assert left.value.code == 10


@pytest.mark.parametrize("name", ["other.png", "a.bmp", "both.gif", "both.txt", "link.png"])
def test_a_drawing_replaces_no_picture_and_has_the_ending_of_one(pictures, name):
    (pictures / "link.png").symlink_to("other.png")
    before = {path: path.read_bytes() for path in pictures.iterdir()}
    with pytest.raises((InputError, UsageError)):
        compare(pictures / "piece.jpg", pictures / "a.png", out=pictures / name)
    assert {path: path.read_bytes() for path in pictures.iterdir()} == before


def test_a_drawing_replaces_none_of_the_two_even_if_that_is_a_drawing_itself(pictures):
    sheet = pictures / "both.png"
    compare(pictures / "piece.jpg", pictures / "a.png", out=sheet)
    compare(pictures / "piece.jpg", pictures / "a.png", out=sheet)
    with pytest.raises(UsageError, match="one of the two"):
        compare(sheet, pictures / "a.png", out=sheet)

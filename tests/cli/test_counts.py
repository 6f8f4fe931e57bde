"""What commands print about one thing is in the singular."""

import inspect
import re
from types import SimpleNamespace

import pytest

from curate.choices import SearchBy
from curate.cli import (
    cluster,
    diff,
    embed,
    info,
    merge,
    probe,
    report,
    restore,
    review,
    sample,
    search,
    sheet,
    split,
)
from curate.cli import run as run_command
from curate.cli.app import main
from curate.cli.options import REASONS_SHOWN, describe_unreadable
from curate.copies.lost_boxes import LostBoxes
from curate.sources import describe_passed_over
from tests.conftest import picture, save


class OfOne(SimpleNamespace):
    """A result in which all is one that is not given."""

    def __getattr__(self, name):
        return 1


def first_line(module, *arguments):
    lines = module._describe(*arguments)
    return next(line for line in lines if isinstance(line, str))


@pytest.mark.parametrize(
    ("command", "facts", "said"),
    [
        (cluster, {"n_unreadable": 0, "sizes": [1]}, "1 image, in 1 cluster of 1 to 1"),
        (diff, {}, "1 image is the same"),
        (embed, {"n_embedded": 0}, "embedded 0 of 1 image; the others had vectors already"),
        (embed, {"images_per_second": 9}, "embedded 1 image, 9 images/s"),
        (merge, {"columns": ["x"]}, "filled x for 1 of 1 image; 1 row was not used"),
        (probe, {"model": "m"}, "1 image learned from, 1 tested, m"),
        (
            report,
            {},
            "1 image, 1 unreadable, 1 group of copies, 1 image needs not be kept, "
            "1 leak between splits, 1 label conflict",
        ),
        (restore, {}, "1 file brought back, 1 was there already"),
        (review, {}, "1 of 1 group is decided"),
        (run_command, {"is_plan": False, "steps": [OfOne(is_run=True)]}, "1 of 1 stage ran"),
        (sample, {}, "drew 1 of 1 image, from one group"),
        (sample, {"n_groups": 2}, "drew 1 of 1 image, 1 to 1 from each of 2 groups"),
        (sheet, {"sheet": "s.png"}, "drew 1 of 1 image: s.png"),
        (split, {"n_images": {}}, "  1 group straddles: its images had splits already"),
    ],
)
def test_one_of_anything_is_singular(command, facts, said):
    workspace = [None] * (len(inspect.signature(command._describe).parameters) - 1)
    assert first_line(command, OfOne(**facts), *workspace) == said


def test_one_image_that_differs_is_singular():
    result = OfOne(came=[], went=[], moved=[], changed=[], columns={"label": 1})
    assert list(diff._describe(result))[-1] == "1 image has another label"


def test_one_file_of_a_workspace_is_singular():
    lines = list(info._describe_damage(OfOne(left=[], found=[], workspace="w")))
    assert "1 file," in lines[-1]


@pytest.mark.parametrize(("by", "said"), [("copies", "no copy among 1 image"), ("", "of 1 image")])
def test_one_image_that_is_searched_is_singular(by, said):
    assert search._heading(OfOne(found=[], n_more=0), OfOne(by=by or SearchBy.FEATURES)) == said


def test_one_reason_more_is_singular():
    reasons = {str(n): 1 for n in range(REASONS_SHOWN + 1)}
    assert "and 1 more reason (" in list(describe_unreadable(reasons))[-1]


def test_one_file_passed_over_is_singular():
    assert describe_passed_over({"hidden folders": 1}) == "1 folder passed over: 1 hidden folder"
    mixed = {".txt": 2, "hidden folders": 1, "links to nothing": 1, "special files": 1}
    assert describe_passed_over(mixed) == (
        "4 files and 1 folder passed over: 2 .txt, 1 hidden folder, 1 link to nothing, "
        "1 special file"
    )
    kinds = {f".{kind}": 2 for kind in range(9)}
    assert describe_passed_over(kinds).endswith("and 1 other kind")


def test_one_image_whose_boxes_are_lost_is_singular():
    told = LostBoxes(n_alike=0, n_moved=1).describe()
    assert told.startswith("1 image with boxes is dropped for one without")
    assert "1 is mirrored" in told


@pytest.mark.parametrize("n", [1, 2])
def test_copies_of_another_source_and_links_are_told_by_their_number(
    tmp_path, monkeypatch, n, capsys
):
    for seed in range(n):
        save(tmp_path / "there" / f"{seed}.png", picture(seed))
        save(tmp_path / "here" / f"{seed}.png", picture(seed))
        (tmp_path / "here" / f"link{seed}.png").symlink_to(f"../there/{seed}.png")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["dedup", "here", "--against", "there"])
    out = capsys.readouterr().err.splitlines()
    copies, links = (
        line for line in out if "copies of" in line or "copy of" in line or "link" in line
    )
    if n == 1:
        assert re.fullmatch(r"2 images: 1 image \(.*\) is a copy of an image in there", copies)
        assert links == "1 link is another name of a file, no copy"
    else:
        assert re.fullmatch(r"4 images: 2 images \(.*\) are copies of images in there", copies)
        assert links == "2 links are other names of files, no copies"

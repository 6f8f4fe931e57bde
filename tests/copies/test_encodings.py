import numpy as np
import pytest

from curate.copies.encodings import Encodings, compare_encodings, is_bad_jpeg
from curate.copies.keep_policy import Looks
from curate.manifest.text_column import TextColumn

ENDS = np.zeros(1, np.int64), np.ones(1, np.int64)


def encodings(**columns):
    """Return two files; what is not said is alike."""
    plain = {
        "n_pixels": [90_000, 90_000],
        "rate": [0.5, 0.5],
        "formats": ["JPEG", "JPEG"],
        "blocks": [1, 1],
        "noise": [0, 0],
        "step": [0, 0],
        "purity": [0, 0],
    } | columns
    arrays = {
        name: TextColumn(value) if name == "formats" else np.array(value, float)
        for name, value in plain.items()
    }
    return Encodings(**arrays)


def compare(*, looks=None, has_one_scale=True, **columns):
    """Return the looks of two copies."""
    looks = looks or Looks.alike(2)
    return compare_encodings(looks, encodings(**columns), *ENDS, np.array([has_one_scale]))


@pytest.mark.parametrize(
    ("complaint", "columns"),
    [
        ("is_resaved", {"step": [8, 8], "purity": [0.75, 0.95], "rate": [0.9, 0.5]}),
        ("is_resaved", {"step": [15, 8], "purity": [0.4, 0.95], "rate": [0.9, 0.5]}),
        ("has_few_colours", {"formats": ["GIF", "JPEG"], "rate": [2, 0.5]}),
        ("is_blocky", {"blocks": [2, 1.1], "rate": [0.2, 0.5]}),
        ("is_blocky", {"blocks": [2, 1.1], "formats": ["PNG", "JPEG"], "rate": [4, 0.5]}),
        ("is_noisy", {"noise": [10, 0.5], "rate": [0.69, 0.5]}),
        ("is_squeezed", {"rate": [0.3, 0.5]}),
        ("is_squeezed", {"rate": [0.08, 0.5], "n_pixels": [90_000, 30_000]}),
    ],
)
def test_the_worse_file_of_two_is_told(complaint, columns):
    found = compare(**columns)
    assert getattr(found, complaint).tolist() == [True, False]
    others = ("is_resaved", "has_few_colours", "is_blocky", "is_noisy", "is_squeezed")
    rest = [getattr(found, name) for name in others if name != complaint]
    assert not np.any([column[1] for column in rest]), "the better one is not complained of"


@pytest.mark.parametrize(
    "columns",
    [
        {"step": [24, 5.5], "purity": [0.6, 0.9], "rate": [0.3, 0.4]},  # saved at a lower quality
        {"step": [2, 8], "purity": [0.6, 0.95]},  # another JPEG, or one that was moved
        {"step": [2, 2], "purity": [0.6, 0.66]},
        {"blocks": [1.8, 1.1], "rate": [0.5, 0.2], "formats": ["JPEG", "WEBP"]},
        {"step": [8, 8], "purity": [0.75, 0.95], "has_one_scale": False},
        {"blocks": [1.8, 1.1], "noise": [0.5, 12]},
        {"noise": [4, 0.5]},
        {"noise": [10, 0.5], "n_pixels": [90_000, 22_500]},
        {"rate": [0.5, 0.9], "n_pixels": [90_000, 72_000]},
        {"rate": [0.3, 0.5], "n_pixels": [90_000, 30_000]},  # small pictures take more a pixel
        {"rate": [0.5, 2.0], "formats": ["JPEG", "GIF"]},
    ],
)
def test_what_may_be_the_source_is_not_complained_of(columns):
    found = compare(**columns)
    for name in ("is_resaved", "has_few_colours", "is_blocky", "is_noisy", "is_squeezed"):
        assert not getattr(found, name)[0], name


def test_bytes_of_a_copy_that_has_another_fault_do_not_count():
    looks = Looks.alike(2)
    looks.is_framed[1] = True
    assert not compare(looks=looks, rate=[0.3, 0.5]).is_squeezed[0]
    looks.is_framed[0] = True
    assert compare(looks=looks, rate=[0.3, 0.5]).is_squeezed[0]


def test_blocks_beside_an_enlarged_copy_are_not_complained_of():
    looks = Looks.alike(2)
    looks.is_enlarged[1] = True
    assert not compare(looks=looks, blocks=[1.8, 1.1]).is_blocky[0]


@pytest.mark.parametrize(
    ("columns", "is_bad"),
    [
        ({"step": [16, 3], "purity": [0.9, 0.9], "rate": [0.2, 0.5]}, True),
        ({"step": [16, 0], "purity": [0.9, 0], "rate": [0.2, 0.5]}, True),
        ({"step": [6, 3], "purity": [0.9, 0.9], "rate": [0.2, 0.5]}, False),
        ({"step": [16, 14], "purity": [0.9, 0.9], "rate": [0.2, 0.5]}, False),
        ({"step": [16, 3], "purity": [0.3, 0.9], "rate": [0.2, 0.5]}, False),
        ({"step": [16, 3], "purity": [0.9, 0.9], "rate": [0.2, 0.1]}, False),
    ],
)
def test_a_bad_jpeg_is_told_beside_a_better_copy(columns, is_bad):
    assert is_bad_jpeg(encodings(**columns), *ENDS).tolist() == [is_bad]

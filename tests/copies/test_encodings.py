import numpy as np
import pytest

from curate.copies.encodings import Encodings, compare_encodings
from curate.copies.keep_policy import Looks
from curate.manifest.text_column import TextColumn


def compare(*, looks=None, **columns):
    """Return the looks of two copies; what is not said is alike."""
    plain = {
        "n_pixels": [90_000, 90_000],
        "rate": [0.5, 0.5],
        "formats": ["JPEG", "JPEG"],
        "blocks": [1, 1],
        "noise": [0, 0],
        "step": [0, 0],
        "purity": [0, 0],
        "is_enlarged": [False, False],
    } | columns
    types = {"formats": None, "is_enlarged": np.bool_}
    arrays = {
        name: TextColumn(value) if name == "formats" else np.array(value, types.get(name, float))
        for name, value in plain.items()
    }
    ends = np.zeros(1, np.int64), np.ones(1, np.int64)
    return compare_encodings(looks or Looks.alike(2), Encodings(**arrays), *ends)


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
        ("is_squeezed", {"rate": [0.3, 0.5], "n_pixels": [90_000, 30_000]}),
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
        {"blocks": [1.8, 1.1], "is_enlarged": [False, True]},
        {"blocks": [1.8, 1.1], "noise": [0.5, 12]},
        {"noise": [4, 0.5]},
        {"noise": [10, 0.5], "n_pixels": [90_000, 22_500]},
        {"rate": [0.5, 0.9], "n_pixels": [90_000, 72_000]},
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

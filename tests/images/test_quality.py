import cv2
import numpy as np
import pytest

from curate.images.quality import Issue, Measures, issues_of, measure
from tests.conftest import picture


def of(pixels):
    return measure(np.ascontiguousarray(pixels))


def photo():
    """Return a detailed picture, (256, 341, 3) uint8."""
    rng = np.random.default_rng(0)
    pixels = picture(3, width=341, height=256).astype(float) * 0.8 + 20
    return np.clip(pixels + rng.normal(0, 12, pixels.shape), 0, 255).astype(np.uint8)


def issues(pixels, *, width=341, height=256):
    """Return the issues of one image among nine ordinary ones."""
    measured = [of(pixels), *[of(photo())] * 9]
    sizes = {"width": [width] + [341] * 9, "height": [height] + [256] * 9}
    names = ("entropy", "shade", "light", "chroma", "detail")
    columns = sizes | {name: [getattr(one, name) for one in measured] for name in names}
    found = issues_of(Measures(**{k: np.array(v, np.float32) for k, v in columns.items()}))
    assert not any(has_it[1:].any() for has_it in found.values())
    return {issue for issue, has_it in found.items() if has_it[0]}


def test_measures_of_flat_images_by_hand():
    grey = of(np.full((20, 30, 3), 51, np.uint8))
    assert (grey.brightness, grey.shade, grey.light) == pytest.approx((0.2, 0.2, 0.2))
    assert (grey.sharpness, grey.contrast, grey.entropy, grey.chroma) == (0, 0, 0, 0)
    half = np.zeros((20, 20, 3), np.uint8)
    half[:10] = (255, 0, 0)
    assert of(half).chroma == pytest.approx(0.5)
    assert of(half).entropy == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "issue"),
    [
        (lambda p: (p * 0.2).astype(np.uint8), Issue.DARK),
        (lambda p: 255 - (p * 0.1).astype(np.uint8), Issue.BRIGHT),
        (lambda p: cv2.GaussianBlur(p, (0, 0), 4), Issue.BLURRY),
        (lambda p: np.full_like(p, (90, 120, 200)), Issue.LOW_INFORMATION),
        (lambda p: np.repeat(p[:, :, :1], 3, axis=2), Issue.GRAYSCALE),
    ],
)
def test_an_altered_photo_has_the_issue_and_only_that(change, issue):
    assert issues(photo()) == set()
    assert issues(change(photo())) == {issue}


def test_odd_sizes_and_shapes_are_told_by_the_others():
    assert issues(photo(), width=40, height=30) == {Issue.ODD_SIZE}
    assert issues(photo(), width=800, height=120) == {Issue.ODD_ASPECT_RATIO}


def test_images_that_could_not_be_read_have_no_issue():
    nothing = np.full(2, np.nan, np.float32)
    names = ("width", "height", "entropy", "shade", "light", "chroma", "detail")
    found = issues_of(Measures(**dict.fromkeys(names, nothing)))
    assert not any(has_it.any() for has_it in found.values())

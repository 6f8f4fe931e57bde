import cv2
import numpy as np
import pytest

from curate.images.enlarging_trace import N_PEAKS, find_enlarged, measure_enlarging_trace


def textured(seed, size=(160, 200)):
    """Return a sharp picture with detail of all sizes, (H, W) float32, 0 to 255."""
    rng = np.random.default_rng(seed)
    rough = rng.normal(0, 1, size).astype(np.float32)
    detail = rough * 12 + sum(cv2.GaussianBlur(rough, (0, 0), w) * w * 40 for w in (1, 3, 8))
    return np.clip(detail + 128, 0, 255).astype(np.float32)


def enlarged(grey, scale, filter_=cv2.INTER_CUBIC, quality=90):
    """Return a picture enlarged and saved as a JPEG."""
    size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    large = np.clip(cv2.resize(grey, size, interpolation=filter_), 0, 255).astype(np.uint8)
    _, file = cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(file, cv2.IMREAD_GRAYSCALE).astype(np.float32)


def is_told(grey, scale):
    return bool(find_enlarged(measure_enlarging_trace(grey)[None], np.array([scale]))[0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [1.25, 1.5, 1.7, 2.5, 3])
@pytest.mark.parametrize("filter_", [cv2.INTER_LINEAR, cv2.INTER_CUBIC])
def test_an_enlarged_picture_is_told_by_its_scale(seed, scale, filter_):
    large = enlarged(textured(seed), scale, filter_)
    assert is_told(large, scale)


def test_another_scale_is_not_told():
    assert not is_told(enlarged(textured(0), 1.5), 1.8)


@pytest.mark.parametrize("quality", [30, 60, 90])
@pytest.mark.parametrize("scale", [1.25, 4 / 3, 1.5, 1.6, 1.7, 2, 2.5, 3, 4])
def test_a_picture_that_was_not_enlarged_is_not_told(quality, scale):
    same = [enlarged(textured(seed, (400, 500)), 1, quality=quality) for seed in range(4)]
    assert not any(is_told(grey, scale) for grey in same)


def test_a_picture_too_small_or_plain_says_nothing():
    for grey in (textured(0, (40, 200)), np.full((90, 90), 100, np.float32)):
        assert measure_enlarging_trace(grey).tolist() == [[0, 0]] * N_PEAKS

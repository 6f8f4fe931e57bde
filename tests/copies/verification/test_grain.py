import cv2
import numpy as np
import pytest

from curate.copies.verification.detail import CLOSE_NAMES, look_closely

SAME = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


def capture(scene, seed, noise=3.0):
    """Return one frame of a camera that stands still: its noise is its own."""
    rng = np.random.default_rng(seed)
    return np.clip(scene + rng.normal(0, noise, scene.shape), 0, 255).astype(np.uint8)


def measure(first, second):
    seen = look_closely(first, second, SAME)
    return float(seen[CLOSE_NAMES.index("grain_deficit")])


@pytest.fixture(name="wall")
def make_wall():
    """Return a smooth scene with a few things in it, (256, 256) float32."""
    rng = np.random.default_rng(5)
    wall = cv2.GaussianBlur(rng.normal(0, 400, (256, 256)), (0, 0), 30) + 120
    for x, y in ((60, 60), (180, 90), (100, 200)):
        cv2.circle(wall, (x, y), 20, (40 + x), -1)
    return wall.astype(np.float32)


def test_two_frames_of_one_camera_do_not_share_their_grain(wall):
    assert measure(capture(wall, 1), capture(wall, 2)) > 0.8


def test_copies_of_one_frame_do_however_they_were_made(wall):
    frame = capture(wall, 1)
    _, coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 80])
    copies = {
        "darker": (frame * 0.7).astype(np.uint8),
        "noisier": capture(frame.astype(np.float32), 3),
        "compressed": cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE),
        "softer": cv2.GaussianBlur(frame, (0, 0), 1.0),
    }
    assert {name: measure(frame, one) < 0.3 for name, one in copies.items()} == dict.fromkeys(
        copies, True
    )


def test_images_without_grain_say_nothing(wall):
    clean = np.clip(wall, 0, 255).astype(np.uint8)
    assert measure(clean, capture(wall, 2)) == 0
    assert measure(clean, clean) == 0

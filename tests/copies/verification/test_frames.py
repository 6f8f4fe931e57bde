import cv2
import numpy as np
import pytest

from curate.copies.config import DedupConfig
from curate.copies.find import find_copies
from curate.copies.verification.frames import frames_agree
from curate.images.perceptual_hash import perceptual_hash


def film(scene, seeds, change=lambda pixels: pixels):
    places = np.linspace(0, len(seeds) - 1, 8).round().astype(int)
    return np.array([perceptual_hash(change(scene(seeds[place]))) for place in places], np.uint64)


def encoded(pixels):
    return cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1)


@pytest.mark.parametrize(
    "change",
    [
        encoded,
        lambda pixels: cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        lambda pixels: np.ascontiguousarray(pixels[:, ::-1]),
    ],
    ids=["encoded again", "smaller", "mirrored"],
)
def test_a_film_agrees_with_its_copy(scene, change):
    assert frames_agree(film(scene, (1, 2, 3)), film(scene, (1, 2, 3), change))


def test_films_that_share_their_first_frame_do_not_agree(scene):
    assert not frames_agree(film(scene, (1, 2, 3)), film(scene, (1, 4, 5)))
    assert not frames_agree(np.zeros(0, np.uint64), np.zeros(0, np.uint64))


def test_films_of_one_cover_are_no_copies_and_a_still_of_a_film_is_one(folder, scene):
    cover = scene(1)
    pictures = {"a.gif": cover, "b.gif": encoded(cover), "c.gif": encoded(encoded(cover))}
    frames = {
        "a.gif": film(scene, (1, 2, 3)).tolist(),
        "b.gif": film(scene, (1, 4, 5)).tolist(),
        "c.gif": film(scene, (1, 4, 5), encoded).tolist(),
    }
    made = folder(pictures, frames=frames)
    copies = find_copies(made.images, made, DedupConfig())
    assert copies.duplicate_of.tolist() in ([-1, -1, 1], [-1, 2, -1])
    assert any("frames compared" in reason for reason in copies.reason if reason)
    still = folder({"a.gif": cover, "d.jpg": encoded(cover)}, frames={"a.gif": frames["a.gif"]})
    copies = find_copies(still.images, still, DedupConfig())
    assert copies.reason == [None, "fewer frames; one frame of 8 compared"]


def test_no_film_goes_for_a_still_of_the_frame_they_share(folder, scene):
    cover, again = scene(1), encoded(scene(1))
    smaller = cv2.resize(again, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    covers = {"a.gif": again, "b.gif": encoded(again), "c.gif": smaller}
    seeds = {"a.gif": (1, 2, 3), "b.gif": (1, 4, 5), "c.gif": (1, 6, 7)}
    frames = {name: film(scene, shown, encoded).tolist() for name, shown in seeds.items()}
    made = folder(covers | {"still.png": cover}, frames=frames)
    copies = find_copies(made.images, made, DedupConfig())
    assert copies.keep.tolist() == [True, True, True, False]

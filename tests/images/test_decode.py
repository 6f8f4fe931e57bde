import io

import numpy as np
import pytest
from PIL import Image

from curate.images.decode import Decoded, Unreadable, decode, is_image_start, upright
from tests.conftest import picture


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(raw, **options):
    found = decode(raw, **options)
    assert isinstance(found, Decoded), found
    return found


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "JPEG"])
def test_every_common_format_gives_the_picture(kind):
    image = Image.fromarray(picture(1))
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}
    found = decoded(encoded(image, kind, **options.get(kind, {})))
    assert (found.width, found.height, found.format) == (96, 72, kind)
    assert np.abs(found.pixels.astype(int) - picture(1)).mean() < (8 if kind == "GIF" else 3)


def test_a_large_jpeg_is_shrunk_to_the_short_side_and_keeps_its_size_on_record():
    found = decoded(encoded(Image.fromarray(picture(2, width=1200, height=900)), "JPEG"))
    assert (found.width, found.height) == (1200, 900)
    assert found.pixels.shape == (256, 341, 3)


def test_a_reduced_decode_looks_like_a_full_one_shrunk():
    raw = encoded(Image.fromarray(picture(2, width=1200, height=900)), "JPEG", quality=95)
    exact = Image.fromarray(decoded(raw, short_side=None).pixels)
    wanted = np.asarray(exact.resize((341, 256), Image.Resampling.BOX), int)
    assert np.abs(decoded(raw).pixels - wanted).mean() < 2


def test_a_panorama_is_bounded_by_its_long_side():
    found = decoded(encoded(Image.fromarray(picture(3, width=4000, height=200)), "PNG"))
    assert found.pixels.shape == (102, 2048, 3)


def test_small_images_are_never_enlarged():
    found = decoded(encoded(Image.fromarray(picture(4, width=32, height=32)), "PNG"))
    assert np.array_equal(found.pixels, picture(4, width=32, height=32))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_applied_as_pillow_applies_it(kind, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = encoded(Image.fromarray(picture(5)), kind, exif=exif)
    with Image.open(io.BytesIO(raw)) as image:
        wanted = np.asarray(ImageOps.exif_transpose(image).convert("RGB"), int)
    found = decoded(raw)
    assert (found.height, found.width) == wanted.shape[:2]
    assert np.abs(found.pixels - wanted).mean() < 3


def test_an_unknown_orientation_leaves_the_pixels_as_they_are():
    assert np.array_equal(upright(picture(6), 9), picture(6))


def test_alpha_lies_over_white():
    layer = np.zeros((10, 10, 4), np.uint8)
    assert (decoded(encoded(Image.fromarray(layer), "PNG")).pixels == 255).all()


def test_a_transparent_palette_lies_over_white():
    image = Image.new("P", (10, 10), 0)
    image.putpalette([200, 0, 0] + [0, 0, 0] * 255)
    assert (decoded(encoded(image, "PNG", transparency=0)).pixels == 255).all()


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    deep = np.linspace(0, 65535, 100, dtype=np.uint16).reshape(10, 10)
    found = decoded(encoded(Image.fromarray(deep), "PNG")).pixels
    assert found[0, 0].tolist() == [0, 0, 0]
    assert found[9, 9].tolist() == [255, 255, 255]
    assert abs(int(found[5, 0, 0]) - 129) <= 1


def test_float_grey_from_zero_to_one_is_scaled():
    found = decoded(encoded(Image.fromarray(np.full((4, 4), 0.5, np.float32)), "TIFF")).pixels
    assert set(found.ravel().tolist()) == {128}


def test_cmyk_and_grey_jpegs_become_rgb():
    for mode in ("CMYK", "L"):
        found = decoded(encoded(Image.fromarray(picture(7)).convert(mode), "JPEG"))
        assert found.pixels.shape == (72, 96, 3)


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.fromarray(picture(seed)) for seed in (8, 9)]
    raw = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    assert np.array_equal(decoded(raw).pixels, picture(8))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_a_truncated_file_is_unreadable_and_says_why(kind):
    raw = encoded(Image.fromarray(picture(10)), kind)
    found = decode(raw[: len(raw) // 2])
    assert isinstance(found, Unreadable)
    assert found.reason


def test_noise_after_a_header_never_raises():
    rng = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        whole = bytearray(encoded(Image.fromarray(picture(11)), kind))
        for _ in range(20):
            hurt = whole.copy()
            for place in rng.integers(8, len(hurt), 12):
                hurt[place] = rng.integers(256)
            assert isinstance(decode(bytes(hurt)), Decoded | Unreadable)


def test_text_is_no_image():
    found = decode(b"no image at all")
    assert isinstance(found, Unreadable)
    assert "format" in found.reason


def test_starts_of_images_are_known_without_a_name():
    assert is_image_start(encoded(Image.fromarray(picture(1)), "WEBP")[:16])
    assert is_image_start(encoded(Image.fromarray(picture(1)), "JPEG")[:16])
    assert not is_image_start(b"#!/bin/sh\necho 1")

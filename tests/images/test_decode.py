import io

import numpy as np
import pytest
from PIL import Image

from curate.images.decode import Decoded, Unreadable, decode, digest_picture, hash_frames
from curate.images.decode_here import upright
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


def test_floats_are_scaled_by_their_range_whatever_it_is():
    heights = np.linspace(300, 1200, 400, dtype=np.float32).reshape(20, 20)
    found = decoded(encoded(Image.fromarray(heights), "TIFF"))
    assert (found.mode, found.format) == ("F", "TIFF")
    assert (int(found.pixels.min()), int(found.pixels.max())) == (0, 255)
    assert abs(int(found.pixels[10, 0, 0]) - 128) <= 2


def test_what_is_not_finite_is_black_and_a_picture_of_one_value_is_black():
    heights = np.linspace(1, 2, 400, dtype=np.float32).reshape(20, 20)
    heights[0, :3] = np.nan, np.inf, -np.inf
    found = decoded(encoded(Image.fromarray(heights), "TIFF")).pixels
    assert (found[0, :3] == 0).all()
    assert found.max() == 255
    same = decoded(encoded(Image.fromarray(np.full((4, 4), 0.5, np.float32)), "TIFF")).pixels
    assert (same == 0).all()


@pytest.mark.parametrize("top", [9, 1023, 4095])
def test_depths_that_do_not_fill_their_bits_are_seen(top):
    values = (np.linspace(0, 1, 400).reshape(20, 20) * top).astype(np.uint16)
    found = decoded(encoded(Image.fromarray(values), "PNG")).pixels
    assert found.max() - found.min() > 240


def test_a_class_mask_of_eight_bits_is_seen_and_a_dark_photo_stays_dark():
    mask = np.repeat(np.arange(10, dtype=np.uint8), 40).reshape(20, 20)
    assert decoded(encoded(Image.fromarray(mask), "PNG")).pixels.max() == 255
    night = np.repeat((np.arange(10, dtype=np.uint8)), 40).reshape(20, 20)
    dark = Image.fromarray(np.repeat(night[:, :, None], 3, axis=2))
    assert decoded(encoded(dark, "PNG")).pixels.max() == 9


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


def test_white_lines_on_transparency_lie_over_black():
    layer = np.zeros((20, 20, 4), np.uint8)
    layer[..., :3] = 255
    layer[5:10, 2:18, 3] = 255
    found = decoded(encoded(Image.fromarray(layer), "PNG"))
    assert found.mode == "RGBA"
    assert (found.pixels[6, 6], found.pixels[0, 0]) == (
        pytest.approx([255] * 3),
        pytest.approx([0] * 3),
    )


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_a_black_first_frame_does_not_stand_for_an_animation(kind):
    frames = [Image.new("RGB", (96, 72)), *(Image.fromarray(picture(seed)) for seed in (8, 9))]
    raw = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    found = decoded(raw)
    assert (found.frames, found.frame) in {(3, 1), (3, 2)}
    assert found.pixels.std() > 20


def test_a_jpeg_that_lacks_only_its_end_marker_is_whole_but_for_a_note():
    raw = encoded(Image.fromarray(picture(10)), "JPEG")
    found, whole = decoded(raw[:-2]), decoded(raw)
    assert (found.is_truncated, whole.is_truncated) == (True, False)
    assert np.array_equal(found.pixels, whole.pixels)


def test_a_jpeg_of_which_nearly_all_rows_decode_is_usable_and_a_progressive_one_is_not():
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (400, 300, 3), np.uint8))
    raw = encoded(image, "JPEG")
    assert decoded(raw[: int(0.99 * len(raw))]).is_truncated
    assert isinstance(decode(raw[: int(0.8 * len(raw))]), Unreadable)
    progressive = encoded(image, "JPEG", progressive=True)
    assert isinstance(decode(progressive[: int(0.99 * len(progressive))]), Unreadable)


@pytest.mark.parametrize(
    "notes", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0no TIFF"]
)
def test_damaged_notes_never_cost_the_picture(notes):
    assert decoded(encoded(Image.fromarray(picture(1)), "JPEG", exif=notes)).width == 96


def test_a_picture_over_the_limit_says_which_option_raises_it():
    raw = encoded(Image.new("L", (300, 200)), "PNG")
    found = decode(raw, max_pixels=50_000)
    assert isinstance(found, Unreadable)
    assert "--max-pixels" in found.reason
    assert found.needs == "pixels 60000"
    assert decoded(raw, max_pixels=60_000).width == 300


def test_formats_that_start_other_programs_are_not_opened():
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"
    found = decode(script)
    assert isinstance(found, Unreadable)
    assert "PostScript" in found.reason


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b"\0" * 500, "zero bytes"),
        (b"<!DOCTYPE html><html>404</html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 1\n", "git lfs pull"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "video"),
        (b"%PDF-1.4\n", "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    ],
)
def test_files_of_other_kinds_are_told_by_what_they_are(raw, words):
    found = decode(raw)
    assert isinstance(found, Unreadable)
    assert words in found.reason


@pytest.mark.parametrize("size", [(1, 65_000), (65_000, 1), (1, 1), (2, 3)])
def test_the_narrowest_pictures_have_pixels(size):
    found = decoded(encoded(Image.new("RGB", size, "red"), "PNG"))
    assert (found.width, found.height) == size
    assert min(found.pixels.shape) >= 1


def digests(*files):
    return {digest_picture(raw) for raw in files}


def test_one_picture_in_several_containers_has_one_digest():
    image = Image.fromarray(picture(1))
    assert len(digests(
        encoded(image, "PNG"), encoded(image, "TIFF"), encoded(image, "BMP"),
        encoded(image.convert("RGBA"), "PNG"), encoded(image, "WEBP", lossless=True),
    )) == 1  # fmt: skip
    grey = image.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    assert len(digests(
        encoded(grey, "PNG"), encoded(grey.convert("RGB"), "PNG"),
        encoded(grey.convert("P"), "PNG"), encoded(grey, "TIFF"), encoded(deep, "PNG"),
    )) == 1  # fmt: skip


def test_the_lowest_bits_count():
    deep = np.arange(400, dtype=np.uint16).reshape(20, 20) + 20_000
    assert (
        len(
            digests(
                encoded(Image.fromarray(deep), "PNG"), encoded(Image.fromarray(deep ^ 1), "PNG")
            )
        )
        == 2
    )
    assert (
        len(digests(encoded(Image.fromarray(deep), "PNG"), encoded(Image.fromarray(deep), "TIFF")))
        == 1
    )
    heights = deep.astype(np.float32)
    assert (
        len(
            digests(
                encoded(Image.fromarray(heights), "TIFF"),
                encoded(Image.fromarray(heights + 0.01), "TIFF"),
            )
        )
        == 2
    )


def test_colour_of_sixteen_bits_is_compared_in_full():
    import cv2

    values = np.random.default_rng(0).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    files = [cv2.imencode(ending, values)[1].tobytes() for ending in (".png", ".tiff")]
    assert len(digests(*files)) == 1
    assert len(digests(files[0], cv2.imencode(".png", values ^ 1)[1].tobytes())) == 2
    assert decoded(files[0]).mode == "RGB;16"


def test_alpha_counts_where_it_is_not_opaque():
    image = Image.fromarray(picture(1)).convert("RGBA")
    faded = image.copy()
    faded.putalpha(200)
    assert len(digests(encoded(image, "PNG"), encoded(faded, "PNG"))) == 2


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_all_frames_count(kind):
    first, *others = (Image.fromarray(picture(seed)) for seed in (1, 2, 3))
    options = {"lossless": True} if kind == "WEBP" else {}
    files = [
        encoded(first, kind, save_all=True, append_images=[other], **options) for other in others
    ]
    assert len(digests(*files)) == 2
    assert len(digests(files[0], files[0])) == 1


def test_a_picture_stored_turned_is_the_same_picture():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(picture(1))
    turned = image.transpose(Image.Transpose.ROTATE_90)
    assert len(digests(encoded(image, "PNG"), encoded(turned, "PNG", exif=exif))) == 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_frames_are_told_apart_by_how_they_look(kind):
    first, second, third = (Image.fromarray(picture(seed)) for seed in (1, 2, 3))
    options = {"lossless": True} if kind == "WEBP" else {}
    one, other = (
        hash_frames(encoded(first, kind, save_all=True, append_images=[last], **options))
        for last in (second, third)
    )
    assert len(one) == len(other) == 8
    assert one[0] == other[0]
    assert (one[7] ^ other[7]).bit_count() > 10

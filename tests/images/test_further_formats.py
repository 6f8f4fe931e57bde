"""Formats of the extra ``formats``: phones' pictures, JPEG XL, camera raw."""

import io

import numpy as np
import pytest
from PIL import Image

from curate.images.decode import Decoded, Unreadable, decode, digest_picture, is_met
from curate.images.decode_here import explain_failure
from curate.images.formats import explain_missing_reader
from curate.images.raw_photo import ReaderMissing
from tests.conftest import picture


def encoded(kind, **options):
    buffer = io.BytesIO()
    Image.fromarray(picture(1)).save(buffer, kind, **options)
    return buffer.getvalue()


def dng():
    """Return a small file as a camera writes it: what each cell of the sensor saw."""
    tifffile = pytest.importorskip("tifffile")
    buffer = io.BytesIO()
    seen = np.random.default_rng(0).integers(100, 4000, (64, 96)).astype(np.uint16)
    unit = (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1)
    tags = [
        (271, "s", 0, "curate", True), (50706, "B", 4, (1, 4, 0, 0), True),
        (50708, "s", 0, "test", True), (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, (0, 1, 1, 2), True), (50717, "I", 1, 4095, True),
        (50721, "2i", 9, unit, True), (50728, "2I", 3, (1,) * 6, True),
        (50778, "H", 1, 21, True),
    ]  # fmt: skip
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(seen, photometric=32803, extratags=tags, metadata=None, subfiletype=0)
    return buffer.getvalue()


def test_a_phones_picture_is_read():
    pytest.importorskip("pillow_heif").register_heif_opener()
    found = decode(encoded("HEIF"))
    assert isinstance(found, Decoded)
    assert (found.format, found.width, found.height) == ("HEIF", 96, 72)
    assert np.abs(found.pixels.astype(int) - picture(1)).mean() < 12
    assert isinstance(digest_picture(encoded("HEIF")), bytes)


def test_jpeg_xl_is_read():
    pytest.importorskip("pillow_jxl")
    found = decode(encoded("JXL", lossless=True))
    assert isinstance(found, Decoded)
    assert (found.format, np.array_equal(found.pixels, picture(1))) == ("JXL", True)
    assert digest_picture(encoded("JXL", lossless=True)) == digest_picture(encoded("PNG"))


def test_avif_is_read():
    found = decode(encoded("AVIF"))
    assert isinstance(found, Decoded)
    assert found.format == "AVIF"


def test_a_cameras_file_is_developed_and_not_taken_for_its_thumbnail():
    pytest.importorskip("rawpy")
    found = decode(dng())
    assert isinstance(found, Decoded)
    assert (found.format, found.mode, found.width, found.height) == ("RAW", "RAW", 96, 64)
    assert isinstance(digest_picture(dng()), bytes)
    assert isinstance(decode(dng()[:200]), Unreadable)


def test_a_missing_reader_is_told_by_the_extra_that_brings_it():
    found = explain_failure(ReaderMissing("no rawpy"), dng())
    if explain_missing_reader("RAW") is not None:
        assert "curate-images[formats]" in found.reason
        assert (found.needs, is_met(found.needs, 1)) == ("RAW", False)
    assert explain_missing_reader("PNG") is None

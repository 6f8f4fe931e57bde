import io

import pytest
from PIL import Image

from curate.images.formats import sniff
from tests.conftest import picture


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "QOI"]
)
def test_the_first_bytes_tell_the_format(kind):
    buffer = io.BytesIO()
    Image.fromarray(picture(1)).save(buffer, kind)
    assert sniff(buffer.getvalue()[:512]) == kind


@pytest.mark.parametrize(
    "head",
    [b"", b"#!/bin/sh\necho 1", b"P5 is a text", b"BM is a text too, of some length", b"\0" * 512],
)
def test_other_files_are_no_images(head):
    assert sniff(head) in {None, "PPM"}
    assert not head.startswith(b"BM") or sniff(head) is None


def test_phones_pictures_and_videos_are_told_apart_by_their_brands():
    assert sniff(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic") == "HEIF"
    assert sniff(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf") == "AVIF"
    assert sniff(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41") is None


def test_cameras_files_are_told_from_other_tiffs():
    assert sniff(b"II*\0\x10\0\0\0CR\x02\0") == "RAW"
    assert sniff(b"II*\0\x08\0\0\0\0\0\0\0") == "TIFF"

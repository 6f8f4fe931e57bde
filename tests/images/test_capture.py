import io
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from curate.images.capture import Capture, read_capture, read_raw_capture
from curate.images.decode import decode

EXIF, GPS_INFO = 0x8769, 0x8825
PIXELS = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
NOON = int(datetime(2019, 6, 1, 12, 30, 5, tzinfo=UTC).timestamp()) * 1000


def exif_of(first=None, exif=None, gps=None):
    made = Image.Exif()
    made.update(first or {})
    for ifd, tags in ((EXIF, exif), (GPS_INFO, gps)):
        if tags:
            made.get_ifd(ifd).update(tags)
    return made


def file_of(exif, form="JPEG"):
    out = io.BytesIO()
    options = {"exif": exif}
    if form == "TIFF":  # whose writer drops the folders of an Exif
        options = {"tiffinfo": ImageFileDirectory_v2()}
        for tag, value in {**exif, **{ifd: exif.get_ifd(ifd) for ifd in (EXIF, GPS_INFO)}}.items():
            options["tiffinfo"][tag] = value
    Image.fromarray(PIXELS).save(out, form, **options)
    return out.getvalue()


def capture_of(first=None, exif=None, gps=None, form="JPEG"):
    return decode(file_of(exif_of(first, exif, gps), form)).capture


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_format_that_has_exif_tells_when_where_and_with_what(form):
    found = capture_of(
        {271: "Canon", 272: "Canon EOS 80D"},
        {0x9003: "2019:06:01 12:30:05", 0x9291: "25"},
        {1: "S", 2: (33.0, 51.0, 30.0), 3: "E", 4: (151.0, 12.0, 36.0)},
        form,
    )
    assert found.taken_ms == NOON + 250
    assert found.camera == "Canon EOS 80D"
    assert found.latitude == pytest.approx(-33.858333, abs=1e-6)
    assert found.longitude == pytest.approx(151.21, abs=1e-6)


def test_a_picture_without_exif_tells_nothing():
    assert capture_of() == Capture()


def test_the_time_of_the_take_counts_before_those_of_digitizing_and_writing():
    times = {0x9003: "2001:01:01 00:00:00", 0x9004: "2002:01:01 00:00:00"}
    written = {306: "2003:01:01 00:00:00"}
    years = [
        datetime.fromtimestamp(capture_of(written, exif).taken_ms / 1000, UTC).year
        for exif in (times, {0x9004: times[0x9004]}, {0x9003: "0000:00:00 00:00:00"})
    ]
    assert years == [2001, 2002, 2003]


@pytest.mark.parametrize(
    ("text", "is_time"),
    [
        ("2019:06:01 12:30:05", True),
        ("2019-06-01 12:30:05", True),
        ("2019/06/01 12:30:05\0rest", True),
        ("2019-06-01T12:30:05+02:00", True),
        ("0000:00:00 00:00:00", False),
        ("    :  :     :  :  ", False),
        ("2019:13:41 12:30:05", False),
        ("yesterday", False),
        ("", False),
    ],
)
def test_a_time_is_what_the_clock_showed_or_nothing(text, is_time):
    assert capture_of(exif={0x9003: text}).taken_ms == (NOON if is_time else None)


@pytest.mark.parametrize(
    ("maker", "model", "camera"),
    [
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("SONY\0\0", None, "SONY"),
        (None, "  DSC \x07 F\n828 ", "DSC F 828"),
        ("x" * 5000, "y", "x" * 100),
        (" ", "", None),
    ],
)
def test_the_camera_has_one_clean_name(maker, model, camera):
    tags = {271: maker, 272: model}
    found = read_capture(image_with({tag: text for tag, text in tags.items() if text is not None}))
    assert found.camera == camera


def image_with(first=None, exif=None, gps=None):
    image = Image.fromarray(PIXELS)
    image.getexif = lambda: exif_of(first, exif, gps)
    return image


@pytest.mark.parametrize(
    "gps",
    [
        {},
        {2: (0.0, 0.0, 0.0), 4: (0.0, 0.0, 0.0)},
        {2: (91.0, 0.0, 0.0), 4: (10.0, 0.0, 0.0)},
        {2: (10.0, 0.0, 0.0)},
        {2: (IFDRational(0, 0),) * 3, 4: (IFDRational(5, 0),) * 3},
        {2: "nowhere", 4: (10.0, 0.0, 0.0)},
        {2: 7, 4: (10.0, 0.0, 0.0)},
    ],
)
def test_a_place_that_is_none_is_not_told(gps):
    found = read_capture(image_with({271: "Canon"}, gps=gps))
    assert found == Capture(camera="Canon")


@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0",
        b"Exif\0\0This_is_not_EXIF_data_at_all....",
        b"Exif\0\0II*\0\x08\0\0\0\xff\x00\x12\x01",
        b"Exif\0\0II*\0\xff\xff\xff\x7f",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\xff\xff\xff\x7f\0\0\0\0",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x02\0\x02\0\0\0hi\0\0\0\0\0\0",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\xff\xff\xff\x06\0\0\0\0\0\0\0",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x25\x88\x04\0\x01\0\0\0\x08\0\0\0\0\0\0\0",
    ],
)
def test_damaged_exif_never_costs_the_picture(block):
    found = decode(file_of(block))
    assert found.pixels.shape == PIXELS.shape
    assert found.capture.taken_ms is None


def test_random_bytes_for_exif_raise_nothing():
    rng = np.random.default_rng(3)
    whole = exif_of({271: "Canon"}, {0x9003: "2019:06:01 12:30:05"}, {2: (1.0, 2.0, 3.0)}).tobytes()
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(6, len(whole), 4):
            damaged[place] = rng.integers(256)
        assert decode(file_of(bytes(damaged))).pixels.shape == PIXELS.shape


def test_the_file_of_a_camera_is_read_as_the_tiff_that_it_is():
    tiff = exif_of({271: "Canon"}, {0x9003: "2019:06:01 12:30:05"}).tobytes()[6:]
    assert read_raw_capture(tiff) == Capture(taken_ms=NOON, camera="Canon")
    assert read_raw_capture(b"FUJIFILMCCD-RAW") == Capture()

"""What a camera wrote beside its picture: when, with what and where it was taken.

EXIF of the wild is often damaged, so each value that is not what it should be is not there, and
nothing of it ever costs the picture.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - cameras write the time of their place
_TIME = re.compile(r"\s*(\d{4})\D(\d\d?)\D(\d\d?)[ T]+(\d\d?):(\d\d)(?::(\d\d))?(?:\.(\d+))?")
_MOST_LETTERS = 100  # of a camera's name
_TIFF_STARTS = (b"II*\0", b"MM\0*")
_TIMES = (
    (IFD.Exif, Base.DateTimeOriginal, Base.SubsecTimeOriginal),
    (IFD.Exif, Base.DateTimeDigitized, Base.SubsecTimeDigitized),
    (None, Base.DateTime, None),
)
"""Where the time stands, the best first: when it was taken, digitized, written."""

Tags = Mapping[int, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Capture:
    """What is known of the moment in which a picture was taken; None for what is not.

    Attributes:
        taken_ms: By the camera's clock, milliseconds since 1970-01-01 00:00 of that clock.
        camera: Maker and model, such as ``Canon EOS 80D``.
        latitude: Degrees north, in [-90, 90].
        longitude: Degrees east, in [-180, 180].
    """

    taken_ms: int | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None


def read_capture(image: Image.Image) -> Capture:
    """Return what the EXIF of an open image says.

    Args:
        image: Open or loaded; no pixel of it is read.
    """
    return _read_tags(lambda: image.getexif())


def read_raw_capture(raw: bytes) -> Capture:
    """Return what the EXIF of a camera's file says, where it is laid out as a TIFF.

    Args:
        raw: The file's bytes.
    """

    def load() -> Image.Exif:
        exif = Image.Exif()
        exif.load(raw)
        return exif

    return _read_tags(load) if raw.startswith(_TIFF_STARTS) else Capture()


def _read_tags(load: Callable[[], Image.Exif]) -> Capture:
    exif = _or_none(load)
    if exif is None:
        return Capture()
    folders: dict[IFD | None, Tags] = {None: exif}
    for ifd in (IFD.Exif, IFD.GPSInfo):
        folders[ifd] = _or_none(lambda ifd=ifd: exif.get_ifd(ifd)) or {}  # type: ignore[misc]
    place = _or_none(lambda: _read_place(folders[IFD.GPSInfo]))
    return Capture(
        taken_ms=_read_time(folders),
        camera=_or_none(lambda: _read_camera(exif)),
        latitude=place[0] if place else None,
        longitude=place[1] if place else None,
    )


def _or_none(read: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is read
    """Return what a function returns, None where the tags that it reads are damaged."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - Pillow raises anything on damaged tags
        return None


def _read_time(folders: Mapping[IFD | None, Tags]) -> int | None:
    for folder, tag, fraction in _TIMES:
        tags = folders[folder]
        found = _or_none(lambda: _parse_time(tags, tag, fraction))  # noqa: B023 - called here
        if found is not None:
            return int(found)
    return None


def _parse_time(tags: Tags, tag: Base, fraction: Base | None) -> int | None:
    """Return a time in ms since 1970; None where the camera's clock was not set.

    Raises:
        ValueError: There is no such day or hour.
    """
    match = _TIME.match(_as_text(tags.get(tag)))
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    decimals = match[7] or (_as_text(tags.get(fraction)).strip() if fraction is not None else "")
    ms = int(decimals[:3].ljust(3, "0")) if decimals.isdecimal() else 0
    moment = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001
    return (moment - _EPOCH) // timedelta(milliseconds=1) + ms


def _read_camera(tags: Tags) -> str | None:
    """Return maker and model; the maker only where the model does not begin with it."""
    maker, model = (_clean(_as_text(tags.get(tag))) for tag in (Base.Make, Base.Model))
    begins = maker.casefold().split()[:1] == model.casefold().split()[:1]
    return (model if begins else f"{maker} {model}".strip())[:_MOST_LETTERS] or None


def _read_place(tags: Tags) -> tuple[float, float] | None:
    """Return degrees north and east; None where there are none, or 0 and 0, which means the same.

    Raises:
        TypeError: A value is no number.
    """
    latitude = _as_degrees(tags.get(GPS.GPSLatitude), tags.get(GPS.GPSLatitudeRef), "S")
    longitude = _as_degrees(tags.get(GPS.GPSLongitude), tags.get(GPS.GPSLongitudeRef), "W")
    if not (abs(latitude) <= 90 and abs(longitude) <= 180) or latitude == longitude == 0:
        return None
    return latitude, longitude


def _as_degrees(parts: Any, side: object, negative: str) -> float:  # noqa: ANN401 - from a file
    """Return an angle of degrees, minutes and seconds, as many as there are; NaN for none."""
    numbers = [float(part) for part in parts][:3] if parts else [math.nan]
    angle: float = sum(number / 60**place for place, number in enumerate(numbers))
    return -angle if _as_text(side).strip().upper().startswith(negative) else angle


def _as_text(value: object) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return text.split("\0")[0] if isinstance(text, str) else ""


def _clean(text: str) -> str:
    """Return text without what cannot be shown, its spaces single."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())

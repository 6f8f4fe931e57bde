"""Which formats are read, how the first bytes of a file tell which one it is, and what others are.

Names do not decide: any file that is not named as a well-known other thing is asked by its bytes.
"""

from enum import StrEnum
from importlib.util import find_spec

HEAD_BYTES = 512
"""Bytes at the start of a file that tell its format."""


class Reader(StrEnum):
    """What reads a format."""

    HERE = "here"
    APART = "apart"
    EXTRA = "extra"


FORMATS = {
    "JPEG": Reader.HERE,
    "MPO": Reader.HERE,
    "PNG": Reader.HERE,
    "GIF": Reader.HERE,
    "WEBP": Reader.HERE,
    "BMP": Reader.HERE,
    "DIB": Reader.HERE,
    "PPM": Reader.HERE,
    "TIFF": Reader.APART,
    "JPEG2000": Reader.APART,
    "AVIF": Reader.APART,
    "PSD": Reader.APART,
    "ICO": Reader.APART,
    "ICNS": Reader.APART,
    "DDS": Reader.APART,
    "TGA": Reader.APART,
    "QOI": Reader.APART,
    "PCX": Reader.APART,
    "SGI": Reader.APART,
    "XBM": Reader.APART,
    "XPM": Reader.APART,
    "HEIF": Reader.EXTRA,
    "JXL": Reader.EXTRA,
    "RAW": Reader.EXTRA,
}
"""The formats that curate reads, by Pillow's names: in this process, or in one that may die.

Only these are ever opened: an EPS file would start Ghostscript, a WMF file another program. Those
of the extra ``formats`` need the packages that it brings, and are read apart as well.
"""

_PACKAGES = {"HEIF": "pillow_heif", "JXL": "pillow_jxl", "RAW": "rawpy", "AVIF": "PIL._avif"}
PILLOW_FORMATS = tuple(name for name in FORMATS if name != "RAW")

EXTENSIONS = frozenset(
    (
        ".jpg .jpeg .jpe .jfif .jif .pjpeg .pjp .mpo .png .apng .webp .gif .bmp .dib .tif .tiff "
        ".ico .icns .ppm .pgm .pbm .pnm .pfm .tga .jp2 .j2k .j2c .jpc .jpx .avif .avifs .psd "
        ".qoi .dds .pcx .sgi .rgb .xbm .xpm .heic .heif .hif .jxl"
    ).split()
)
"""Endings of image files; a file that has one is a row, whatever is in it."""

ENDINGS = {
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "JPEG2000": ".jp2",
    "TIFF": ".tif",
    "HEIF": ".heic",
    "RAW": ".dng",
}
"""Ending of the files of a format, where it is not the format's name."""


def ending_of(image_format: str) -> str:
    """Return the ending that files of a format have, such as ``.png``.

    Args:
        image_format: As in ``FORMATS``.
    """
    return ENDINGS.get(image_format, f".{image_format.lower()}")


RAW_EXTENSIONS = frozenset(
    (
        ".dng .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .orf .rw2 .raf .pef .srw .x3f .3fr .iiq "
        ".erf .mrw .kdc .dcr .mef .mos"
    ).split()
)
"""Endings of files that cameras write before they make a picture."""

OTHER_EXTENSIONS = frozenset(
    (
        ".txt .md .rst .log .csv .tsv .json .jsonl .ndjson .geojson .xml .html .htm .xhtml .css "
        ".js .ts .mjs .py .ipynb .pyc .c .h .cpp .hpp .java .go .rs .sh .bat .ps1 .yaml .yml "
        ".toml .ini .cfg .conf .lock .sql .db .sqlite .sqlite3 .parquet .arrow .feather .npy "
        ".npz .mat .h5 .hdf5 .pt .pth .onnx .safetensors .pkl .pickle .pb .tfrecord .zip .tar "
        ".gz .tgz .bz2 .xz .zst .7z .rar .jar .whl .iso .dmg .exe .dll .so .dylib .o .a "
        ".mp4 .m4v .mov .avi .mkv .webm .wmv .flv .mpg .mpeg .3gp .mts .m2ts .mp3 .m4a "
        ".wav .flac .ogg .opus .aac .mid .pdf .ps .eps .ai .svg .svgz .wmf .emf .doc .docx .xls "
        ".xlsx .ppt .pptx .odt .ods .odp .rtf .epub .mobi .ttf .otf .woff .woff2 .srt .vtt .xmp "
        ".thm .aae .lrv .gpx .kml .ics .vcf .eml .url .lnk .torrent .blend .obj .stl "
        ".ply .glb .gltf .fbx .fits .fit .nii .dcm .las .laz .shp .dbf .shx .prj"
    ).split()
)
"""Endings of well-known other files, which are passed over unread and counted."""

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"IIRO", "RAW"),
    (b"IIRS", "RAW"),
    (b"MMOR", "RAW"),
    (b"IIU\x00", "RAW"),
    (b"FOVb", "RAW"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"8BPS", "PSD"),
    (b"qoif", "QOI"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\xff\x0a", "JXL"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JXL"),
    (b"icns", "ICNS"),
    (b"DDS ", "DDS"),
    (b"/* XPM */", "XPM"),
)
_OTHER_MAGIC = (
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)"),
    (b"\x00\x00\x01\xba", "a video (MPEG)"),
    (b"FLV\x01", "a video (Flash)"),
    (b"ID3", "an MP3 sound"),
    (b"OggS", "an Ogg sound or video"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x00\x05\x16\x07", "macOS's notes about a file (AppleDouble)"),
)
_BMP_HEADERS = frozenset((12, 40, 52, 56, 64, 108, 124))
_AVIF = (b"avif", b"avis")
_HEIF = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def sniff(head: bytes) -> str | None:
    """Return the format that a file's first bytes tell, as in ``FORMATS``, or None.

    Args:
        head: The first ``HEAD_BYTES`` bytes or more.
    """
    if head[:4] in (b"II*\x00", b"MM\x00*") and head[8:10] == b"CR":
        return "RAW"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _sniff_iso(head)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[:1] == b"P" and head[1:2] in b"123456Ff" and head[2:3] in (b"\n", b" ", b"\r", b"\t"):
        return "PPM" if all(byte < 128 for byte in head[:16].split(b"\n")[0]) else None
    return None


def _sniff_iso(head: bytes) -> str | None:
    """Return the format of a file of boxes, by its brands."""
    end = min(len(head), max(16, int.from_bytes(head[:4], "big")))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
    if brands & set(_AVIF):
        return "AVIF"
    if brands & set(_HEIF):
        return "HEIF"
    return "RAW" if b"crx " in brands else None


def explain_missing_reader(kind: str | None) -> str | None:
    """Return what to install to read a format, or None if its reader is there.

    Args:
        kind: The format, as in ``FORMATS``.
    """
    package = _PACKAGES.get(kind or "")
    if package is None or find_spec(package) is not None:
        return None
    return f"{kind} needs a further package: pip install 'curate-images[formats]'"


def describe_other(raw: bytes) -> str:
    """Return what a file is that is no image, in words for the column ``reason``.

    Args:
        raw: Its bytes.
    """
    if not raw:
        return "the file is empty"
    if not raw.strip(b"\x00"):
        return "only zero bytes"
    return _describe_text(raw) or _describe_binary(raw) or "no image format that is known"


def _describe_text(raw: bytes) -> str | None:
    head = raw[:HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"version https://git-lfs"):
        return "a pointer of git-lfs, not the image: fetch it with `git lfs pull`"
    if b"<html" in head or head.startswith((b"<!doctype html", b"<head", b"<body")):
        return "an HTML page, not an image"
    if head.startswith((b"<svg", b"<?xml")) and b"<svg" in raw[:4096].lower():
        return "an SVG drawing, which curate does not read"
    return None


def _describe_binary(raw: bytes) -> str | None:
    if raw[4:8] == b"ftyp":
        return "a video (MP4 or QuickTime), not an image"
    if raw[:4] == b"RIFF" and raw[8:12] == b"AVI ":
        return "a video (AVI), not an image"
    for magic, name in _OTHER_MAGIC:
        if raw.startswith(magic):
            return f"{name}, not an image that curate reads"
    return None

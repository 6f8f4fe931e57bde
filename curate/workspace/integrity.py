"""Checksums of what the workspace stores, so that damage is noticed and never read as other values.

A Parquet file carries the CRC-32 of all its bytes in its footer, taken with zeros in the place of
the checksum; a JSON file carries that of its other content under the key ``checksum``.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import first_line
from curate.files import replacing

_KEY = b"curate.crc32"
_BLANK = b"00000000"
_CHUNK = 1 << 22
_FOOTER_END = 8  # bytes: the footer's length, and the format's name
_JSON_KEY = "checksum"
_whole: set[tuple[str, int, int]] = set()
"""Files that were found whole: path, size and time of the last change."""


class Damaged(Exception):
    """A stored file is not what was written.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, reason: str) -> None:
        """Name the file and what is wrong with it."""
        super().__init__(f"{path} is damaged: {reason}")
        self.path = path


def write_table(table: pa.Table, path: Path, *, compression: str = "zstd") -> None:
    """Write a Parquet file with its checksum, whole or not at all.

    Args:
        table: Its content.
        path: Where it goes.
        compression: ``zstd`` or ``none``.

    Raises:
        ResourceError: The disk is full or cannot be written.
    """
    with replacing(path) as scratch:
        with pq.ParquetWriter(
            scratch, table.schema, compression=compression, write_page_checksum=True
        ) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({_KEY.decode(): _BLANK.decode()})
        place = _find_checksum(scratch)
        checksum = f"{_sum_file(scratch, place):08x}".encode()
        with scratch.open("r+b") as file:
            file.seek(place)
            file.write(checksum)


def read_table(
    path: Path,
    columns: Sequence[str] | None = None,
    *,
    filters: Any = None,  # noqa: ANN401
) -> pa.Table:
    """Return a Parquet file that `write_table` wrote.

    Args:
        path: The file.
        columns: Those wanted; None for all.
        filters: As for ``pyarrow.parquet.read_table``.

    Raises:
        Damaged: It is not what was written, or lacks a column.
    """
    check_table(path)
    try:
        return pq.read_table(
            path,
            columns=list(columns) if columns is not None else None,
            filters=filters,
            page_checksum_verification=True,
        )
    except (pa.ArrowException, OSError) as error:
        raise Damaged(path, first_line(error)) from None


def check_table(path: Path) -> None:
    """Check a Parquet file against its checksum; one that was found whole before is not read again.

    Raises:
        Damaged: It is not what was written.
    """
    try:
        facts = path.stat()
        identity = (str(path), facts.st_size, facts.st_mtime_ns)
        if identity in _whole:
            return
        place = _find_checksum(path)
        with path.open("rb") as file:
            file.seek(place)
            stored = file.read(len(_BLANK))
        if stored != f"{_sum_file(path, place):08x}".encode():
            raise Damaged(path, "its checksum does not fit")
    except OSError as error:
        raise Damaged(path, error.strerror or first_line(error)) from None
    _whole.add(identity)


def write_checked_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object with its checksum, whole or not at all.

    Raises:
        ResourceError: The disk is full or cannot be written.
    """
    text = json.dumps({**content, _JSON_KEY: _sum_json(content)}, indent=2, sort_keys=True)
    with replacing(path) as scratch:
        scratch.write_text(text + "\n", encoding="utf-8")


def read_checked_json(path: Path) -> dict[str, Any]:
    """Return what `write_checked_json` wrote, without the checksum.

    Raises:
        FileNotFoundError: It is not there.
        Damaged: It is not what was written.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise Damaged(path, first_line(error)) from None
    if not isinstance(content, dict):
        raise Damaged(path, "it holds no object")
    stored = content.pop(_JSON_KEY, None)
    if stored != _sum_json(content):
        raise Damaged(path, "its checksum does not fit")
    return content


def _sum_json(content: Mapping[str, Any]) -> str:
    return f"{crc32(json.dumps(content, sort_keys=True).encode()):08x}"


def _find_checksum(path: Path) -> int:
    """Return where in a Parquet file its checksum stands.

    Raises:
        Damaged: There is none.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _FOOTER_END))
        length = int.from_bytes(file.read(4), "little") + _FOOTER_END
        start = max(0, size - length)
        file.seek(start)
        footer = file.read(length)
    key = footer.rfind(_KEY)
    place = key + len(_KEY) + 2  # a byte for the kind of the value, one for its length
    if key < 0 or place + len(_BLANK) > len(footer):
        raise Damaged(path, "it has no checksum")
    return start + place


def _sum_file(path: Path, place: int) -> int:
    """Return the CRC-32 of a file with zeros in the place of its checksum."""
    total = at = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            low, high = place - at, place - at + len(_BLANK)
            if low < len(chunk) and high > 0:
                part = bytearray(chunk)
                for offset in range(max(low, 0), min(high, len(chunk))):
                    part[offset] = _BLANK[0]
                chunk = bytes(part)
            total = crc32(chunk, total)
            at += len(chunk)
    return total

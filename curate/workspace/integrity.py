"""Checksums of what the workspace stores, so that damage is noticed and never read as other values.

A Parquet file carries the CRC-32 of all its bytes in its footer, taken with zeros in the place of
the checksum; a JSON file carries that of its other content under the key ``checksum``. The name of
the file counts too, so that another whole file in its place is noticed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.errors import InputError, ResourceError, first_line
from curate.files import Utf8Name, replacing

_KEY = b"curate.crc32"
_BLANK = b"00000000"
_NONE = pa.schema([])
_CHUNK = 1 << 22
_FOOTER_END = 8  # bytes: the footer's length, and the format's name
_JSON_KEY = "checksum"
_Identity = tuple[str, str, int, int, int, int]
_whole: set[_Identity] = set()
"""Files that were found whole: path, owner, inode, size, times of the last changes."""
REPAIR_HINT = "see all damage with `curate info --verify`, mend it with `curate info --repair`"


class Damaged(InputError):
    """A stored file is not what was written.

    Attributes:
        path: The file.
        reason: What is wrong with it.
    """

    def __init__(self, path: Path, reason: str, *, hint: str = REPAIR_HINT) -> None:
        """Name the file and what is wrong with it."""
        super().__init__(f"{path} is damaged: {reason}", hint=hint)
        self.path = path
        self.reason = reason


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the operating system and Arrow say of a stored file into what it means.

    Raises:
        Damaged: The file is lost, or cannot be read.
        ResourceError: It may not be read.
    """
    try:
        yield
    except PermissionError as error:
        raise ResourceError(
            f"{path} cannot be read: {error.strerror}", hint="give yourself the right to read it"
        ) from None
    except FileNotFoundError:
        raise Damaged(path, "it is lost") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Damaged(path, getattr(error, "strerror", None) or first_line(error)) from None


def write_table(table: pa.Table, path: Path, *, compression: str = "zstd", owner: str = "") -> None:
    """Write a Parquet file with its checksum, whole or not at all.

    Args:
        table: Its content.
        path: Where it goes.
        compression: ``zstd`` or ``none``.
        owner: What it belongs to, besides its name: only who names the same can read it.

    Raises:
        ResourceError: The disk is full or cannot be written.
    """
    with replacing(path) as scratch:
        name = Utf8Name(scratch)
        with pq.ParquetWriter(
            str(name), table.schema, compression=compression, write_page_checksum=True
        ) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({_KEY.decode(): _BLANK.decode()})
        place = _find_checksum(scratch)
        checksum = f"{_sum_file(scratch, place, start=_sum_name(path, owner)):08x}".encode()
        with scratch.open("r+b") as file:
            file.seek(place)
            file.write(checksum)


def read_table(
    path: Path,
    columns: Sequence[str] | None = None,
    *,
    where: tuple[str, str] | None = None,
    owner: str = "",
    optional: pa.Schema = _NONE,
) -> pa.Table:
    """Return a Parquet file that `write_table` wrote.

    Args:
        path: The file.
        columns: Those wanted; None for all.
        where: A column of text, and the value that its rows must have; None for all rows.
        owner: As it was written.
        optional: Columns that the file of an earlier version may lack: they are null.

    Raises:
        Damaged: It is lost, is not what was written, or lacks a column.
        ResourceError: It may not be read.
    """
    check_table(path, owner=owner)
    name = Utf8Name(path)  # lives until the file is read
    # not `pq.read_table`: that imports Arrow's datasets
    with reading(path), pq.ParquetFile(str(name), page_checksum_verification=True) as file:
        there = file.schema_arrow.names
        if columns is None:
            columns = [*there, *(name for name in optional.names if name not in there)]
        wanted = {*columns, *(where[:1] if where is not None else ())}
        read = [one for one in there if one in wanted]
        table = file.read(read) if where is None else _read_rows(file, read, *where)
        for field in optional:
            if field.name not in there:
                table = table.append_column(field, pa.nulls(len(table), field.type))
        return table.select([*columns])


def _read_rows(file: pq.ParquetFile, columns: list[str], name: str, value: str) -> pa.Table:
    """Return the rows that have a value; row groups that have none, by their footer, are not read.

    Args:
        file: The file.
        columns: Those read, ``name`` among them.
        name: A column of text.
        value: Its value.
    """
    footer = file.metadata
    paths = [footer.schema.column(place).path for place in range(footer.num_columns)]
    parts = [file.schema_arrow.empty_table().select(columns)]
    for group in range(footer.num_row_groups):
        facts = footer.row_group(group).column(paths.index(name)).statistics
        if facts is None or not facts.has_min_max or facts.min <= value <= facts.max:
            rows = file.read_row_group(group, columns)
            parts.append(rows.filter(pc.equal(rows[name], value)))
    return pa.concat_tables(parts)


def check_table(path: Path, *, owner: str = "") -> None:
    """Check a Parquet file against its checksum; one that was found whole before is not read again.

    Args:
        path: The file.
        owner: As it was written.

    Raises:
        Damaged: It is lost, or is not what was written.
        ResourceError: It may not be read.
    """
    with reading(path):
        facts = path.stat()
        times = (facts.st_mtime_ns, facts.st_ctime_ns)
        identity = (str(path), owner, facts.st_ino, facts.st_size, *times)
        if identity in _whole:
            return
        place = _find_checksum(path)
        with path.open("rb") as file:
            file.seek(place)
            stored = file.read(len(_BLANK))
        summed = _sum_file(path, place, start=_sum_name(path, owner))
        if stored != f"{summed:08x}".encode():
            raise Damaged(path, "its checksum does not fit")
    _whole.add(identity)


def write_checked_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object with its checksum, whole or not at all.

    Raises:
        ResourceError: The disk is full or cannot be written.
    """
    text = json.dumps({**content, _JSON_KEY: sum_json(content, path)}, indent=2, sort_keys=True)
    with replacing(path) as scratch:
        scratch.write_text(text + "\n", encoding="utf-8")


def read_checked_json(path: Path) -> dict[str, Any]:
    """Return what `write_checked_json` wrote, without the checksum.

    Raises:
        FileNotFoundError: It is not there.
        Damaged: It is not what was written.
        ResourceError: It may not be read.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    with reading(path):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise Damaged(path, "it holds no object")
    if content.pop(_JSON_KEY, None) != sum_json(content, path):
        raise Damaged(path, "its checksum does not fit")
    return content


def sum_json(content: Mapping[str, Any], path: Path) -> str:
    """Return the checksum of a JSON object in a file of this name; `swav_train` has the same."""
    text = json.dumps(content, sort_keys=True)
    return f"{crc32(text.encode(), _sum_name(path)):08x}"


def _sum_name(path: Path, owner: str = "") -> int:
    return crc32(owner.encode(), crc32(path.name.encode()))


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


def _sum_file(path: Path, place: int, *, start: int) -> int:
    """Return the CRC-32 of a file with zeros in the place of its checksum."""
    total, at = start, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            low, high = place - at, place - at + len(_BLANK)
            if low < len(chunk) and high > 0:
                part = bytearray(chunk)
                for offset in range(max(low, 0), min(high, len(chunk))):
                    part[offset] = _BLANK[0]
                chunk = bytes(part)  # the same, the checksum left out
            total = crc32(chunk, total)
            at += len(chunk)
    return total

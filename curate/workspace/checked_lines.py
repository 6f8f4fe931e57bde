"""Checked lines: a file of JSON objects, one a line, that is only appended to.

Each line carries the CRC-32 of its other content, as `curate.workspace.integrity` has it of a JSON
file, so that a flipped bit is never read as another word. Lines without one, of earlier versions,
are taken as they are. A line that a crash cut short was never acknowledged: it is no damage.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from curate.amounts import count_of
from curate.files import disk_errors, replacing
from curate.workspace.integrity import Damaged, sum_json

_KEY = "checksum"
_CUT = b" (cut short)\n"


def format_line(content: Mapping[str, Any], path: Path) -> str:
    """Return a JSON object as a line of a file, with its checksum and the line break."""
    return json.dumps({**content, _KEY: sum_json(content, path)}, ensure_ascii=False) + "\n"


def read_lines(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield the objects of a file, without checksums; None for each line that is damaged.

    Raises:
        ResourceError: It may not be read.
    """
    for line in _split(path):
        content = _parse(line, path)
        if content is not None or not _is_cut(line):
            yield content


def end_last_line(path: Path) -> bytes:
    """Return what ends the last line of a file, where a crash left it open: empty if none did."""
    if not _is_open(path):
        return b""
    return _CUT if _parse(_split(path)[-1], path) is None else b"\n"


def find_line_damage(path: Path) -> list[Damaged]:
    """Return that lines of a file are damaged; nothing if none is, or there is no file."""
    n_damaged = sum(content is None for content in read_lines(path))
    are = count_of(n_damaged, "line is", "lines are")
    return [Damaged(path, f"{are} not what was written")] if n_damaged else []


def drop_damaged_lines(path: Path) -> None:
    """Write a file again without its damaged lines.

    Raises:
        ResourceError: The disk is full or cannot be written.
    """
    whole = [line for line in _split(path) if _is_cut(line) or _parse(line, path) is not None]
    with replacing(path) as scratch:
        scratch.write_bytes(b"".join(whole))


def _is_open(path: Path) -> bool:
    """Return whether a file ends within a line."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _split(path: Path) -> list[bytes]:
    if not path.is_file():
        return []
    with disk_errors(path), path.open("rb") as file:
        return file.readlines()


def _is_cut(line: bytes) -> bool:
    """Return whether a line that cannot be read was cut short by a crash."""
    return line.endswith(_CUT) or not line.endswith(b"\n")


def _parse(line: bytes, path: Path) -> dict[str, Any] | None:
    """Return the object of a line, or None if it is not what was written."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    checksum = content.pop(_KEY, None)
    return content if checksum in (None, sum_json(content, path)) else None

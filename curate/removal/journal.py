"""The journal of a removal: written ahead, one JSON object a line, on the disk before it acts.

The first line says what was asked. Each other line is a file that is about to go, or one that was
left and why. A line that was cut off by a crash names nothing that was done.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from curate.choices import Removal
from curate.errors import InputError, ResourceError
from curate.files import disk_errors, remove
from curate.removal.disk import Disk

FORMAT = 1
_KIND = "curate removal"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A file that is about to go.

    Attributes:
        action: How.
        file: Its absolute path.
        target: Where it goes, or, while it is not finished, lies; empty for the trash.
        kept: Absolute path of the file that stays for it; None for one that is only moved.
        hash: SHA-256 of its content, hex; None where nobody could read it.
        bytes: Its size.
        mtime_ns: Time of its last change, in ns.
        mode: Its permissions.
        link: What it leads to, where it is a symbolic link; else None.
        owner: Numbers of its user and group; None where a restored file keeps them anyway.
        attributes: Its extended attributes in base64, by name; None like the owner.
    """

    action: Removal
    file: str
    target: str
    kept: str | None
    hash: str | None
    bytes: int
    mtime_ns: int
    mode: int
    link: str | None
    owner: tuple[int, int] | None = None
    attributes: Mapping[str, str] | None = None

    @property
    def path(self) -> Path:
        """Where the file is, or was."""
        return Path(self.file)

    @property
    def target_path(self) -> Path:
        """Where it goes."""
        return Path(self.target)


class Journal:
    """A journal that is being written.

    Attributes:
        has_entries: Whether it names a file that was about to go.
    """

    def __init__(self, file: BinaryIO, disk: Disk) -> None:
        """Write on an open file."""
        self._file = file
        self._disk = disk
        self._left: list[dict[str, object]] = []
        self.has_entries = False

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self._file.name)

    def announce(self, entries: Sequence[Entry]) -> None:
        """Write what is about to go; it is on the disk when this returns.

        Raises:
            CurateError: The disk is full.
        """
        self._write([*self._left, *(asdict(entry) for entry in entries)])
        self._left = []
        self.has_entries |= bool(entries)

    def note_left(self, path: str, reason: str) -> None:
        """Keep for the next write that a file was left, and why."""
        self._left.append({"left": path, "reason": reason})

    def finish(self) -> None:
        """Write what is still to be written.

        Raises:
            CurateError: The disk is full.
        """
        if self._left:
            self._write(self._left)
            self._left = []

    def _write(self, lines: Sequence[dict[str, object]]) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)  # ASCII: names need not be UTF-8
        self._disk.append(self._file, text.encode())


@contextmanager
def open_journal(path: Path, facts: Mapping[str, object], disk: Disk) -> Iterator[Journal]:
    """Begin a journal that is not there yet; one that names nothing to bring back is not kept.

    Args:
        path: The file.
        facts: What the first line holds.
        disk: Makes the changes.

    Raises:
        InputError: It is there already.
        CurateError: It cannot be written.
    """
    with disk_errors(path), hold_journal(path):
        disk.make_folder(path.parent)
        try:
            file = path.open("xb")
        except FileExistsError:
            raise InputError(
                f"{path} is there already, and a journal is never written over",
                hint="name another file with --journal",
            ) from None
        with file:
            head = {"kind": _KIND, "format": FORMAT, **facts}
            disk.append(file, (json.dumps(head) + "\n").encode())
            disk.sync(path.parent)
            journal = Journal(file, disk)
            yield journal
            journal.finish()
        if not journal.has_entries:
            disk.unlink(path)


@contextmanager
def hold_journal(path: Path) -> Iterator[None]:
    """Keep other processes from a journal.

    Raises:
        ResourceError: One works with it.
    """
    place = path.with_name(f".{path.name}.lock")
    if not place.parent.is_dir():
        yield
        return
    lock = FileLock(place)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ResourceError(
            f"{path} is in use by another process", hint="wait until that one ends"
        ) from None
    try:
        yield
    finally:
        lock.release()
        remove(place)


def read_journal(path: Path) -> tuple[dict[str, Any], Iterator[Entry]]:
    """Return what the first line of a journal holds, and its entries, read one by one.

    Raises:
        InputError: It is no journal.
    """
    hint = "name a journal that `curate prune --yes` wrote"
    if not path.is_file():
        raise InputError(f"no journal at {path}", hint=hint)
    with path.open("rb") as file:
        head = _parse(file.readline())
    if head is None or head.get("kind") != _KIND:
        raise InputError(f"{path} is not a journal", hint=hint)
    if head.get("format") != FORMAT:
        raise InputError(
            f"{path} is a journal of format {head.get('format')}, this curate reads {FORMAT}",
            hint="use the curate that wrote it",
        )
    return head, _read_entries(path)


def _read_entries(path: Path) -> Iterator[Entry]:
    names = {field.name for field in fields(Entry)} - {"action", "owner", "attributes"}
    with path.open("rb") as file:
        for line in file:
            facts = _parse(line)
            if facts is not None and {*names, "action"} <= set(facts):
                owner = facts.get("owner")
                yield Entry(
                    **{name: facts[name] for name in names},
                    action=Removal(facts["action"]),
                    owner=tuple(owner) if owner is not None else None,
                    attributes=facts.get("attributes"),
                )


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the object on a line, or None where it was cut off."""
    try:
        facts = json.loads(line)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None

"""What is known of the mirror of a workspace in a bucket: which version it holds, file by file."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from curate.files import write_json
from curate.workspace.bucket_versions import Entry, VersionId

_NOT_SHARED = {"lock", "lock.json", "engine", "curate-engine"}
_CHUNK = 1 << 20


class Phase(StrEnum):
    """What a mirror was in the middle of when it was left.

    ``idle``: nothing; a file that is not there was removed by somebody else, and is fetched again.
    ``fetching``: what differs from the version is fetched anew.
    ``writing``: what differs, and what is gone, is the work of a command.
    """

    IDLE = "idle"
    FETCHING = "fetching"
    WRITING = "writing"


@dataclass(frozen=True, slots=True)
class Facts:
    """By what a file is known to be unchanged.

    Attributes:
        bytes: Its size.
        mtime_ns: When it was changed, nanoseconds since 1970.
        inode: Its number on the disk.
    """

    bytes: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file of the version that a mirror holds.

    Attributes:
        facts: Of the file in the mirror; `NOWHERE` where it is not there.
        sha256: Of its content.
    """

    facts: Facts
    sha256: str

    @property
    def entry(self) -> Entry:
        """The same in a version."""
        return Entry(self.facts.bytes, self.facts.mtime_ns, self.sha256)


NOWHERE = Facts(0, 0, 0)


@dataclass(slots=True)
class Record:
    """What is known of a mirror.

    Attributes:
        version: The version that it holds, or that its work began from.
        phase: What it is in the middle of.
        files: Those of the version, by their paths.
    """

    version: VersionId | None = None
    phase: Phase = Phase.IDLE
    files: dict[str, KnownFile] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            CurateError: The disk is full, or the place cannot be written.
        """
        version = self.version and (self.version.number, self.version.time)
        files = {
            name: (one.facts.bytes, one.facts.mtime_ns, one.facts.inode, one.sha256)
            for name, one in self.files.items()
        }
        write_json(path, {"version": version, "phase": self.phase.value, "files": files})


def read_record(path: Path) -> Record:
    """Return what is known of a mirror; nothing where that was never written, or is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Record(
            version=VersionId(*content["version"]) if content["version"] else None,
            phase=Phase(content["phase"]),
            files={
                name: KnownFile(Facts(*facts), sha256)
                for name, (*facts, sha256) in content["files"].items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Record()


def list_files(root: Path) -> dict[str, Facts]:
    """Return the files of a workspace that other machines share, by their paths in it.

    Locks, scratch of the engine, and what is half written are not among them.
    """
    return dict(sorted(_walk(root, "")))


def _walk(folder: Path, below: str) -> Iterator[tuple[str, Facts]]:
    with suppress(FileNotFoundError), os.scandir(folder) as inside:
        for one in inside:
            name = f"{below}{one.name}"
            if name in _NOT_SHARED or one.name.endswith(".partial"):
                continue
            with suppress(FileNotFoundError):  # a command has removed it meanwhile
                facts = one.stat(follow_symlinks=False)
                if stat.S_ISDIR(facts.st_mode):
                    yield from _walk(folder / one.name, f"{name}/")
                elif stat.S_ISREG(facts.st_mode):
                    yield name, read_facts(facts)


def read_facts(facts: os.stat_result) -> Facts:
    """Return what a file is known by."""
    return Facts(facts.st_size, facts.st_mtime_ns, facts.st_ino)


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

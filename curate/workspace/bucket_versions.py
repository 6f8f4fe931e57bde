"""What a workspace in a bucket is there: numbered versions, and the contents that they name.

A version is a list of files. It is put only if there is none of its number, so a workspace goes
from one version to the next at once, and of two writers only one takes the step. Contents are named
by their SHA-256 and never change.
"""

import json
import re
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from os import getpid
from pathlib import Path, PurePosixPath
from typing import Any

from curate.engine.bucket_store import BucketStore, ObjectGone
from curate.errors import InputError
from curate.own_folders import BUCKET_FOLDER

FORMAT = 1
_VERSIONS, _CONTENTS = "versions/", "contents/"
_VERSION = re.compile(r"versions/(\d{6,})\.json")
_CONTENT = re.compile(r"contents/([0-9a-f]{64})")
_KEPT = 2  # versions: who reads the one before the newest finds all of it
_GRACE_SECONDS = 3600.0
_HINT = "check the address, the network, and the credentials in the environment"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a version.

    Attributes:
        bytes: Its size.
        mtime_ns: When it was changed, nanoseconds since 1970.
        sha256: Of its content.
    """

    bytes: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class VersionId:
    """Which version it is.

    Attributes:
        number: From 1.
        time: When it was put, by the bucket's clock: a workspace that was removed and begun again
            has other versions of the same numbers.
    """

    number: int
    time: float


class BucketVersions:
    """The versions of one workspace."""

    def __init__(self, address: str) -> None:
        """Name the bucket.

        Args:
            address: From `curate.workspace.bucket_address.read_address`.

        Raises:
            InputError: There is no such address.
            ResourceError: The extra ``cloud`` is not installed.
        """
        self.store = BucketStore(address, BUCKET_FOLDER, noun="the workspace", hint=_HINT)

    def newest(self) -> VersionId | None:
        """Return the newest version; None if there is none yet.

        Raises:
            CurateError: The bucket cannot be read.
        """
        return max(self._list_versions(), key=lambda one: one.number, default=None)

    def read(self, version: VersionId) -> dict[str, Entry]:
        """Return the files of a version by their paths in the workspace.

        Raises:
            ObjectGone: It is not there any more.
            InputError: It is damaged, or of another format.
            CurateError: The bucket cannot be read.
        """
        key = _key_of(version.number)
        content = self.store.get(key)
        name = f"{self.store.address}/{BUCKET_FOLDER}/{key}"
        if content is None:
            raise ObjectGone(f"{name} is gone", hint="run the command again")
        try:
            read = json.loads(content)
            entries = {path: Entry(*facts) for path, facts in read["files"].items()}
            is_whole = all(_is_below(path) for path in entries)
        except (ValueError, KeyError, TypeError, AttributeError):
            read, entries, is_whole = {}, {}, False
        if not is_whole or read["format"] != FORMAT:
            raise InputError(
                f"{name} is damaged, or of another version of curate",
                hint="use the curate that wrote it; remove it, and the version before counts again",
            )
        return entries

    def publish(self, number: int, files: Mapping[str, Entry]) -> bool:
        """Store a version unless there is one of its number; return whether it was stored.

        Args:
            number: One more than that of the version it was made from.
            files: By their paths; all contents are stored already.

        Raises:
            CurateError: The bucket cannot be written.
        """
        facts: dict[str, Any] = {
            path: (one.bytes, one.mtime_ns, one.sha256) for path, one in sorted(files.items())
        }
        writer = f"process {getpid()} on {socket.gethostname()}"
        content = json.dumps({"format": FORMAT, "writer": writer, "files": facts}).encode()
        if self.store.put_new(_key_of(number), content):
            return True
        return self.store.get(_key_of(number)) == content  # the answer to the first try was lost

    def put_content(self, sha256: str, path: Path) -> None:
        """Store a content unless it is there.

        Raises:
            CurateError: The bucket cannot be written.
        """
        self.store.put_file(f"{_CONTENTS}{sha256}", path)

    def fetch_content(self, sha256: str, path: Path) -> None:
        """Copy a content into a file.

        Raises:
            ObjectGone: It is not there.
            CurateError: The bucket cannot be read.
        """
        self.store.fetch(f"{_CONTENTS}{sha256}", path)

    def remove_contents(self, digests: Collection[str]) -> None:
        """Remove contents that are not what they are named.

        Raises:
            CurateError: The bucket cannot be written.
        """
        self.store.remove_keys([f"{_CONTENTS}{one}" for one in digests])

    def remove_old(self, named: Collection[str]) -> None:
        """Remove all versions but the last two, and the contents that nothing names for long.

        Who is about to read a version finds what it names for an hour at least. Only times of the
        bucket's clock are compared.

        Args:
            named: SHA-256 of the contents of the last two versions.

        Raises:
            CurateError: The bucket cannot be used.
        """
        versions = sorted(self._list_versions(), key=lambda one: one.number)
        now = max((one.time for one in versions), default=0.0)
        old = [_key_of(one.number) for one in versions[:-_KEPT]]
        for key, time in self.store.list_times(_CONTENTS).items():
            match = _CONTENT.fullmatch(key)
            if match and match[1] not in named and now - time > _GRACE_SECONDS:
                old.append(key)
        self.store.remove_keys(old)

    def _list_versions(self) -> list[VersionId]:
        times = self.store.list_times(_VERSIONS).items()
        found = [(match[1], time) for key, time in times if (match := _VERSION.fullmatch(key))]
        return [VersionId(int(number), time) for number, time in found]


def _key_of(number: int) -> str:
    return f"{_VERSIONS}{number:06d}.json"


def _is_below(path: str) -> bool:
    """Return whether a path stays in the workspace: a bucket may say anything."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts

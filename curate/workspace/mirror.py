"""The folder of this machine that mirrors a workspace in a bucket: all commands work on that.

Beside the workspace itself lie a record of the version that it holds, what is on its way, and what
was set aside.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from curate.files import disk_errors
from curate.workspace.bucket_versions import BucketVersions
from curate.workspace.mirror_record import Record, list_files, read_record


class Mirror:
    """The mirror of one workspace.

    Attributes:
        root: The workspace in it.
        base: The folder of all of it.
        bucket: What it mirrors.
    """

    def __init__(self, address: str, root: Path) -> None:
        """Make the folder, if it is not there.

        Args:
            address: Of the workspace.
            root: From `curate.workspace.bucket_address.mirror_folder`.

        Raises:
            CurateError: The address or the folder cannot be used.
        """
        self.root, self.base = root, root.parent
        self.bucket = BucketVersions(address)
        self._record = self.base / "record.json"
        with disk_errors(self.base):
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.base.chmod(0o700)

    @property
    def address(self) -> str:
        """Where the workspace is."""
        return self.bucket.store.address

    @property
    def incoming(self) -> Path:
        """The folder of what was fetched and is not in its place yet."""
        return self.base / "incoming"

    @property
    def outgoing(self) -> Path:
        """The folder of copies that are being sent."""
        return self.base / "outgoing"

    def read_record(self) -> Record:
        """Return what is known of the mirror."""
        return read_record(self._record)

    def write_record(self, record: Record) -> None:
        """Note what is known of the mirror.

        Raises:
            CurateError: The disk is full.
        """
        record.write(self._record)

    def has_unsent(self) -> bool:
        """Return whether there are files that the version it holds does not have so."""
        known = self.read_record().files
        return any(
            path not in known or known[path].facts != facts
            for path, facts in list_files(self.root).items()
        )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have no other process of this machine bring the mirror up to date; wait until it did."""
        with FileLock(self.base / "record.lock"):
            yield

    def is_written(self) -> bool:
        """Return whether a process of this machine writes the workspace."""
        try:
            with FileLock(self.root / "lock", timeout=0):
                return False
        except Timeout:
            return True

    def make_aside(self) -> Path:
        """Return a new folder for what would be lost otherwise."""
        name = f"set-aside-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        places = (self.base / (f"{name}-{n}" if n else name) for n in count())
        folder = next(place for place in places if not place.exists())
        folder.mkdir(mode=0o700)
        return folder

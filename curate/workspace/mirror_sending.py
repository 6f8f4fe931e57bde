"""Sending what a mirror holds to its bucket, as the next version of the workspace.

Files are copied, hashed and sent while a command may write; what was sent becomes a version only if
no file changed from before the first was looked at until after the last was sent. So a version is
what lay there at one moment, as a kill at that moment would have left it.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress

from curate.errors import CurateError, ResourceError
from curate.files import disk_errors, remove, scratch_beside
from curate.parallel import ordered_map
from curate.progress import Progress, task
from curate.workspace.mirror import Mirror
from curate.workspace.mirror_record import (
    NOWHERE,
    Facts,
    KnownFile,
    Phase,
    digest_file,
    list_files,
    read_facts,
)

_THREADS = 4
_TRIES = 4  # each sends what changed during the one before


class VersionTaken(ResourceError):
    """Another machine wrote the workspace although this one had its lease."""


class Sender:
    """Sends what changes in a mirror."""

    def __init__(self, mirror: Mirror, check: Callable[[], None]) -> None:
        """Note that the mirror is written from now on.

        Args:
            mirror: It holds the newest version; the caller is its only writer.
            check: Raises an error where that is no longer so.

        Raises:
            CurateError: The disk is full.
        """
        self._mirror, self._check = mirror, check
        self._record = mirror.read_record()
        self._record.phase = Phase.WRITING
        mirror.write_record(self._record)
        self._known = dict(self._record.files)
        self._sent = {one.sha256 for one in self._known.values() if one.facts != NOWHERE}

    def send(self, progress: Progress, *, is_last: bool = False) -> bool:
        """Make what the mirror holds the next version; return whether it stood still for that.

        Args:
            progress: Hears how it gets on.
            is_last: Whether nothing is written any more.

        Raises:
            VersionTaken: Another machine has put the next version.
            CurateError: The bucket cannot be written, or the disk is full.
        """
        for _ in range(_TRIES):
            files = list_files(self._mirror.root)
            if self._send_changed(files, progress) and list_files(self._mirror.root) == files:
                self._publish({path: self._known[path] for path in files}, is_last=is_last)
                return True
        return False

    def _send_changed(self, files: dict[str, Facts], progress: Progress) -> bool:
        """Send the contents that are new; return whether no file changed under our hands."""
        changed = [
            (path, facts)
            for path, facts in files.items()
            if path not in self._known or self._known[path].facts != facts
        ]
        is_still = True
        if changed:
            self._mirror.outgoing.mkdir(exist_ok=True)
            with disk_errors(self._mirror.base), task(progress, "send the workspace", len(changed)):
                sent = ordered_map(self._send_one, changed, n_threads=_THREADS)
                for (path, _), known in zip(changed, sent, strict=True):
                    if known is None:
                        is_still = False
                    else:
                        self._known[path] = known
                    progress.advance()
            remove(self._mirror.outgoing)
        return is_still

    def _send_one(self, changed: tuple[str, Facts]) -> KnownFile | None:
        """Send a copy of a file, which nobody changes; None if the file changed meanwhile."""
        path, facts = changed
        copy = scratch_beside(self._mirror.outgoing / "copy")
        try:
            with suppress(FileNotFoundError):  # a command has removed it
                shutil.copyfile(self._mirror.root / path, copy)
                if read_facts((self._mirror.root / path).lstat()) != facts:
                    return None
                sha256 = digest_file(copy)
                if sha256 not in self._sent:
                    self._mirror.bucket.put_content(sha256, copy)
                    self._sent.add(sha256)
                return KnownFile(facts, sha256)
            return None
        finally:
            copy.unlink(missing_ok=True)

    def _publish(self, files: dict[str, KnownFile], *, is_last: bool) -> None:
        """Store the next version, if it differs from the last, and remove what is too old.

        Raises:
            VersionTaken: Another machine has put it.
            CurateError: The bucket cannot be written.
        """
        record = self._record
        before = {path: one.sha256 for path, one in record.files.items()}
        is_new = before != {path: one.sha256 for path, one in files.items()}
        if is_new:
            self._check()
            number = 1 + (record.version.number if record.version else 0)
            entries = {path: one.entry for path, one in files.items()}
            bucket = self._mirror.bucket
            if bucket.newest() != record.version or not bucket.publish(number, entries):
                raise VersionTaken(
                    f"{self._mirror.address} was written by another machine meanwhile",
                    hint="run the command again: it begins from what is there now, and sets aside "
                    "what was not sent",
                )
            record.version = self._mirror.bucket.newest()
        record.files = files
        record.phase = Phase.IDLE if is_last else Phase.WRITING
        self._mirror.write_record(record)
        if is_new:
            self._sent = {one.sha256 for one in files.values()}
            with suppress(CurateError):  # what is left now goes the next time
                self._mirror.bucket.remove_old(self._sent | set(before.values()))

"""Bringing the mirror of a workspace up to date: to the newest version that the bucket has.

Nothing is in its place before all is there, and each content is checked against its name. What a
command left that was not sent stays if the bucket has not moved on; else it is set aside, but for
decisions of `curate review`, which are added to those of the bucket.
"""

import os
import shutil
from collections import Counter
from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path

from curate.amounts import count_of
from curate.commands import format_command
from curate.engine.bucket_store import ObjectGone
from curate.errors import ResourceError
from curate.files import disk_errors, remove
from curate.parallel import ordered_map
from curate.progress import Progress, task
from curate.workspace.bucket_versions import Entry, VersionId
from curate.workspace.mirror import Mirror
from curate.workspace.mirror_record import (
    NOWHERE,
    Facts,
    KnownFile,
    Phase,
    Record,
    digest_file,
    list_files,
    read_facts,
)
from curate.workspace.workspace import REVIEWS

_THREADS = 8
_TRIES = 5  # versions that may be gone while they are fetched


class _Fetched(StrEnum):
    WHOLE = "whole"
    GONE = "gone"
    DAMAGED = "damaged"


def bring_up_to_date(mirror: Mirror, progress: Progress, *, mends: bool = False) -> None:
    """Have a mirror hold the newest version of its workspace, and work that began from that.

    Args:
        mirror: The caller is alone with it.
        progress: Hears of what is fetched, set aside or lost.
        mends: Whether contents that are damaged in the bucket are removed there, so that they can
            be sent again; only who holds the lease may.

    Raises:
        ResourceError: The bucket goes on all the time, cannot be read, or the disk is full.
    """
    for _ in range(_TRIES):
        newest = mirror.bucket.newest()
        try:
            with disk_errors(mirror.base):
                _Update(mirror, newest, progress, mends=mends).run()
        except ObjectGone:
            continue
        return
    raise ResourceError(
        f"{mirror.address} changes faster than it can be fetched", hint="run the command again"
    )


class _Update:
    """One step to a version."""

    def __init__(
        self, mirror: Mirror, newest: VersionId | None, progress: Progress, *, mends: bool
    ) -> None:
        self._mirror, self._newest, self._progress = mirror, newest, progress
        self._mends = mends
        self._decisions = mirror.base / "decisions.jsonl"
        self._add_decisions()
        self._record = mirror.read_record()
        self._local = list_files(mirror.root)

    def run(self) -> None:
        """Take the step.

        Raises:
            ObjectGone: The bucket went on to another version meanwhile.
            CurateError: The bucket cannot be read.
        """
        if self._newest == self._record.version:
            self._fill_gaps()
        else:
            self._move_on()

    def _fill_gaps(self) -> None:
        """Fetch what is gone from the mirror, unless a command that was cut off removed it."""
        is_there = (self._mirror.root / "workspace.json").exists()
        if self._record.phase is Phase.WRITING and is_there:
            return
        files = self._record.files
        gaps = {path: one.entry for path, one in files.items() if path not in self._local}
        if gaps:
            self._record.files |= self._place(gaps, self._fetch(gaps))
            self._mirror.write_record(self._record)

    def _move_on(self) -> None:
        """Go to another version."""
        entries = self._mirror.bucket.read(self._newest) if self._newest else {}
        kept, work = self._compare(entries)
        wanted = {path: entry for path, entry in entries.items() if path not in kept}
        fetched = self._fetch(wanted)
        self._set_aside(work)
        if REVIEWS in work:  # as a link, it has what a review page adds until the file is replaced
            self._decisions.hardlink_to(self._mirror.root / REVIEWS)
        self._record.version, self._record.phase = None, Phase.FETCHING
        self._mirror.write_record(self._record)
        for path in self._local.keys() - kept.keys() - entries.keys() - {REVIEWS}:
            remove(self._mirror.root / path)
        files = kept | self._place(wanted, fetched)
        self._mirror.write_record(Record(version=self._newest, files=files))
        self._add_decisions()

    def _compare(self, entries: Mapping[str, Entry]) -> tuple[dict[str, KnownFile], list[str]]:
        """Return the files that are as a version has them, and those that are work of this machine.

        Of a bucket that has been emptied, all of the mirror is that.
        """
        kept: dict[str, KnownFile] = {}
        work = []
        for path, facts in self._local.items():
            old = self._record.files.get(path)
            is_changed = old is None or old.facts != facts
            sha256 = (
                digest_file(self._mirror.root / path) if is_changed or old is None else old.sha256
            )
            if path in entries and entries[path].sha256 == sha256:
                kept[path] = KnownFile(facts, sha256)
            elif (is_changed and self._record.phase is not Phase.FETCHING) or not self._newest:
                work.append(path)
        return kept, work

    def _set_aside(self, work: Collection[str]) -> None:
        """Move work that began from another version out of the mirror."""
        moved = [path for path in work if path != REVIEWS]
        if not moved:
            return
        folder = self._mirror.make_aside()
        for path in moved:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self._mirror.root / path).replace(folder / path)
        self._progress.note(
            f"{self._mirror.address} was written elsewhere after the last command of this machine, "
            f"whose work was not sent: {count_of(len(moved), 'file')} set aside in {folder}"
        )

    def _add_decisions(self) -> None:
        """Add decisions of this machine to those of the bucket, each line once."""
        if not self._decisions.exists():
            return
        path = self._mirror.root / REVIEWS
        there = path.read_bytes() if path.exists() else b""
        known = set(there.splitlines())
        new = [line for line in self._decisions.read_bytes().splitlines() if line not in known]
        if new:
            end = b"\n" if there and not there.endswith(b"\n") else b""
            with path.open("ab") as file:
                file.write(end + b"".join(line + b"\n" for line in new))
        self._decisions.unlink()

    def _fetch(self, wanted: Mapping[str, Entry]) -> dict[str, _Fetched]:
        """Fetch contents; return what became of each.

        Raises:
            ObjectGone: The bucket went on to another version meanwhile.
        """
        digests = sorted({entry.sha256 for entry in wanted.values()})
        self._mirror.incoming.mkdir(exist_ok=True)
        fetched = {}
        with task(self._progress, "fetch the workspace", len(digests)):
            found = ordered_map(self._fetch_one, digests, n_threads=_THREADS)
            for sha256, state in zip(digests, found, strict=True):
                fetched[sha256] = state
                self._progress.advance()
        gone = [one for one, state in fetched.items() if state is _Fetched.GONE]
        if gone and self._mirror.bucket.newest() != self._newest:
            raise ObjectGone(f"{self._mirror.address} went on", hint="run the command again")
        self._tell_lost(wanted, fetched)
        return fetched

    def _fetch_one(self, sha256: str) -> _Fetched:
        """Fetch one content; one that is not what its name says is asked for twice."""
        place = self._mirror.incoming / sha256
        if place.exists():
            return _Fetched.WHOLE
        scratch = place.with_suffix(".new")
        for _ in range(2):
            try:
                self._mirror.bucket.fetch_content(sha256, scratch)
            except ObjectGone:
                return _Fetched.GONE
            if digest_file(scratch) == sha256:
                scratch.replace(place)
                return _Fetched.WHOLE
        return _Fetched.DAMAGED

    def _tell_lost(self, wanted: Mapping[str, Entry], fetched: Mapping[str, _Fetched]) -> None:
        """Tell of contents that the bucket has lost; the files count as lost."""
        damaged = [one for one, state in fetched.items() if state is _Fetched.DAMAGED]
        verify = format_command("info", "--verify", workspace=self._mirror.address)
        for path, entry in wanted.items():
            state = fetched[entry.sha256]
            if state is not _Fetched.WHOLE:
                self._progress.note(
                    f"{path} of {self._mirror.address} is {state.value} in the bucket and counts "
                    f"as lost; see `{verify}`"
                )
        if damaged and self._mends:
            self._mirror.bucket.remove_contents(damaged)

    def _place(
        self, wanted: Mapping[str, Entry], fetched: Mapping[str, _Fetched]
    ) -> dict[str, KnownFile]:
        """Put contents in their places; return what is known of each file."""
        left = Counter(entry.sha256 for entry in wanted.values())
        known = {}
        for path, entry in wanted.items():
            left[entry.sha256] -= 1
            facts = NOWHERE
            if fetched[entry.sha256] is _Fetched.WHOLE:
                facts = self._place_one(path, entry, is_last=not left[entry.sha256])
            else:
                remove(self._mirror.root / path)
            known[path] = KnownFile(facts, entry.sha256)
        remove(self._mirror.incoming)
        return known

    def _place_one(self, path: str, entry: Entry, *, is_last: bool) -> Facts:
        source, target = self._mirror.incoming / entry.sha256, self._mirror.root / path
        if not is_last:
            copy = source.with_suffix(".copy")
            shutil.copyfile(source, copy)
            source = copy
        os.utime(source, ns=(entry.mtime_ns, entry.mtime_ns))
        _make_room(self._mirror.root, target)
        source.replace(target)
        return read_facts(target.lstat())


def _make_room(root: Path, target: Path) -> None:
    """Make the folder of a file; what is in the way is of another version."""
    for folder in reversed(target.relative_to(root).parents):
        if (root / folder).is_file() or (root / folder).is_symlink():
            remove(root / folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        remove(target)

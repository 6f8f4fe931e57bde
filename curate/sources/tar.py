"""Tar archives, WebDataset's among them: read once in order, later by byte range."""

import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

from curate.amounts import count_of
from curate.errors import first_line
from curate.images.formats import HEAD_BYTES, sniff
from curate.sources.base import Listing, Lost, Place, Recall, SourceFile, Unchanged
from curate.sources.entry_names import (
    UniqueNames,
    ending_of_name,
    is_excluded,
    is_hidden,
    is_image_name,
    tidy,
)
from curate.sources.file_list import FileList
from curate.sources.names import escape
from curate.sources.store import NOT_ONE_RANGE, Store, ends_early
from curate.sources.stored_container import StoredContainer
from curate.sources.tar_members import DAMAGE, Unpacked, read_member, unpack

Item = tuple[SourceFile, bytes | Lost | Unchanged]

_LABEL_ENDINGS = (".cls", ".cls.txt", ".json")
_LABEL_BYTES = 1 << 20  # of a member that may hold a label
_LABEL_KEYS = ("label", "class", "cls")


@dataclass(frozen=True, slots=True)
class _Link:
    """Another name of a member."""

    path: str
    name: str
    target: str


class TarContainer(StoredContainer):
    """One tar archive, plain or compressed.

    What tells where a member lies is gathered while the archive is read from start to end. A member
    whose name comes again is a row of its own, with ``#2`` behind the name. Members beside an image
    that are named as it is up to the first dot and end in ``.cls``, ``.cls.txt`` or ``.json`` give
    its label, wherever in the archive they stand.
    """

    def __init__(self, store: Store, name: str) -> None:
        """Name the archive.

        Args:
            store: Where it lies.
            name: Its name there, and its path below the source.
        """
        super().__init__(store, name)
        self._keys: list[str] = []
        self._labels: dict[str, str] = {}
        self._paths: dict[str, tuple[str, Place]] = {}
        self._links: list[_Link] = []
        self._names = UniqueNames()
        self._passed_over: Counter[str] = Counter()
        self._problems: list[str] = []
        self._is_any = self._is_cut = False

    def read_through(
        self, *, exclude: Sequence[str], max_bytes: int, recall: Recall
    ) -> Iterator[Item]:
        """Yield each image with its bytes; see `curate.sources.base.Container`."""
        del recall  # an archive is known whole or not at all
        try:
            version = self.find_version()
            with self._store.open_stream(self.name, version) as raw:
                archive, has_packing = unpack(raw)
                yield from self._read_members(archive, exclude, max_bytes)
            yield from self._read_links(Unpacked() if has_packing else None)
        except DAMAGE as error:
            if not self._is_cut:  # the member that is cut off says so already
                yield self._end_early(f"it ends early or is damaged: {first_line(error)}")
        except OSError as error:
            yield self._end_early(f"cannot be read: {error.strerror or first_line(error)}")

    def list_files(self) -> Listing:
        """Return what ``read_through`` has gone through."""
        table = self._builder.finish()
        if self._labels:
            keys = pa.array(self._keys, pa.string())
            rows = pc.index_in(keys, value_set=pa.array(list(self._labels), pa.string()))
            labels = pa.array(list(self._labels.values()), pa.string()).take(rows)
            column = table.schema.get_field_index("source_label")
            table = table.set_column(column, table.schema.field(column), labels)
        table = table.sort_by("path")
        return Listing(
            files=FileList(table), passed_over=dict(self._passed_over), problems=self._problems
        )

    def _read_members(
        self, archive: IO[bytes], exclude: Sequence[str], max_bytes: int
    ) -> Iterator[Item]:
        """Yield the images of an archive in order."""
        n_damaged = 0

        class Header(tarfile.TarInfo):
            """One that counts blocks which should be headers and are none."""

            @classmethod
            def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "Header":
                nonlocal n_damaged
                try:
                    return super().frombuf(buf, encoding, errors)
                except tarfile.InvalidHeaderError:  # type: ignore[attr-defined]
                    n_damaged += 1
                    raise

        # archives that were put one behind the other have zeros between them
        tar = tarfile.open(fileobj=archive, mode="r:", ignore_zeros=True, tarinfo=Header)  # noqa: SIM115
        try:
            while (member := tar.next()) is not None:
                self._is_any = True
                tar.members = []  # type: ignore[attr-defined]  # else it keeps them all
                item = self._read_member(archive, member, exclude, max_bytes)
                if item is not None:
                    yield item
            if n_damaged and not self._is_any:
                yield self._end_early("is no tar archive")
        finally:
            if n_damaged and self._is_any:
                self._problems.append(
                    f"{self.name} is damaged: "
                    f"{count_of(n_damaged, 'block of 512 bytes is', 'blocks of 512 bytes are')} "
                    "no header, and what belongs there is not read"
                )

    def _read_member(
        self, archive: IO[bytes], member: tarfile.TarInfo, exclude: Sequence[str], max_bytes: int
    ) -> Item | None:
        """Return one image, or None for what is none."""
        name = tidy(escape(member.name.encode("utf-8", "surrogateescape")))
        if member.isdir():
            return None
        if is_hidden(name):
            self._passed_over["hidden"] += 1
            return None
        if is_excluded(name, exclude) or is_excluded(f"{self.name}/{name}", exclude):
            self._passed_over["excluded"] += 1
            return None
        if member.issym() or member.islnk():
            if is_image_name(name) is not False:
                target = tidy(escape(_target_of(member).encode("utf-8", "surrogateescape")))
                self._links.append(_Link(self._take_path(name), name, target))
            else:
                self._passed_over[ending_of_name(name)] += 1
            return None
        if not member.isreg() and not member.issparse():
            self._passed_over["special files"] += 1
            return None
        return self._read_regular(archive, member, name, max_bytes)

    def _read_regular(
        self, archive: IO[bytes], member: tarfile.TarInfo, name: str, max_bytes: int
    ) -> Item | None:
        """Return the image that a regular member is, or None for what is none."""
        is_image = is_image_name(name)
        if is_image is False or name.lower().endswith(_LABEL_ENDINGS):
            if not self._note_label(archive, member, name):
                self._passed_over[ending_of_name(name)] += 1
            return None
        archive.seek(member.offset_data)
        head = archive.read(min(HEAD_BYTES, member.size)) if is_image is None else b""
        if is_image is None and sniff(head) is None:
            self._passed_over[ending_of_name(name) or "without an ending"] += 1
            return None
        place = Place(
            container=self.name,
            member=name,
            offset=None if member.issparse() else member.offset_data,
            length=member.size,
            version=self.find_version(),
        )
        file = self._make_file(self._take_path(name), member.size, place)
        self._paths[name] = (file.path, place)  # a later one of this name is what a tar unpacks to
        self._add(file, name)
        if member.issparse():
            return file, Lost(f"cannot be read: {NOT_ONE_RANGE}")
        if member.size > max_bytes:
            return file, Lost(f"{member.size:,} bytes are more than --max-pixels allows")
        return file, self._read_content(archive, head, member.size)

    def _read_content(self, archive: IO[bytes], head: bytes, n_bytes: int) -> bytes | Lost:
        """Return the bytes of a member of which the first are read, or why there are none."""
        try:
            content = head + archive.read(n_bytes - len(head))
        except (*DAMAGE, OSError) as error:
            self._is_cut = True
            return Lost(f"cannot be read: {first_line(error)}")
        if len(content) < n_bytes:
            self._is_cut = True
            return Lost(f"cannot be read: {ends_early(len(content), n_bytes)}")
        return content

    def _read_links(self, unpacked: "Unpacked | None") -> Iterator[Item]:
        """Yield the members that are other names of images."""
        for link in self._links:
            if link.target not in self._paths:
                self._passed_over["links to nothing"] += 1
                continue
            path, place = self._paths[link.target]
            place = replace(place, member=link.name)
            file = replace(self._make_file(link.path, place.length or 0, place), link_of=path)
            self._add(file, link.name)
            try:
                yield file, read_member(self._store, self.name, place, unpacked)
            except OSError as error:
                yield file, Lost(f"cannot be read: {error.strerror}")

    def _note_label(self, archive: IO[bytes], member: tarfile.TarInfo, name: str) -> bool:
        """Return whether a member is a label, and keep it."""
        if not name.lower().endswith(_LABEL_ENDINGS) or member.size > _LABEL_BYTES:
            return False
        archive.seek(member.offset_data)
        label = read_label(name, archive.read(member.size))
        is_json = name.lower().endswith(".json")  # a .cls says more plainly what the label is
        if label is not None and not (is_json and _key(name) in self._labels):
            self._labels[_key(name)] = label
        return label is not None

    def _take_path(self, name: str) -> str:
        return self._names.take(f"{self.name}/{name}")

    def _make_file(self, path: str, n_bytes: int, place: Place) -> SourceFile:
        facts = self._facts
        assert facts is not None, "the archive was asked for its version first"
        return SourceFile(
            path,
            n_bytes,
            facts.mtime_ns,
            facts.ctime_ns,
            device=facts.device,
            inode=facts.inode,
            place=place,
        )

    def _add(self, file: SourceFile, name: str) -> None:
        self._builder.add(file)
        self._keys.append(_key(name))

    def _end_early(self, reason: str) -> Item:
        """Return the row that says that the archive, or its end, cannot be read."""
        facts = self._facts
        file = SourceFile(
            self._names.take(self.name),
            facts.bytes if facts else 0,
            facts.mtime_ns if facts else 0,
            place=Place(container=self.name),  # no version: it is read through again
        )
        self._add(file, "")
        return file, Lost(reason)


def read_label(name: str, content: bytes) -> str | None:
    """Return the label that a member beside an image holds, or None.

    Args:
        name: Of the member.
        content: Text in a ``.cls``; in a ``.json`` an object with ``label``, ``class`` or ``cls``.
    """
    text = content.decode("utf-8", "replace").strip()
    if not name.lower().endswith(".json"):
        return text or None
    with suppress(ValueError, RecursionError):
        facts = json.loads(text)
        if isinstance(facts, dict):
            found = (facts.get(key) for key in _LABEL_KEYS)
            return next((str(one) for one in found if isinstance(one, str | int)), None)
    return None


def _key(name: str) -> str:
    """Return what members of one sample share: the name up to the first dot of its last part."""
    folder, _, last = name.rpartition("/")
    return f"{folder}/{last.partition('.')[0]}"


def _target_of(link: tarfile.TarInfo) -> str:
    """Return the member that a link leads to; a symbolic one starts at its own folder."""
    if link.islnk() or link.linkname.startswith("/"):
        return link.linkname
    parts = link.name.split("/")[:-1]
    for part in link.linkname.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)

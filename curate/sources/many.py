"""Several sources as one: the paths of each begin with its name."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import InputError
from curate.sources.base import (
    DEFAULT_EXCLUDES,
    NO_PLACE,
    Container,
    Listing,
    Lost,
    Place,
    Recall,
    Source,
    SourceFile,
    Unchanged,
)
from curate.sources.entry_names import FROM_ROOT
from curate.sources.file_list import FileList, FileListBuilder
from curate.sources.named_paths import Roots
from curate.sources.names import escape


class ManySources:
    """Several sources, each below the last part of its address, numbered where it repeats."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """Take the sources, two or more."""
        self._parts = dict(zip(_name_parts(sources), sources, strict=True))
        self.root: Path | None = None
        self.roots: Roots = {
            f"{name}/{prefix}": root
            for name, part in self._parts.items()
            for prefix, root in part.roots.items()
        }
        self.folders = [folder for source in sources for folder in source.folders]

    @property
    def address(self) -> str:
        """The addresses as a JSON list."""
        return json.dumps([part.address for part in self._parts.values()], ensure_ascii=False)

    @property
    def is_private(self) -> bool:
        """Whether images of one of them came by credentials."""
        return any(part.is_private for part in self._parts.values())

    @property
    def n_parallel(self) -> int:
        """How many files are worth reading at a time."""
        return max(part.n_parallel for part in self._parts.values())

    def list_files(self, exclude: Sequence[str] = DEFAULT_EXCLUDES) -> Listing:
        """Return the files and containers of all; what one passes over counts for all.

        Raises:
            InputError: One of them cannot be listed.
        """
        builder, passed_over = FileListBuilder(), Counter[str]()
        problems: list[str] = []
        containers: list[Container] = []
        for name, part in self._parts.items():
            listing = part.list_files(_patterns_of(name, exclude))
            for file in listing.files:
                builder.add(_below(name, file))
            passed_over.update(listing.passed_over)
            problems += listing.problems
            containers += [_Below(name, one) for one in listing.containers]
        return Listing(
            files=FileList(self._name_links(builder.finish()).sort_by("path")),
            passed_over=dict(passed_over),
            problems=problems,
            containers=containers,
        )

    def _name_links(self, files: pa.Table) -> pa.Table:
        """Return files of which those that two sources reach are one, and another name of it.

        Args:
            files: `curate.sources.file_list.FILE_SCHEMA`, in the order of the sources.
        """
        is_own = pc.and_(pc.greater(files["inode"], 0), pc.is_null(files["container"]))
        own = files.filter(pc.and_(is_own, pc.is_null(files["link_of"])))
        counts = own.group_by(["device", "inode"]).aggregate([("path", "count")])
        if pc.max(counts["path_count"]).as_py() in (None, 1):
            return files
        paths_of: dict[tuple[int, int], list[str]] = {}
        for row in own.select(["device", "inode", "path"]).to_pylist():
            paths_of.setdefault((row["device"], row["inode"]), []).append(row["path"])
        file_of = {}
        for paths in paths_of.values():
            file = next(filter(self._is_real, paths), paths[0]) if len(paths) > 1 else paths[0]
            file_of.update({path: file for path in paths if path != file})
        link_of = [
            file_of.get(link or path, link)
            for path, link in zip(
                files["path"].to_pylist(), files["link_of"].to_pylist(), strict=True
            )
        ]
        place = files.schema.get_field_index("link_of")
        return files.set_column(place, files.schema.field(place), [link_of])

    def _is_real(self, path: str) -> bool:
        """Return whether a file is called by its real path, not by that of a link."""
        file = self.local_file(path)
        return os.path.realpath(file) == os.path.abspath(file)  # noqa: PTH100 - links stay

    def open_container(self, name: str) -> Container:
        """Return a container of one of the sources by its name."""
        part, inside = self._find(name)
        return _Below(name.partition("/")[0], part.open_container(inside))

    def read(self, path: str, place: Place = NO_PLACE) -> bytes:
        """Return the bytes of one image.

        Raises:
            OSError: It cannot be read, or is of another version.
        """
        part, inside = self._find(path)
        if place.container is not None:
            place = replace(place, container=self._find(place.container)[1])
        return part.read(inside, place)

    def local_file(self, path: str) -> Path:
        """Return where an image lies on this machine.

        Raises:
            UsageError: It is no file of its own here.
        """
        part, inside = self._find(path)
        return part.local_file(inside)

    def disk_paths(self, names: Iterable[str]) -> Iterator[Path]:
        """Yield the files that lie on this machine."""
        for name in names:
            part, inside = self._find(name)
            yield from part.disk_paths([inside])

    def _find(self, path: str) -> tuple[Source, str]:
        """Return the source of a path and the path in there.

        Raises:
            InputError: There is no such source.
        """
        name, _, inside = path.partition("/")
        if name not in self._parts:
            raise InputError(f"{path} is of none of the sources", hint="scan them again")
        return self._parts[name], inside


class _Below:
    """A container whose paths begin with the name of its source."""

    def __init__(self, part: str, container: Container) -> None:
        self._part, self._container = part, container
        self.name, self.is_one_file = f"{part}/{container.name}", container.is_one_file

    def find_version(self) -> str | None:
        return self._container.find_version()

    def read_through(
        self, *, exclude: Sequence[str], max_bytes: int, recall: Recall
    ) -> Iterator[tuple[SourceFile, bytes | Lost | Unchanged]]:
        inside = _RecallBelow(self._part, recall)
        for file, content in self._container.read_through(
            exclude=_patterns_of(self._part, exclude), max_bytes=max_bytes, recall=inside
        ):
            yield _below(self._part, file), content

    def list_files(self) -> Listing:
        listing = self._container.list_files()
        builder = FileListBuilder()
        for file in listing.files:
            builder.add(_below(self._part, file))
        return replace(listing, files=FileList(builder.finish()))


class _RecallBelow:
    """What is known of the images of one of the sources."""

    def __init__(self, part: str, recall: Recall) -> None:
        self._part, self._recall = part, recall

    def find(self, paths: Sequence[str]) -> Sequence[SourceFile | None]:
        return self._recall.find([f"{self._part}/{path}" for path in paths])


def _patterns_of(part: str, patterns: Sequence[str]) -> list[str]:
    """Return the patterns for one of the sources: names at any depth, and paths there."""
    whole = [one for one in patterns if not one.startswith(FROM_ROOT)]
    paths = [one.removeprefix(FROM_ROOT) for one in patterns]
    below = [one.removeprefix(f"{part}/") for one in paths if one.startswith(f"{part}/")]
    return whole + [FROM_ROOT + one for one in below]


def _below(part: str, file: SourceFile) -> SourceFile:
    """Return a file whose paths begin with the name of its source."""
    container = file.place.container
    return replace(
        file,
        path=f"{part}/{file.path}",
        link_of=f"{part}/{file.link_of}" if file.link_of is not None else None,
        place=replace(file.place, container=f"{part}/{container}" if container else None),
    )


def _name_parts(sources: Sequence[Source]) -> list[str]:
    """Return a name for each source."""
    names: list[str] = []
    for source in sources:
        stem = source.address.rstrip("/").rpartition("/")[2] or "source"
        stem = escape(stem.encode("utf-8", "surrogateescape"))
        name, number = stem, 1
        while name in names:
            number += 1
            name = f"{stem}-{number}"
        names.append(name)
    return names

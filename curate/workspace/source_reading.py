"""Reading a source: its files, those not read before, and its containers, each in one pass."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.parallel import ordered_map
from curate.progress import Progress, task
from curate.sources import (
    Container,
    FileList,
    Listing,
    Source,
    file_table,
)
from curate.workspace.catalogue import Catalogue
from curate.workspace.file_reader import FileReader
from curate.workspace.known_files import KnownFiles
from curate.workspace.permissions import find_readers
from curate.workspace.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadSource:
    """What a source holds, after all of it was read.

    Attributes:
        files: A row for each file, sorted by path; `curate.sources.FILE_SCHEMA`.
        passed_over: How many files were not looked at, by ending or by what they are.
        problems: What could not be looked at, by name.
    """

    files: pa.Table
    passed_over: dict[str, int]
    problems: Sequence[str]


def read_source(  # noqa: PLR0913 - what is read, what is known of it, and where it goes
    source: Source,
    workspace: Workspace,
    reader: FileReader,
    usable: pa.Array,
    *,
    exclude: Sequence[str],
    is_same_choice: bool,
    progress: Progress,
) -> ReadSource:
    """Read what has to be read of a source.

    Args:
        source: The source.
        workspace: Whose catalogue knows what was read before.
        reader: Reads the files.
        usable: Content hashes whose facts and pixels are there.
        exclude: Patterns of what is passed over.
        is_same_choice: Whether the last scan had these patterns; where it had others, containers
            that have not changed hold other images all the same.
        progress: Hears how it gets on.

    Raises:
        InputError: The source is missing.
    """
    listing = source.list_files(exclude)
    catalogue = Catalogue(workspace)
    known = KnownFiles(catalogue.read_files(source.address), usable)
    recalled: list[pa.Table] = []
    fresh: Sequence[Container] = listing.containers
    if is_same_choice:
        recalled, fresh = _recall(listing.containers, known, n_parallel=source.n_parallel)
    files = pa.concat_tables([file_table(listing.files), *recalled])
    hashes = catalogue.recall_hashes(source.address, files)
    is_known = pc.fill_null(pc.is_in(hashes, value_set=usable), fill_value=False)
    rows = np.flatnonzero(~is_known.to_numpy(zero_copy_only=False))
    unread = FileList(files).take(rows)
    workspace.restrict(_find_readers(source, unread, fresh))
    if len(unread):
        with task(progress, "scan", len(unread)):
            reader.read_files(unread, progress)
    tables, passed_over, problems = [files], Counter(listing.passed_over), [*listing.problems]
    for inside in _read_containers(reader, fresh, exclude, known, progress):
        tables.append(file_table(inside.files))
        passed_over.update(inside.passed_over)
        problems.extend(inside.problems)
    table = pa.concat_tables(tables)
    if fresh or recalled:
        table = table.sort_by("path")
    return ReadSource(files=table, passed_over=dict(passed_over), problems=problems)


def _read_containers(
    reader: FileReader,
    containers: Sequence[Container],
    exclude: Sequence[str],
    known: KnownFiles,
    progress: Progress,
) -> Iterator[Listing]:
    """Yield what containers hold, in one task of as many images as they turn out to have."""
    if containers:
        with task(progress, "scan", None):
            yield from reader.read_containers(containers, exclude, known, progress)


def _recall(
    containers: Sequence[Container], known: KnownFiles, *, n_parallel: int
) -> tuple[list[pa.Table], list[Container]]:
    """Return the files of the containers that are as they were, and the other containers."""
    recalled, fresh = [], []
    versions = ordered_map(_find_version, containers, ahead=2 * n_parallel, n_threads=n_parallel)
    for container, version in zip(containers, versions, strict=True):
        table = known.of_container(container.name, version)
        if table is None:
            fresh.append(container)
        else:
            recalled.append(table)
    return recalled, fresh


def _find_version(container: Container) -> str | None:
    """Return the version of a container; None also where it cannot be had, which is said later."""
    try:
        return container.find_version()
    except OSError:
        return None


def _find_readers(source: Source, unread: FileList, fresh: Sequence[Container]) -> int:
    """Return who may read the images of a source; a file whose rights changed is read anew."""
    if source.is_private:
        return 0
    names = (file.place.container or file.path for file in unread)
    paths = source.disk_paths(chain(names, (container.name for container in fresh)))
    return find_readers(source.root or Path("/"), paths)

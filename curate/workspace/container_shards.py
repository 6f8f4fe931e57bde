"""Archives, tables and clips on an engine: each worker reads one through and decodes a part of it.

A container of thousands of images is read by several workers, each of which decodes the images of
some numbers; the first of them lists it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curate.engine.base import ShardResult, Task
from curate.engine.shards import Engine
from curate.engine.store import pack_table, unpack_table
from curate.engine.worker_files import WorkerFiles
from curate.images.decode import decode, max_bytes
from curate.sources import (
    FILE_SCHEMA,
    Container,
    FileList,
    Listing,
    Source,
    SourceFile,
    file_table,
    make_file,
    open_source,
)
from curate.workspace.examination import Examined, Examiner, Item
from curate.workspace.scan_shards import EXAMINED, describe_failure, make_row, read_row

PART_IMAGES = 2048
"""Images of a container that one worker decodes."""
_LISTED, _TOLD = b"listed", b"told"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadPart:
    """What workers made of a part of a container.

    Attributes:
        container: The container.
        images: Its images and what reading them gave; None where no worker could read it.
        listing: What it holds, with its first part; None with the others.
    """

    container: Container
    images: list[tuple[SourceFile, Examined]] | None
    listing: Listing | None


def read_containers_on(
    engine: Engine,
    source: Source,
    containers: Sequence[Container],
    *,
    exclude: Sequence[str],
    max_pixels: int,
) -> Iterator[ReadPart]:
    """Yield what workers made of containers, part by part, the first parts first.

    Args:
        engine: What reads them.
        source: Where they are.
        containers: Those to read; each is one file.
        exclude: Patterns of what is passed over.
        max_pixels: Pixels of a picture at most.

    Raises:
        CurateError: The engine cannot go on.
    """
    settings = {"address": source.address, "exclude": list(exclude), "max_pixels": max_pixels}
    task = Task(opener="curate.workspace.container_shards:open_worker", settings=settings)
    later: list[tuple[Container, int, int]] = []
    first = (_make_part(container, 0, PART_IMAGES) for container in containers)
    for container, result in zip(containers, engine.map_shards(task, first), strict=True):
        listing, n_images = _read_listing(result)
        images = _read_images(source, container, result, exclude)
        if listing is None:  # the part that lists it has failed
            again = source.open_container(container.name)
            n_images = sum(1 for _ in _go_through(again, exclude))
            listing = again.list_files()
        later += [
            (container, start, min(start + PART_IMAGES, n_images))
            for start in range(PART_IMAGES, n_images, PART_IMAGES)
        ]
        yield ReadPart(container=container, images=images, listing=listing)
    others = (_make_part(*one) for one in later)
    for (container, *_), result in zip(later, engine.map_shards(task, others), strict=True):
        images = _read_images(source, container, result, exclude)
        yield ReadPart(container=container, images=images, listing=None)
    engine.barrier()


def open_worker(settings: Mapping[str, Any], files: WorkerFiles) -> "_ContainerWorker":
    """Return a worker that has opened the source."""
    del files
    return _ContainerWorker(settings)


class _ContainerWorker:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._source = open_source(settings["address"])
        self._exclude = settings["exclude"]
        self._max_bytes = max_bytes(settings["max_pixels"])
        self._examiner = Examiner(
            self._source, decode_image=decode, max_pixels=settings["max_pixels"], known=()
        )

    def work(self, items: pa.Table) -> pa.Table:
        """Return a row for each image of some numbers; with the first of all, the listing."""
        name = items["container"][0].as_py()
        numbers = items["number"].to_pylist()
        container = self._source.open_container(name)
        chosen = self._choose(container, range(numbers[0], numbers[-1] + 1))
        files, rows = [], []
        for file, examined in self._examiner.examine_items(chosen):
            assert examined is not None, "nothing is known here"
            files.append(file)
            rows.append(make_row(examined))
        table = pa.Table.from_pylist(rows, schema=EXAMINED)
        for field, column in zip(FILE_SCHEMA, file_table(files).columns, strict=True):
            table = table.append_column(field, column)
        return table.replace_schema_metadata(self._told) if numbers[0] == 0 else table

    def _choose(self, container: Container, numbers: range) -> Iterator[Item]:
        """Yield the images of some numbers; the first part is read to the end of the container."""
        n_images = 0
        for item in container.read_through(
            exclude=self._exclude, max_bytes=self._max_bytes, recall=_Nothing()
        ):
            if n_images in numbers:
                yield item
            n_images += 1
            if n_images == numbers.stop and numbers.start > 0:
                return
        self._told = _pack_listing(container.list_files(), n_images)


class _Nothing:
    """That nothing is known from before."""

    def find(self, paths: Sequence[str]) -> Sequence[SourceFile | None]:
        """Return None for each."""
        return [None] * len(paths)


def _make_part(container: Container, start: int, stop: int) -> pa.Table:
    numbers = pa.array(range(start, stop), pa.int64())
    return pa.table({"container": pa.array([container.name] * len(numbers)), "number": numbers})


def _pack_listing(listing: Listing, n_images: int) -> dict[bytes, bytes]:
    told = {
        "passed_over": dict(listing.passed_over),
        "problems": list(listing.problems),
        "n_images": n_images,
    }
    listed = pack_table(file_table(listing.files))
    return {_LISTED: listed.hex().encode(), _TOLD: json.dumps(told).encode()}


def _read_listing(result: ShardResult) -> tuple[Listing | None, int]:
    """Return what a container holds and how many images, as far as a worker has told."""
    found = result.rows.schema.metadata or {}
    if _TOLD not in found:
        return None, 0
    told = json.loads(found[_TOLD])
    files = FileList(unpack_table(bytes.fromhex(found[_LISTED].decode())))
    listing = Listing(files=files, passed_over=told["passed_over"], problems=told["problems"])
    return listing, told["n_images"]


def _go_through(container: Container, exclude: Sequence[str]) -> Iterator[SourceFile]:
    """Yield the images of a container without decoding one."""
    for file, _ in container.read_through(exclude=exclude, max_bytes=0, recall=_Nothing()):
        yield file


def _read_images(
    source: Source, container: Container, result: ShardResult, exclude: Sequence[str]
) -> list[tuple[SourceFile, Examined]] | None:
    """Return images and what was made of them; None where no worker could read the container."""
    images = []
    for row in result.rows.to_pylist():
        file, examined = make_file(row), read_row(row)
        if file.path == container.name and examined.error is not None:
            return None
        images.append((file, examined))
    if result.failed:
        numbers = result.items["number"].to_pylist()
        failed = {numbers[place]: failure for place, failure in result.failed.items()}
        again = source.open_container(container.name)
        for number, file in enumerate(_go_through(again, exclude)):
            if number in failed:
                images.append((file, describe_failure(failed[number])))
    return images

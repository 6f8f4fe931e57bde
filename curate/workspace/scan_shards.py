"""Scanning on an engine: shards of files go to workers, facts and pixels come back."""

from collections.abc import Iterator, Mapping
from typing import Any
from zlib import crc32

import pyarrow as pa

from curate.engine.base import Failure, FailureKind, ShardResult, Task
from curate.engine.shards import Engine
from curate.engine.worker_files import WorkerFiles
from curate.errors import InputError
from curate.images.decode import decode
from curate.sources import FileList, SourceFile, open_source
from curate.workspace.examination import Examined, Examiner
from curate.workspace.pixel_shards import FACTS, Packed

SHARD_FILES = 192
"""Files of a shard on average; at most twice as many."""
_IMAGE = pa.schema(
    [
        pa.field("error", pa.string()),
        pa.field("blob", pa.binary()),
        pa.field("rows", pa.int32()),
        pa.field("columns", pa.int32()),
        pa.field("is_raw", pa.bool_()),
    ]
)
EXAMINED = pa.schema([*FACTS, *_IMAGE])
"""What reading a file gave: `Examined` as a row."""


def examine_on(
    engine: Engine, address: str, files: FileList, *, max_pixels: int
) -> Iterator[list[tuple[SourceFile, Examined]]]:
    """Yield what reading files gave, shard by shard, in order.

    Args:
        engine: What reads them.
        address: Of the source, which each worker opens itself.
        files: Of the source.
        max_pixels: Pixels of a picture at most.

    Raises:
        CurateError: The engine cannot go on.
    """
    settings = {"address": address, "max_pixels": max_pixels}
    task = Task(opener="curate.workspace.scan_shards:open_worker", settings=settings)
    for result in engine.map_shards(task, cut_into_shards(files.table)):
        yield list(_read_result(result))


def cut_into_shards(files: pa.Table, mean: int = SHARD_FILES) -> Iterator[pa.Table]:
    """Yield files in shards whose borders follow from their names.

    So a scan that goes on after some of its files, or with further files, has the same shards but
    for the first, and finds those that are finished.

    Args:
        files: A column ``path``, and others.
        mean: Files of a shard on average; at most twice as many.
    """
    start = number = 0
    for chunk in files["path"].chunks:
        for path in chunk.to_pylist():
            number += 1
            is_border = crc32(path.encode()) % mean == 0
            if is_border or number - start >= 2 * mean:
                yield files.slice(start, number - start)
                start = number
    if start < len(files):
        yield files.slice(start)


def open_worker(settings: Mapping[str, Any], files: WorkerFiles) -> "_ScanWorker":
    """Return a worker that has opened the source.

    Raises:
        InputError: This machine does not have it.
    """
    del files
    return _ScanWorker(settings["address"], settings["max_pixels"])


class _ScanWorker:
    def __init__(self, address: str, max_pixels: int) -> None:
        source = open_source(address)
        missing = [folder for folder in source.folders if not folder.is_dir()]
        if missing:
            raise InputError(f"{missing[0]} is not on this machine", hint="name a bucket")
        self._examiner = Examiner(source, decode_image=decode, max_pixels=max_pixels, known=())

    def work(self, items: pa.Table) -> pa.Table:
        """Return a row for each file."""
        rows = []
        for _, examined in self._examiner.examine_files(FileList(items)):
            assert examined is not None, "nothing is known here"
            rows.append(make_row(examined))
        return pa.Table.from_pylist(rows, schema=EXAMINED)


def make_row(examined: Examined) -> dict[str, object]:
    """Return what reading a file gave as a row of ``EXAMINED``."""
    image = examined.image
    return {
        **(examined.facts or {}),
        "error": examined.error,
        "blob": image.blob,
        "rows": image.rows,
        "columns": image.columns,
        "is_raw": image.is_raw,
    }


def read_row(row: Mapping[str, Any]) -> Examined:
    """Return what reading a file gave from a row of ``EXAMINED``."""
    if row["error"] is not None:
        return Examined(None, row["error"])
    facts = {name: row[name] for name in FACTS.names}
    image = Packed(row["blob"], row["rows"], row["columns"], is_raw=row["is_raw"])
    return Examined(row["hash"], None, facts, image)


def describe_failure(failure: Failure) -> Examined:
    """Return what an image comes to that no worker could make anything of."""
    told = "its worker died" if failure.kind is FailureKind.DIED else "it failed"
    return Examined(None, f"{told}: {failure.reason}", is_given_up=True)


def _read_result(result: ShardResult) -> Iterator[tuple[SourceFile, Examined]]:
    """Yield files with what was made of them."""
    rows = iter(result.rows.to_pylist())
    for number, file in enumerate(FileList(result.items)):
        failure = result.failed.get(number)
        yield file, describe_failure(failure) if failure is not None else read_row(next(rows))

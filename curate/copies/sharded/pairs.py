"""Verification on an engine: the first look at pairs and the close one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.amounts import count_of
from curate.copies.cache.keypoint_store import KeypointStore
from curate.copies.cache.version import CACHE_VERSION
from curate.copies.inputs import decode_exact, read_place
from curate.copies.pair_tables import take_pairs
from curate.copies.probability.classifier import FIRST_LOOK
from curate.copies.records import Pixels
from curate.copies.sharded.helpers import Helpers, pack_rows, unpack_rows
from curate.copies.sharded.stored_keypoints import (
    identify_keypoints,
    open_shared_keypoints,
    share_keypoints,
)
from curate.copies.verification.close_look import CloseLook
from curate.copies.verification.detail import CLOSE_NAMES
from curate.copies.verification.evidence import NAMES
from curate.copies.verification.findings import Findings
from curate.copies.verification.verifier import Verifier
from curate.engine.base import FailureKind, Task
from curate.engine.worker_files import WorkerFiles
from curate.sources import OpenSources
from curate.workspace.shared_pixels import open_shared_pixels

Ints = NDArray[np.int64]
OnProgress = Callable[[int], None]

_SHARD, _CLOSE_SHARD = 2048, 512  # pairs
_FIRST = np.dtype(
    [("inliers", np.int32), ("map", np.float32, (2, 3)), ("evidence", np.float32, len(NAMES))]
)
_CLOSE = np.dtype((np.float32, len(CLOSE_NAMES)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """What came of some pairs, by their numbers.

    Attributes:
        done: Pairs that a worker looked at.
        raised: Those of which workers raised an error.
        died: Those of which each worker died.
        rows: What was seen of those that are done.
    """

    done: Ints
    raised: Ints
    died: Ints
    rows: pa.Table

    def __len__(self) -> int:
        return len(self.done) + len(self.raised) + len(self.died)


class PairsOn:
    """Looks at pairs of R images on an engine, as `Verifier` and `CloseLook` do here.

    A pair that no worker survives counts as not looked at: without its files, if it is these, else
    without any evidence.
    """

    def __init__(self, helpers: Helpers, cache: Path, slots: Ints, rows: Ints) -> None:
        """Use the keypoints of a cache, which must all be there.

        Args:
            helpers: The engine.
            cache: Folder of the cache.
            slots: (R,) int64, of the images in the cache.
            rows: (R,) int64, of the images among those that the helpers know the places of.
        """
        self._helpers, self._cache = helpers, cache
        self._slots, self._rows = slots, rows

    def verify(
        self, verifier: Verifier, pairs: tuple[Ints, Ints, Ints], on_progress: OnProgress
    ) -> Findings:
        """Return what `Verifier.verify` does.

        Args:
            verifier: Looks here where a worker cannot.
            pairs: First and second images and method, (P,) int64 each.
            on_progress: Hears how many more pairs are done.

        Raises:
            ResourceError: The engine cannot go on.
        """
        a, b, method = pairs
        first = np.zeros(len(a), _FIRST)
        first["evidence"] = np.nan
        died = [np.zeros(0, np.int64)]
        items = pa.table({"a": self._slots[a], "b": self._slots[b], "method": method})
        for part in self._look("first", items, _SHARD):
            first[part.done] = unpack_rows(part.rows, _FIRST)
            for row in part.raised.tolist():
                one = slice(row, row + 1)
                first[one] = _pack_findings(verifier.verify(a[one], b[one], method[one]))
            died.append(part.died)
            on_progress(len(part))
        self._tell(np.concatenate(died), a, b, of_what="a look at", becomes="no copies")
        return Findings.at_first_look(
            a, b, method, maps=first["map"], inliers=first["inliers"], evidence=first["evidence"]
        )

    def look(
        self, close_look: CloseLook, findings: Findings, on_progress: OnProgress
    ) -> NDArray[np.float32]:
        """Return what `CloseLook.look` does.

        Args:
            close_look: Looks here where a worker cannot.
            findings: On P pairs.
            on_progress: Hears how many more pairs are done.

        Raises:
            ResourceError: The engine cannot go on.
        """
        seen, died = self._look_closely("close", close_look, findings, on_progress)
        if len(died):
            a, b = findings.a, findings.b
            self._tell(died, a, b, of_what="the files of", becomes="compared as cached")
            rest = take_pairs(findings, died)
            as_cached = close_look.without_files()
            seen[died], dead = self._look_closely("cached", as_cached, rest, lambda _: None)
            self._tell(dead, rest.a, rest.b, of_what="a close look at", becomes="no copies")
        return seen

    def _look_closely(
        self, look: str, close_look: CloseLook, findings: Findings, on_progress: OnProgress
    ) -> tuple[NDArray[np.float32], Ints]:
        """Return what is seen of pairs, NaN where no worker survives it, and which these are."""
        a, b = findings.a, findings.b
        seen = np.full((len(findings), len(CLOSE_NAMES)), np.nan, np.float32)
        died = [np.zeros(0, np.int64)]
        items = pa.table({"a": self._slots[a], "b": self._slots[b]})
        for name, images in (("place_a", a), ("place_b", b)):
            places = self._helpers.places.take(pa.array(self._rows[images])).combine_chunks()
            items = items.append_column(name, places.to_struct_array())
        items = items.append_column("map", pack_rows(findings.maps)["row"])
        for part in self._look(look, items, _CLOSE_SHARD):
            seen[part.done] = unpack_rows(part.rows, _CLOSE)
            if len(part.raised):
                seen[part.raised] = close_look.look(take_pairs(findings, part.raised))
            died.append(part.died)
            on_progress(len(part))
        return seen, np.concatenate(died)

    def _look(self, look: str, items: pa.Table, n: int) -> Iterator[_Part]:
        """Yield what came of each shard of pairs.

        Raises:
            ResourceError: The engine cannot go on.
        """
        engine = self._helpers.engine
        task = Task(
            opener=f"curate.copies.sharded.pairs:open_{look}_look",
            settings={
                "cache_version": CACHE_VERSION,
                "keypoints": identify_keypoints(self._cache),
            },
            files=(*share_keypoints(engine.store, self._cache), *self._helpers.pixels),
        )
        start = 0
        shards = (items.slice(first, n) for first in range(0, len(items), n))
        for result in engine.map_with_worker(task, shards):
            kinds = {start + number: one.kind for number, one in result.failed.items()}
            died = [row for row, kind in kinds.items() if kind is FailureKind.DIED]
            rows = np.arange(start, start + len(result.items))
            yield _Part(
                done=rows[~np.isin(rows, list(kinds))],
                raised=np.array([row for row in kinds if row not in died], np.int64),
                died=np.array(died, np.int64),
                rows=result.rows,
            )
            start += len(rows)
        engine.barrier()

    def _tell(self, pairs: Ints, a: Ints, b: Ints, *, of_what: str, becomes: str) -> None:
        """Tell what becomes of the pairs of images that no worker survives, with the first."""
        if len(pairs):
            paths = self._helpers.places["path"]
            first = [paths[int(self._rows[side[pairs[0]]])] for side in (a, b)]
            n_pairs = count_of(len(pairs), "pair")
            self._helpers.engine.tell(
                f"no worker survives {of_what} {n_pairs}: {becomes}; {first[0]} and {first[1]}"
            )


def open_first_look(settings: Mapping[str, Any], files: WorkerFiles) -> "_FirstLookWorker":
    """Return a worker that verifies pairs."""
    del settings
    return _FirstLookWorker(_SharedImages(files))


def open_close_look(settings: Mapping[str, Any], files: WorkerFiles) -> "_CloseLookWorker":
    """Return a worker that looks closely at pairs."""
    del settings
    return _CloseLookWorker(_SharedImages(files), reads_files=True)


def open_cached_look(settings: Mapping[str, Any], files: WorkerFiles) -> "_CloseLookWorker":
    """Return a worker that looks closely at pairs, but at no file."""
    del settings
    return _CloseLookWorker(_SharedImages(files), reads_files=False)


class _SharedImages:
    """Keypoints and cached pixels by slot."""

    def __init__(self, files: WorkerFiles) -> None:
        self.store: KeypointStore = open_shared_keypoints(files)
        self._pixels = open_shared_pixels(files)

    def read(self, slots: Sequence[int]) -> list[Pixels]:
        return self._pixels.read(self.store.list_hashes(np.asarray(slots, np.int64)))


class _FirstLookWorker:
    def __init__(self, images: _SharedImages) -> None:
        self._verifier = Verifier(images.store.keypoints, images.read, FIRST_LOOK)

    def work(self, items: pa.Table) -> pa.Table:
        """Return the findings on pairs of slots."""
        a, b, method = (_numbers(items[name]) for name in ("a", "b", "method"))
        return pack_rows(_pack_findings(self._verifier.verify(a, b, method)))


class _CloseLookWorker:
    def __init__(self, images: _SharedImages, *, reads_files: bool) -> None:
        self._sources = OpenSources()
        self._places: dict[int, Mapping[str, Any]] = {}
        read_file = self._read_file if reads_files else None
        self._look = CloseLook(images.store.keypoints.shapes, images.read, read_file=read_file)

    def work(self, items: pa.Table) -> pa.Table:
        """Return what is seen of pairs of slots."""
        a, b = _numbers(items["a"]), _numbers(items["b"])
        self._places = dict(zip(a.tolist(), items["place_a"].to_pylist(), strict=True))
        self._places |= zip(b.tolist(), items["place_b"].to_pylist(), strict=True)
        maps = unpack_rows(items.select(["map"]).rename_columns(["row"]), np.dtype(np.float32))
        findings = Findings.at_first_look(
            a,
            b,
            np.zeros(len(a), np.int64),
            maps=np.asarray(maps, np.float32).reshape(-1, 2, 3),
            inliers=np.zeros(len(a), np.int32),
            evidence=np.full((len(a), len(NAMES)), np.nan, np.float32),
        )
        return pack_rows(self._look.look(findings))

    def _read_file(self, slot: int) -> Pixels | None:
        return decode_exact(read_place(self._sources, self._places[slot]))


def _pack_findings(findings: Findings) -> NDArray[np.void]:
    rows = np.zeros(len(findings), _FIRST)
    rows["inliers"], rows["map"] = findings.inliers, findings.maps
    rows["evidence"] = findings.evidence
    return rows


def _numbers(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column.to_numpy(), np.int64)

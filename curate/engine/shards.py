"""The engine: shards go to a back end, results come back in order, whatever dies meanwhile.

A finished shard is the unit of retry and of resume. Its result is an object of the shared store,
named by the content of task and shard and stored if there is none: a shard that is done twice is no
harm, and one that an earlier driver had done is not done again.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa

from curate.amounts import count_of
from curate.engine.base import BackEnd, Failure, FailureKind, Job, Outcome, ShardResult, Task
from curate.engine.lease import Lease
from curate.engine.sharing import PASSING
from curate.engine.store import SharedStore, digest_of, pack_table, unpack_table
from curate.engine.worker import (
    key_of_beat,
    key_of_items,
    key_of_result,
    key_of_task,
    pack_task,
)
from curate.errors import ResourceError
from curate.progress import Progress

N_RETRIES = 3
_SILENT_SECONDS = 20.0
_POLL_SECONDS = 1.0
_LOOK_SECONDS, _STALLED_SECONDS = 20.0, 100.0
_AHEAD = 4  # shards a worker that are begun or done and not yet taken
_GIVEN_UP_TOLD = 5
_MOST_LOST = 100  # times that a shard may be lost with its machine


@dataclass(eq=False, slots=True)
class _Piece:
    """A shard, or a part of one that failed as a whole.

    Attributes:
        items: Its items.
        key: Digest of these.
        parts: Its halves, once it was halved.
        n_failures: How often it failed by its own fault.
        n_lost: How often it was lost by no fault of its own.
        is_done: Whether its result is in the store.
        failure: Why its only item cannot be worked on.
    """

    items: pa.Table
    key: str
    is_half: bool = False
    parts: "list[_Piece]" = field(default_factory=list)
    n_failures: int = 0
    n_lost: int = 0
    is_done: bool = False
    failure: Failure | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to be done."""
        if self.parts:
            return all(part.is_settled for part in self.parts)
        return self.is_done or self.failure is not None


class Engine:
    """Runs tasks shard by shard.

    Attributes:
        store: Where shards and results lie.
        n_run: Shards, and parts of such, that were run since the start.
        n_again: Those that had been run before.
    """

    def __init__(
        self, store: SharedStore, back_end: BackEnd, progress: Progress, lease: Lease
    ) -> None:
        """Begin.

        Args:
            store: Where shards and results lie.
            back_end: What runs the jobs.
            progress: Hears how it gets on, at the latest every half minute.
            lease: That this driver has the store.
        """
        self.store = store
        self._back_end = back_end
        self._progress = progress
        self._lease = lease
        self._told = time.monotonic()
        self.n_run = self.n_again = 0

    @property
    def n_workers(self) -> int:
        """How many shards are worked on at a time, as far as is known."""
        return self._back_end.n_workers

    def map_shards(self, task: Task, shards: Iterable[pa.Table]) -> Iterator[ShardResult]:
        """Yield what comes of each shard, in order.

        Args:
            task: What is done; workers are made as they are needed.
            shards: Tables of items, taken when there is room.

        Raises:
            CurateError: No worker can be started, or the store or the back end is gone.
        """
        return self._map(task, shards, is_stateful=False)

    def map_with_worker(self, task: Task, shards: Iterable[pa.Table]) -> Iterator[ShardResult]:
        """Yield what comes of each shard, in order, of workers that are kept, as with a model.

        Args:
            task: What is done; its workers hold what was costly to make.
            shards: Tables of items, taken when there is room.

        Raises:
            CurateError: No worker can be started, or the store or the back end is gone.
        """
        return self._map(task, shards, is_stateful=True)

    def barrier(self) -> None:
        """End a stage: workers let go of what they hold, before the next stage begins.

        Raises:
            ResourceError: Another driver has taken over the store.
        """
        self._lease.check()
        self._back_end.release()

    def clear(self) -> None:
        """Remove shards and results, once what they say is in the workspace."""
        for prefix in ("in/", "out/", "tasks/", "work/", PASSING):
            self.store.remove(prefix)

    def _map(
        self, task: Task, shards: Iterable[pa.Table], *, is_stateful: bool
    ) -> Iterator[ShardResult]:
        content = pack_task(task)
        # results follow from opener and settings; where the files lie does not matter
        name = digest_of(pack_task(Task(opener=task.opener, settings=task.settings)))
        self.store.put(key_of_task(name), content)
        job = Job(
            store=self.store.address,
            task=name,
            key="",
            is_stateful=is_stateful,
            uses_gpu=task.uses_gpu,
        )
        run = _Run(self, job)
        yield from run.results(iter(shards))

    def submit(self, job: Job) -> None:
        """Give a job to the back end."""
        self.n_run += 1
        self._back_end.submit(job)

    def poll(self, told: str) -> list[Outcome]:
        """Return the jobs that ended; tell how it stands where nothing was told for long.

        Args:
            told: How it stands.

        Raises:
            CurateError: The back end is gone, or another driver has the store.
        """
        self._lease.check()
        outcomes = self._back_end.poll(_POLL_SECONDS)
        now = time.monotonic()
        if outcomes:
            self._told = now
        elif now - self._told > _SILENT_SECONDS:
            self._told = now
            self._progress.note(f"{told}, {count_of(self.n_workers, 'worker')}")
        return outcomes

    def restart(self, n_shards: int) -> None:
        """Have the back end begin anew what nobody works on any more.

        Args:
            n_shards: How many shards that is.

        Raises:
            CurateError: The back end is gone.
        """
        shards = count_of(n_shards, "shard for long; it begins", "shards for long; they begin")
        self.tell(f"nobody has worked on {shards} again")
        self.n_again += n_shards
        self._back_end.restart()

    def tell(self, text: str) -> None:
        """Tell one fact worth a line."""
        self._told = time.monotonic()
        self._progress.note(text)


class _Run:
    """One task on its way."""

    def __init__(self, engine: Engine, job: Job) -> None:
        self._engine, self._store = engine, engine.store
        self._job = job
        prefix = key_of_result(job.task, "").removesuffix(".arrow")
        self._finished = set(self._store.list_keys(prefix))
        self._waiting: deque[_Piece] = deque()
        self._running: dict[str, _Piece] = {}
        self._n_taken = self._n_given_up = 0
        self._moved = self._looked = time.monotonic()
        self._beats: dict[str, bytes | None] = {}

    def results(self, shards: Iterator[pa.Table]) -> Iterator[ShardResult]:
        """Yield the results of shards, in order."""
        is_over = False
        while True:
            while not is_over and len(self._waiting) < _AHEAD * self._engine.n_workers + 2:
                items = next(shards, None)
                if items is None:
                    is_over = True
                elif len(items):
                    self._waiting.append(self._begin(items, is_half=False))
            while self._waiting and self._waiting[0].is_settled:
                piece = self._waiting.popleft()
                self._n_taken += 1
                yield self._take(piece)
            if is_over and not self._waiting:
                return
            if not self._waiting or not self._waiting[0].is_settled:
                self._hear()

    def _begin(self, items: pa.Table, *, is_half: bool) -> _Piece:
        """Return a piece that is under way, or done already."""
        content = pack_table(items)
        piece = _Piece(items=items, key=digest_of(content), is_half=is_half)
        if key_of_result(self._job.task, piece.key) in self._finished:
            piece.is_done = True
        else:
            self._store.put_new(key_of_items(self._job.task, piece.key), content)
            self._submit(piece)
        return piece

    def _submit(self, piece: _Piece) -> None:
        self._running[piece.key] = piece
        self._engine.submit(replace(self._job, key=piece.key))

    def _hear(self) -> None:
        told = f"{count_of(self._n_taken, 'shard')} done, {len(self._running)} under way"
        outcomes = self._engine.poll(told)
        self._watch(has_moved=bool(outcomes))
        for outcome in outcomes:
            piece = self._running.pop(outcome.job.key, None)
            if piece is None:  # of a run that was left
                continue
            if outcome.failure is None:
                piece.is_done = True
            else:
                self._engine.n_again += 1
                self._retry(piece, self._find_blame(piece, outcome.failure))

    def _find_blame(self, piece: _Piece, failure: Failure) -> Failure:
        """Return a failure; a worker that died before it said that it works cannot start."""
        if failure.kind is FailureKind.DIED:
            beat = self._store.get(key_of_beat(self._job.task, piece.key))
            if beat is None:
                return Failure(FailureKind.CANNOT_START, failure.reason)
        return failure

    def _watch(self, *, has_moved: bool) -> None:
        """Have all that is under way begun anew if no worker has said for long that it works."""
        now = time.monotonic()
        if has_moved or not self._running:
            self._moved = self._looked = now
        elif now - max(self._moved, self._looked) > _LOOK_SECONDS:
            self._looked = now
            beats = {
                key: self._store.get(key_of_beat(self._job.task, key)) for key in self._running
            }
            if beats != self._beats:
                self._moved, self._beats = now, beats
            elif now - self._moved > _STALLED_SECONDS:
                self._moved = now
                self._engine.restart(len(self._running))

    def _retry(self, piece: _Piece, failure: Failure) -> None:
        """Try a piece again, in halves where it failed too often.

        Raises:
            ResourceError: No worker can be started, or machines are lost again and again.
        """
        kind, reason = failure.kind, failure.reason
        if kind is FailureKind.LOST:
            piece.n_lost += 1
            if piece.n_lost > _MOST_LOST:
                raise ResourceError(f"a shard was lost {piece.n_lost} times: {reason}", hint=_AGAIN)
            self._submit(piece)
            return
        piece.n_failures += 1
        if kind is FailureKind.CANNOT_START and piece.n_failures > N_RETRIES:
            raise ResourceError(f"the workers cannot start: {reason}", hint=_NODES)
        # halves of what failed four times are not tried again as such: the fault is in there
        n_tries = 1 if piece.is_half and len(piece.items) > 1 else 1 + N_RETRIES
        if kind is FailureKind.CANNOT_START or piece.n_failures < n_tries:
            self._submit(piece)
        elif len(piece.items) == 1:
            piece.failure = Failure(kind, f"{reason} ({count_of(piece.n_failures, 'time')})")
            self._n_given_up += 1
            if self._n_given_up <= _GIVEN_UP_TOLD:
                self._engine.tell(f"one item is given up: {piece.failure.reason}")
        else:
            if not piece.is_half:
                told = f"a shard of {len(piece.items)} failed {piece.n_failures} times"
                self._engine.tell(f"{told}, it is halved: {reason}")
            middle = len(piece.items) // 2
            halves = (piece.items.slice(0, middle), piece.items.slice(middle))
            piece.parts = [self._begin(half, is_half=True) for half in halves]

    def _take(self, piece: _Piece) -> ShardResult:
        tables, failed, first = [], {}, 0
        for leaf in _list_leaves(piece):
            if leaf.failure is not None:
                failed[first] = leaf.failure
            else:
                tables.append(self._load(leaf))
            first += len(leaf.items)
        rows = pa.concat_tables(tables) if tables else pa.table({})
        return ShardResult(items=piece.items, rows=rows, failed=failed)

    def _load(self, piece: _Piece) -> pa.Table:
        """Return the rows that a worker stored.

        Raises:
            ResourceError: They are gone.
        """
        content = self._store.get(key_of_result(self._job.task, piece.key))
        if content is None:
            raise ResourceError(
                f"a finished shard is gone from the shared store {self._store.address}",
                hint=_AGAIN,
            )
        return unpack_table(content)


_AGAIN = "start the command again: it goes on where it stopped"
_NODES = (
    "each node needs this version of curate-images, the images and the store: name a bucket or a "
    "folder that all of them see with --shared"
)


def _list_leaves(piece: _Piece) -> Iterator[_Piece]:
    if piece.parts:
        for part in piece.parts:
            yield from _list_leaves(part)
    else:
        yield piece

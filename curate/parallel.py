"""Work on all processors, in order, with bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Condition, Thread
from typing import Any, Generic, Self, TypeVar

from curate.machine import count_decoders

Item = TypeVar("Item")
Result = TypeVar("Result")

_FIRST_AHEAD = 96  # requests that are begun before the size of an answer is known
_MOST_BYTES = 512 << 20
_ITEM_BYTES = 1 << 10  # of an item beside what it carries
_LAST_SECONDS = 2.0  # that an interrupt leaves a thread for what it does


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Have OpenCV and the BLAS libraries of NumPy work in one thread: work is spread over images.

    The matrices of a pair of images are small, and a BLAS of two threads waits for the second one
    by spinning: with it, comparing 300 copies of one picture took 1.7 times the CPU time.
    """
    import cv2
    from threadpoolctl import ThreadpoolController

    n_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    own_threads = ThreadpoolController().select(threading_layer="pthreads")
    try:
        with own_threads.limit(limits=1):
            yield
    finally:
        cv2.setNumThreads(n_threads)


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    ahead: int = 64,
    n_threads: int | None = None,
) -> Iterator[Result]:
    """Yield ``function(item)`` in the order of ``items``, at most ``ahead`` of them not yet taken.

    Threads serve, since decoding, hashing and shrinking all release the interpreter's lock. Left
    early, it lets go of what has not begun.

    Args:
        function: What is done with each item.
        items: What it is done with, taken when there is room.
        ahead: Results that wait at most.
        n_threads: Threads; None for as many as may decode pictures.
    """
    waiting: deque[_Job[Result]] = deque()
    with _Threads(n_threads or count_decoders()) as threads:
        for item in items:
            waiting.append(threads.submit(function, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def fetch_ahead(
    fetch: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    n_threads: int,
    size_of: Callable[[Result], int],
) -> Iterator[Result]:
    """Yield ``fetch(item)`` in the order of ``items``, for what waits on a network.

    How many wait follows from the size of what came so far: about half a gigabyte at most.

    Args:
        fetch: Gets one item.
        items: What is fetched, taken when there is room.
        n_threads: Requests at a time.
        size_of: Bytes of a result.
    """
    waiting: deque[_Job[Result]] = deque()
    n_done = n_bytes = 0
    with _Threads(n_threads) as threads:
        for item in items:
            waiting.append(threads.submit(fetch, item))
            mean = n_bytes / n_done if n_bytes else 1.0
            room = min(2 * n_threads, _FIRST_AHEAD + n_done, int(_MOST_BYTES / mean))
            while len(waiting) > max(1, room):
                result = waiting.popleft().result()
                n_done, n_bytes = n_done + 1, n_bytes + size_of(result)
                yield result
        while waiting:
            yield waiting.popleft().result()


def read_ahead(
    sources: Iterable[Iterable[Item]], *, n_ahead: int, size_of: Callable[[Item], int]
) -> Iterator[Iterator[Item]]:
    """Yield an iterator over the items of each source, of which the next ones are read meanwhile.

    For what waits on a network. About half a gigabyte of items waits at most.

    Args:
        sources: Each is gone through by one thread, and its items are taken before the next's.
        n_ahead: Sources that are read at a time.
        size_of: Bytes of an item.
    """
    waiting: deque[tuple[_Buffer[Item], _Job[None]]] = deque()
    with _Threads(n_ahead) as threads:
        try:
            for source in sources:
                buffer: _Buffer[Item] = _Buffer(_MOST_BYTES // n_ahead)
                waiting.append((buffer, threads.submit(buffer.fill, source, size_of)))
                if len(waiting) >= n_ahead:
                    yield _take(*waiting[0])
                    waiting.popleft()
            while waiting:
                yield _take(*waiting[0])
                waiting.popleft()
        finally:
            for buffer, _ in waiting:
                buffer.close()


def _take(buffer: "_Buffer[Item]", filling: "_Job[None]") -> Iterator[Item]:
    """Yield the items of a buffer; raise what filling it has raised."""
    yield from buffer
    filling.result()


class _Buffer(Generic[Item]):
    """Items that one thread reads and another takes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._items: deque[tuple[Item, int]] = deque()
        self._n_bytes = 0
        self._is_whole = self._is_closed = False
        self._changed = Condition()

    def fill(self, items: Iterable[Item], size_of: Callable[[Item], int]) -> None:
        """Read all items, waiting where too many wait."""
        try:
            for item in items:
                if not self._put(item, size_of(item) + _ITEM_BYTES):
                    break
        finally:
            with self._changed:
                self._is_whole = True
                self._changed.notify_all()

    def close(self) -> None:
        """Read no further."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _put(self, item: Item, n_bytes: int) -> bool:
        """Add an item; return whether anyone still wants it."""

        def has_room() -> bool:
            return self._n_bytes == 0 or self._n_bytes + n_bytes <= self._most_bytes

        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or has_room())
            self._items.append((item, n_bytes))
            self._n_bytes += n_bytes
            self._changed.notify_all()
            return not self._is_closed

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._is_whole)
                if not self._items:
                    return
                item, n_bytes = self._items.popleft()
                self._n_bytes -= n_bytes
                self._changed.notify_all()
            yield item


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a call has raised."""

    error: BaseException


class _Job(Generic[Result]):
    """A call that a thread makes, and what comes of it."""

    def __init__(self, function: Callable[..., Result], *arguments: object) -> None:
        self._function, self._arguments = function, arguments
        self._outcome: SimpleQueue[Result | _Failure] = SimpleQueue()

    def run(self) -> None:
        """Make the call."""
        try:
            self._outcome.put(self._function(*self._arguments))
        except BaseException as error:  # noqa: BLE001 - raised where the result is taken
            self._outcome.put(_Failure(error))

    def result(self) -> Result:
        """Wait for the result, which is taken once.

        Raises:
            BaseException: What the call has raised.
        """
        outcome = self._outcome.get()
        if not isinstance(outcome, _Failure):
            return outcome
        try:
            raise outcome.error
        finally:
            del outcome  # the error holds this frame, and would hold itself


class _Threads:
    """Threads that do jobs in the order that they come; what has not begun at the end is left.

    Not those of ``concurrent.futures``: an interrupt may leave the lock of a ``Future`` held, for
    which its thread then waits for ever, and Python for the thread. `SimpleQueue` has no such lock.
    """

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._threads: list[Thread] = []
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()

    def submit(self, function: Callable[..., Result], *arguments: object) -> _Job[Result]:
        """Have a call made."""
        job = _Job(function, *arguments)
        self._jobs.put(job)
        if len(self._threads) < self._n_threads:
            self._threads.append(Thread(target=self._work, daemon=True))
            self._threads[-1].start()
        return job

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait until the threads have ended what they do; after an interrupt not for long."""
        with suppress(Empty):
            while True:
                self._jobs.get_nowait()
        for _thread in self._threads:
            self._jobs.put(None)
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            with suppress(Empty):
                for _thread in self._threads:
                    self._ended.get(timeout=_LAST_SECONDS)
        else:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()
            del job
        self._ended.put(None)

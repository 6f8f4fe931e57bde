"""Work on all processors, in order, with bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition
from typing import Generic, TypeVar

from curate.machine import count_decoders

Item = TypeVar("Item")
Result = TypeVar("Result")

_FIRST_AHEAD = 96  # requests that are begun before the size of an answer is known
_MOST_BYTES = 512 << 20
_ITEM_BYTES = 1 << 10  # of an item beside what it carries


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
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(n_threads or count_decoders()) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


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
    waiting: deque[Future[Result]] = deque()
    n_done = n_bytes = 0
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(fetch, item))
                mean = n_bytes / n_done if n_bytes else 1.0
                room = min(2 * n_threads, _FIRST_AHEAD + n_done, int(_MOST_BYTES / mean))
                while len(waiting) > max(1, room):
                    result = waiting.popleft().result()
                    n_done, n_bytes = n_done + 1, n_bytes + size_of(result)
                    yield result
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


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
    waiting: deque[tuple[_Buffer[Item], Future[None]]] = deque()
    with ThreadPoolExecutor(n_ahead) as pool:
        try:
            for source in sources:
                buffer: _Buffer[Item] = _Buffer(_MOST_BYTES // n_ahead)
                waiting.append((buffer, pool.submit(buffer.fill, source, size_of)))
                if len(waiting) >= n_ahead:
                    yield _take(*waiting[0])
                    waiting.popleft()
            while waiting:
                yield _take(*waiting[0])
                waiting.popleft()
        finally:
            for buffer, _ in waiting:
                buffer.close()


def _take(buffer: "_Buffer[Item]", filling: Future[None]) -> Iterator[Item]:
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

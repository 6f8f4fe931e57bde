"""Work on all processors, in order, with bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from curate.machine import count_decoders

Item = TypeVar("Item")
Result = TypeVar("Result")

_FIRST_AHEAD = 48  # requests that are begun before the size of an answer is known
_MOST_BYTES = 512 << 20


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

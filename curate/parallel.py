"""Work on all processors, in order, with bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def n_workers() -> int:
    """Return the number of processors that this process and its container may use, at least 1."""
    from swav_train.cores import count_cores

    return count_cores()


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int = 64
) -> Iterator[Result]:
    """Yield ``function(item)`` in the order of ``items``, at most ``ahead`` of them not yet taken.

    Threads serve, since decoding, hashing and shrinking all release the interpreter's lock. Left
    early, it lets go of what has not begun.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(n_workers()) as pool:
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

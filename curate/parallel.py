"""Work on all processors, in order, with bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from curate.machine import count_decoders

Item = TypeVar("Item")
Result = TypeVar("Result")


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

"""Ctrl-C that waits until a step is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def delay_interrupts() -> Iterator[Callable[[], None]]:
    """Hold back Ctrl-C until a step is whole; a second one interrupts at once.

    Yields:
        A function that raises KeyboardInterrupt if one was held back.
    """
    held_back: list[int] = []

    def hold_back(number: int, frame: FrameType | None) -> None:
        if held_back:
            signal.default_int_handler(number, frame)
        held_back.append(number)

    def raise_if_held_back() -> None:
        if held_back:
            raise KeyboardInterrupt

    is_default = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if is_default:
        signal.signal(signal.SIGINT, hold_back)
    try:
        yield raise_if_held_back
    finally:
        if is_default:
            signal.signal(signal.SIGINT, signal.default_int_handler)

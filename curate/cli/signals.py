"""What Slurm and Kubernetes end a command with interrupts it: what is done is saved."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType


@contextmanager
def interrupted_when_terminated() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C is taken, unless somebody else takes or ignores it."""
    is_ours = (
        current_thread() is main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if is_ours:
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Call what takes Ctrl-C, which may wait; interrupt where that is ignored, as in scripts.

    Raises:
        KeyboardInterrupt: There is none.
    """
    if callable(signal.getsignal(signal.SIGINT)):
        signal.raise_signal(signal.SIGINT)
    else:
        raise KeyboardInterrupt

"""What is written without the lock reaches the bucket of its workspace, too.

That is what `curate review` was told, and what a pipeline did.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from curate.errors import CurateError
from curate.progress import Progress, Silent
from curate.workspace.workspace import Workspace

REVIEW_SECONDS = 60.0


@contextmanager
def sending_rest(
    workspace: Workspace, progress: Progress, *, seconds: float | None = None
) -> Iterator[None]:
    """Send what the block writes without the lock; of a workspace in a folder nothing is sent.

    Args:
        workspace: The workspace.
        progress: Hears that it has to wait.
        seconds: Between two times that it is sent while the block goes on, which never takes the
            lock then; None sends it only at the end.

    Raises:
        ResourceError: It cannot be sent at the end.
    """
    is_over = Event()
    thread = Thread(
        target=_send_often, args=(workspace, progress, is_over, seconds), name="curate-send-rest",
        daemon=True,
    )  # fmt: skip
    is_often = workspace.address is not None and seconds is not None
    if is_often:
        thread.start()
    try:
        yield
    except BaseException:
        _end(thread if is_often else None, is_over)
        try:
            workspace.send_rest(progress)
        except CurateError as error:
            progress.note(f"{error}; {error.hint}")
        raise
    _end(thread if is_often else None, is_over)
    workspace.send_rest(progress)


def _send_often(
    workspace: Workspace, progress: Progress, is_over: Event, seconds: float | None
) -> None:
    is_told = False
    while not is_over.wait(seconds):
        try:
            workspace.send_rest(Silent())
            is_told = False
        except CurateError as error:
            if not is_told:
                progress.note(f"{error}; what is decided is sent later")
            is_told = True


def _end(thread: Thread | None, is_over: Event) -> None:
    is_over.set()
    if thread is not None:
        thread.join()

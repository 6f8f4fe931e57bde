"""A workspace in a bucket while a command reads or writes it.

Who writes holds a lease in the bucket, sends what it does now and then, and what is left when it
ends, well or not.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from time import sleep

from curate.engine.lease import Lease
from curate.errors import CurateError, ResourceError
from curate.progress import Progress, Silent
from curate.workspace.mirror import Mirror
from curate.workspace.mirror_fetching import bring_up_to_date
from curate.workspace.mirror_sending import Sender, VersionTaken

SEND_SECONDS = 180.0
_WAITS = (2.0, 10.0)  # seconds before a bucket that is away is tried again at the end


def refresh(address: str, root: Path, progress: Progress) -> None:
    """Bring a mirror up to date for who reads it, unless it is being written on this machine.

    Args:
        address: Of the workspace.
        root: The workspace in the mirror.
        progress: Hears of what is fetched, set aside or lost.

    Raises:
        CurateError: The bucket cannot be read, or the disk is full.
    """
    mirror = Mirror(address, root)
    with mirror.alone():
        if not mirror.is_written():
            bring_up_to_date(mirror, progress)


def has_unsent(address: str, root: Path) -> bool:
    """Return whether a mirror holds files that it did not get from its bucket or send there."""
    return Mirror(address, root).has_unsent()


@contextmanager
def sharing(address: str, root: Path, progress: Progress) -> Iterator[None]:
    """Let the block write a mirror that is up to date, and send what it wrote.

    Args:
        address: Of the workspace.
        root: The workspace in the mirror; the caller holds its lock.
        progress: Hears how it gets on.

    Raises:
        ResourceError: Another machine writes the workspace, or the bucket cannot be used; what was
            done is kept here, and sent by the next command.
    """
    mirror = Mirror(address, root)
    hint = "wait until it ends, or use another workspace with --workspace"
    lease = Lease(mirror.bucket.store, progress, hint=hint)
    try:
        with mirror.alone():
            bring_up_to_date(mirror, progress, mends=True)
            sender = Sender(mirror, lease.check)
        try:
            with _sending_now_and_then(sender, progress):
                yield
        except BaseException:
            try:
                _send_last(mirror, sender, lease, progress)
            except CurateError as error:
                progress.note(f"{error}; {error.hint}")
            raise
        _send_last(mirror, sender, lease, progress)
    finally:
        with suppress(CurateError):  # it goes stale by itself
            lease.release()


@contextmanager
def _sending_now_and_then(sender: Sender, progress: Progress) -> Iterator[None]:
    """Send what the block does while it works, in a thread of its own."""
    is_over = Event()

    def work() -> None:
        is_told = False
        while not is_over.wait(SEND_SECONDS):
            try:
                sender.send(Silent())
                is_told = False
            except (CurateError, OSError) as error:
                if not is_told:
                    progress.note(f"{error}; the work goes on, and is sent later")
                is_told = True

    thread = Thread(target=work, name="curate-send", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _send_last(mirror: Mirror, sender: Sender, lease: Lease, progress: Progress) -> None:
    """Send what is left; a bucket that is away for a moment is tried again.

    Raises:
        VersionTaken: Another machine has written the workspace.
        ResourceError: It cannot be sent.
    """
    said = ""
    for wait in (*_WAITS, None):
        try:
            lease.check()
            if sender.send(progress, is_last=True):
                return
            said = f"the mirror of {mirror.address} changes while it is sent"
        except VersionTaken:
            raise
        except ResourceError as error:
            said = str(error)
        if wait is not None:
            progress.note(f"{said}; tried again in {wait:.0f} s")
            sleep(wait)
    raise ResourceError(
        said,
        hint=f"what was done is kept on this machine, below {mirror.base}, and sent by the next "
        "command with this workspace here",
    )

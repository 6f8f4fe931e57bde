"""What a back end has run for each job: items from the store, the work, the result put there."""

import importlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from threading import Event, Thread
from typing import cast

from curate.engine.base import Failure, FailureKind, Job, Opener, SharedFile, Task, Worker
from curate.engine.store import SharedStore, open_store, pack_table, unpack_table
from curate.engine.worker_files import WorkerFiles
from curate.errors import CurateError, ResourceError, first_line
from curate.secrets import clean_text
from curate.version import __version__

BEAT_SECONDS = 15.0
PAUSE_SECONDS = 3.0
_held: dict[str, tuple[SharedStore, Worker]] = {}
"""The worker of the task that this process worked on last."""


class StoreMissing(CurateError):
    """A machine does not see the shared store."""

    exit_code = 4


class OtherVersion(CurateError):
    """A machine has another version of curate, whose results may differ."""

    exit_code = 4


def key_of_task(task: str) -> str:
    """Return where a task lies in the store."""
    return f"tasks/{task}.json"


def key_of_items(task: str, key: str) -> str:
    """Return where the items of a job lie in the store."""
    return f"in/{task}/{key}.arrow"


def key_of_result(task: str, key: str) -> str:
    """Return where the result of a job lies in the store."""
    return f"out/{task}/{key}.arrow"


def key_of_beat(task: str, key: str) -> str:
    """Return where in the store a worker says that it works on a job."""
    return f"work/{task}/{key}"


def pack_task(task: Task) -> bytes:
    """Return a task as JSON."""
    files = [{"name": one.name, "key": one.key, "bytes": one.bytes} for one in task.files]
    content = {"opener": task.opener, "settings": dict(task.settings), "files": files}
    return json.dumps({**content, "version": __version__}, sort_keys=True).encode()


def run_job(job: Job) -> Failure | None:
    """Do one job; return why there is no result, or None where it is in the store."""
    try:
        store, worker = _open_worker(job)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told to the driver
        return Failure(FailureKind.CANNOT_START, _describe(error))
    try:
        with _beating(store, job):
            content = store.get(key_of_items(job.task, job.key))
            if content is None:
                return Failure(FailureKind.RAISED, "its items are not in the shared store")
            result = worker.work(unpack_table(content))
            store.put_new(key_of_result(job.task, job.key), pack_table(result))
    except ResourceError as error:  # of the machine or the store: no image is to blame
        time.sleep(PAUSE_SECONDS)
        return Failure(FailureKind.LOST, _describe(error))
    except Exception as error:  # noqa: BLE001 - one shard that fails is told, and tried again
        return Failure(FailureKind.RAISED, _describe(error))
    return None


@contextmanager
def _beating(store: SharedStore, job: Job) -> Iterator[None]:
    """Say in the store, before the work and again and again, that a job is worked on."""
    is_over = Event()

    def beat(number: int) -> None:
        with suppress(CurateError):  # the store is away for a moment
            store.put(key_of_beat(job.task, job.key), f"{os.getpid()} {number}".encode())

    def go_on() -> None:
        for number in count(1):
            if is_over.wait(BEAT_SECONDS):
                return
            beat(number)

    beat(0)  # whose worker dies without it has died before the work
    thread = Thread(target=go_on, name="curate-beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def release_worker() -> None:
    """Let go of what this process holds for a task."""
    _held.clear()


def _open_worker(job: Job) -> tuple[SharedStore, Worker]:
    """Return the store and the worker of a task, which this process may hold already.

    Raises:
        StoreMissing: The store does not know the task: another folder of the same name.
        OtherVersion: The driver is of another version.
    """
    if job.task not in _held:
        _held.clear()
        store = open_store(job.store)
        content = store.get(key_of_task(job.task))
        if content is None:
            raise StoreMissing(
                f"this machine does not see the shared store {job.store}", hint="see --shared"
            )
        known = json.loads(content)
        if known["version"] != __version__:
            raise OtherVersion(
                f"{socket.gethostname()} has curate {__version__}, the driver {known['version']}",
                hint="install one version everywhere",
            )
        files = [SharedFile(**one) for one in known["files"]]
        module, _, name = known["opener"].partition(":")
        opener = cast(Opener, getattr(importlib.import_module(module), name))
        _held[job.task] = store, opener(known["settings"], WorkerFiles(store, files))
    return _held[job.task]


def prepare_process(*, n_threads: int) -> Callable[[Job], Failure | None]:
    """Return `run_job`, once the process keeps to so many threads; before anything heavy."""
    from curate.machine import Limits, set_limits

    set_limits(Limits(jobs=n_threads))
    import cv2

    cv2.setNumThreads(1)
    return run_job


def _describe(error: Exception) -> str:
    return clean_text(f"{type(error).__name__}: {first_line(error)}")

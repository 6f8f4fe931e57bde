"""The process that is a driver of Ray: jobs come as lines of JSON, and what became of them goes.

    python -m curate.engine.ray_driver ADDRESS WORKERS

It ends when its input does, so that it never outlives the command.
"""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from queue import Empty, Queue
from threading import Thread
from typing import Any, NamedTuple, TextIO

from curate.engine.base import FailureKind, Job
from curate.errors import first_line

_POLL_SECONDS = 0.2
_COUNT_SECONDS = 5.0
_MOST_TOLD = 300  # letters of an error
_AHEAD = 2  # jobs beyond the workers that Ray has in hand


class RayWorker:
    """What an actor is: it keeps the worker of its task."""

    def run(self, job: dict[str, Any]) -> tuple[str, str] | None:
        """Do one job; return the kind of failure and why, or None."""
        return run_on_node(job)


def run_on_node(job: dict[str, Any]) -> tuple[str, str] | None:
    """Do one job on a node; return the kind of failure and why, or None."""
    from curate.engine.worker import prepare_process

    failure = prepare_process(n_threads=1)(Job(**job))
    return (failure.kind.value, failure.reason) if failure is not None else None


class _Actor(NamedTuple):
    """An actor of Ray, and whether it has a GPU, which Ray shows to it alone."""

    handle: Any
    has_gpu: bool


class _Driver:
    """Jobs on their way through Ray."""

    def __init__(self, ray: Any, out: TextIO) -> None:  # noqa: ANN401 - Ray's module
        self._ray, self._out = ray, out
        self._task = ray.remote(num_cpus=1, max_retries=0)(run_on_node)
        self._actor = ray.remote(num_cpus=1, max_restarts=0)(RayWorker)
        self._wants_gpu = False  # jobs of now: tasks come one after the other
        self._gives_gpus = False  # such jobs, and there are some
        self._waiting: deque[tuple[int, dict[str, Any]]] = deque()
        self._running: dict[Any, tuple[int, _Actor | None]] = {}
        self._idle: list[_Actor] = []
        self._n_workers = 0
        self._counted = 0.0

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take what the command says."""
        if "submit" in message:
            self._waiting.append((message["submit"], message["job"]))
            if message["job"]["uses_gpu"] != self._wants_gpu:
                self._wants_gpu = message["job"]["uses_gpu"]
                self._count_workers()
        elif message.get("release"):
            self._free_cores(most=0)

    def step(self) -> None:
        """Start what there is room for, and tell what ended."""
        if time.monotonic() - self._counted > _COUNT_SECONDS:
            self._count_workers()
        while self._waiting and len(self._running) < self._n_workers + _AHEAD:
            number, job = self._waiting[0]
            if job["is_stateful"] and len(self._running) >= self._n_workers:
                break  # an actor more than there are cores would wait, and hold its job
            self._waiting.popleft()
            self._start(number, job)
        n_busy = sum(actor is not None for _, actor in self._running.values())
        self._free_cores(most=max(0, self._n_workers - n_busy))
        if not self._running:
            time.sleep(_POLL_SECONDS)
            return
        done, _ = self._ray.wait(list(self._running), timeout=_POLL_SECONDS)
        for reference in done:
            self._end(reference)

    def _free_cores(self, *, most: int) -> None:
        """End idle actors but for so many: one that is to begin would wait for their cores."""
        while len(self._idle) > most:
            self._ray.kill(self._idle.pop().handle)

    def tell(self, **message: Any) -> None:  # noqa: ANN401
        """Send a line to the command."""
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def _start(self, number: int, job: dict[str, Any]) -> None:
        if job["is_stateful"]:
            actor = self._idle.pop() if self._idle else self._make_actor()
            self._running[actor.handle.run.remote(job)] = number, actor
        else:
            self._running[self._task.remote(job)] = number, None

    def _make_actor(self) -> _Actor:
        handle = self._actor.options(num_gpus=int(self._gives_gpus)).remote()
        return _Actor(handle, self._gives_gpus)

    def _end(self, reference: Any) -> None:  # noqa: ANN401
        number, actor = self._running.pop(reference)
        try:
            failure = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            if actor is not None:
                self._ray.kill(actor.handle)  # it may live, and hold its core
            kind = _kind_of(self._ray, error)
            self.tell(ended=number, kind=kind.value, reason=_describe(error))
            return
        if actor is not None and actor.has_gpu == self._gives_gpus:
            self._idle.append(actor)
        elif actor is not None:
            self._ray.kill(actor.handle)  # the last GPU went, or the first one came
        name, reason = failure or (None, None)
        self.tell(ended=number, kind=name, reason=reason)

    def _count_workers(self) -> None:
        self._counted = time.monotonic()
        resources = self._ray.cluster_resources()
        n_gpus = int(resources.get("GPU", 0))
        n_cores = max(1, int(resources.get("CPU", 1)))
        if self._gives_gpus != (self._wants_gpu and n_gpus > 0):
            self._gives_gpus = not self._gives_gpus
            self._free_cores(most=0)
        n_workers = min(n_cores, n_gpus) if self._gives_gpus else n_cores
        if n_workers != self._n_workers:
            self._n_workers = n_workers
            self.tell(workers=n_workers)


def _kind_of(ray: Any, error: Exception) -> FailureKind:  # noqa: ANN401
    """Return whether a job died by its own fault, as far as Ray says, or with its machine."""
    errors = ray.exceptions
    if isinstance(error, errors.WorkerCrashedError | errors.OutOfMemoryError):
        return FailureKind.DIED
    if isinstance(error, errors.RayActorError):
        has_lost_node = "node" in str(error) and "worker process" not in str(error)
        return FailureKind.LOST if has_lost_node else FailureKind.DIED
    # `run_on_node` tells what a shard raises; what is raised here, it could not even be called
    return FailureKind.CANNOT_START if isinstance(error, errors.RayTaskError) else FailureKind.LOST


def _describe(error: Exception) -> str:
    cause = getattr(error, "cause", None) or error
    return f"Ray says {type(cause).__name__}: {first_line(cause)[:_MOST_TOLD]}"


def _read(lines: TextIO, queue: "Queue[dict[str, Any] | None]") -> None:
    for line in lines:
        queue.put(json.loads(line))
    queue.put(None)


def _connect(address: str, n_local: int) -> Any:  # noqa: ANN401
    """Return Ray's module, connected."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address == "local":
        ray.init(address="local", num_cpus=n_local, include_dashboard=False, **options)
    else:
        ray.init(address=address, **options)
    return ray


def main() -> None:
    """Serve until the input ends."""
    address, n_local = sys.argv[1], int(sys.argv[2])
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no line of ours
    try:
        ray = _connect(address, n_local)
    except Exception as error:  # noqa: BLE001 - whatever Ray raises, the command tells it
        out.write(json.dumps({"failed": first_line(error)}) + "\n")
        out.flush()
        sys.exit(1)
    queue: Queue[dict[str, Any] | None] = Queue()
    Thread(target=_read, args=(sys.stdin, queue), daemon=True).start()
    driver = _Driver(ray, out)
    while True:
        try:
            while (message := queue.get_nowait()) is not None:
                driver.hear(message)
            break
        except Empty:
            driver.step()
    ray.shutdown()


if __name__ == "__main__":
    main()

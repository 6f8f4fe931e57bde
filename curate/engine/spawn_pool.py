"""The back end of processes on this machine, which are spawned: obstore and CUDA survive no fork.

Each worker is a pool of one process, so that it is known which job a process died of.
"""

import multiprocessing
import os
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from threading import Thread

from curate.engine.base import Failure, FailureKind, Job, Outcome
from curate.engine.worker import prepare_process, run_job

_WATCH_SECONDS = 2.0


class SpawnPool:
    """Runs jobs in processes of its own.

    Attributes:
        n_workers: How many.
    """

    def __init__(self, n_workers: int) -> None:
        """Start no process yet.

        Args:
            n_workers: Processes, at least 1.
        """
        self.n_workers = n_workers
        self._waiting: deque[Job] = deque()
        self._idle: list[ProcessPoolExecutor] = []
        self._running: dict[Future[Failure | None], tuple[Job, ProcessPoolExecutor]] = {}

    def submit(self, job: Job) -> None:
        """Take a job; see `curate.engine.base.BackEnd`."""
        self._waiting.append(job)
        self._start_waiting()

    def poll(self, seconds: float) -> list[Outcome]:
        """Return the jobs that ended; see `curate.engine.base.BackEnd`."""
        done, _ = wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED)
        outcomes = []
        for future in done:
            job, process = self._running.pop(future)
            try:
                outcomes.append(Outcome(job, future.result()))
                self._idle.append(process)
            except BrokenProcessPool:
                process.shutdown(wait=False)
                failure = Failure(FailureKind.DIED, "the process that worked on it died")
                outcomes.append(Outcome(job, failure))
        self._start_waiting()
        return outcomes

    def restart(self) -> None:
        """Kill the processes and start others; see `curate.engine.base.BackEnd`."""
        jobs = [job for job, _ in self._running.values()]
        self._kill()
        self._waiting.extendleft(reversed(jobs))
        self._start_waiting()

    def release(self) -> None:
        """End the processes; see `curate.engine.base.BackEnd`."""
        for process in self._idle:
            process.shutdown(wait=False)
        self._idle.clear()

    def close(self) -> None:
        """End the processes, whatever they do; see `curate.engine.base.BackEnd`."""
        self._waiting.clear()
        self._kill()
        self.release()

    def _kill(self) -> None:
        for _, process in self._running.values():
            for child in list((process._processes or {}).values()):  # 3.14: kill_workers
                child.kill()
            process.shutdown(wait=False, cancel_futures=True)
        self._running.clear()

    def _start_waiting(self) -> None:
        while self._waiting and len(self._running) < self.n_workers:
            process = self._idle.pop() if self._idle else _start_process()
            job = self._waiting.popleft()
            self._running[process.submit(run_job, job)] = job, process


def _start_process() -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(
        1, mp_context=context, initializer=_begin_process, initargs=(os.getpid(),)
    )


def _begin_process(driver: int) -> None:
    """Keep to one thread, and end with the driver, which may be killed."""

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    Thread(target=watch, daemon=True).start()
    prepare_process(n_threads=1)

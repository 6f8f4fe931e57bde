"""The back end that does the work itself, one job at a time: for tests and to look at a failure."""

from collections import deque

from curate.engine.base import Job, Outcome
from curate.engine.worker import release_worker, run_job


class InProcess:
    """Runs jobs in this process."""

    n_workers = 1

    def __init__(self) -> None:
        """Begin without a job."""
        self._jobs: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Take a job; see `curate.engine.base.BackEnd`."""
        self._jobs.append(job)

    def poll(self, seconds: float) -> list[Outcome]:
        """Run the next job; see `curate.engine.base.BackEnd`."""
        del seconds
        if not self._jobs:
            return []
        job = self._jobs.popleft()
        return [Outcome(job, run_job(job))]

    def restart(self) -> None:
        """Do nothing: what is polled is done; see `curate.engine.base.BackEnd`."""

    def release(self) -> None:
        """Forget the worker; see `curate.engine.base.BackEnd`."""
        release_worker()

    def close(self) -> None:
        """Forget the worker and the jobs; see `curate.engine.base.BackEnd`."""
        self._jobs.clear()
        release_worker()

"""What the engine runs, and the protocol of what runs it.

A task says what is done; a shard of it is a table of items, and a job is one shard at a back end.
A back end is told the name of a job only: items and results lie in the shared store.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    from curate.engine.worker_files import WorkerFiles


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedFile:
    """A file that workers read, as the shared store has it.

    Attributes:
        name: What the worker knows it by, such as ``pixels/000001.bin``.
        key: Where it lies in the store.
        bytes: Its size.
    """

    name: str
    key: str
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What is done with each shard.

    Attributes:
        opener: ``module:function`` that makes a `Worker` of the settings and the files.
        settings: What decides the results, besides the items; whatever JSON can hold, no secret.
        files: What workers read besides; the settings say of what content.
        uses_gpu: Whether a worker computes on a GPU where there is one for it.
    """

    opener: str
    settings: Mapping[str, Any]
    files: tuple[SharedFile, ...] = ()
    uses_gpu: bool = False


class Worker(Protocol):
    """Does the work of a task, shard after shard."""

    def work(self, items: pa.Table) -> pa.Table:
        """Return what comes of some items: of a half of them, the half of it."""


class Opener(Protocol):
    """Makes a worker."""

    def __call__(self, settings: Mapping[str, Any], files: "WorkerFiles") -> Worker:
        """Return a worker, which may hold a model or an open source.

        Raises:
            CurateError: This machine lacks what it takes.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One shard of one task, for a back end.

    Attributes:
        store: Address of the shared store.
        task: Digest of the task.
        key: Digest of the items.
        is_stateful: Whether the worker is costly to make, and should be kept.
        uses_gpu: Whether the worker gets a GPU to itself where the back end has some.
    """

    store: str
    task: str
    key: str
    is_stateful: bool
    uses_gpu: bool = False


class FailureKind(StrEnum):
    """Why a job has no result."""

    RAISED = "raised"
    """The work raised an error."""
    DIED = "died"
    """The process that did it died."""
    LOST = "lost"
    """The machine, or all of the cluster, is gone: no fault of the shard."""
    CANNOT_START = "cannot start"
    """The worker could not be made: no shard would fare better."""


@dataclass(frozen=True, slots=True)
class Failure:
    """That a job has no result.

    Attributes:
        kind: Why.
        reason: The same in words.
    """

    kind: FailureKind
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """That a job ended.

    Attributes:
        job: The job.
        failure: Why it has no result; None where that is in the store.
    """

    job: Job
    failure: Failure | None = None


class BackEnd(Protocol):
    """Runs jobs. A new one is one file that has these, and a line in `curate.engine.opening`."""

    @property
    def n_workers(self) -> int:
        """How many jobs it runs at a time, as far as it knows by now; at least 1."""

    def submit(self, job: Job) -> None:
        """Take a job, which is run when a worker is free."""

    def poll(self, seconds: float) -> list[Outcome]:
        """Return the jobs that ended; none after so many seconds without one.

        Raises:
            CurateError: It cannot run anything any more.
        """

    def restart(self) -> None:
        """Begin all that is under way anew, with new workers: nobody works on it any more.

        Raises:
            CurateError: It cannot run anything any more.
        """

    def release(self) -> None:
        """Let go of the workers, and of what they hold; the next job gets new ones."""

    def close(self) -> None:
        """End all that it has started."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardResult:
    """What came of one shard.

    Attributes:
        items: The shard.
        rows: What workers made of those that did not fail, in order.
        failed: Numbers of the items that nothing could be made of, and why.
    """

    items: pa.Table
    rows: pa.Table
    failed: Mapping[int, Failure] = field(default_factory=dict)

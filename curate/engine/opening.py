"""From what a person writes behind ``--cluster`` to an engine."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from curate.engine.base import BackEnd
from curate.engine.in_process import InProcess
from curate.engine.lease import Lease
from curate.engine.ray_cluster import RayCluster
from curate.engine.shards import Engine
from curate.engine.spawn_pool import SpawnPool
from curate.engine.store import open_store
from curate.errors import UsageError
from curate.field_types import take_types
from curate.machine import count_cores
from curate.progress import Progress

_PROCESSES = re.compile(r"processes(?::(\d+))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineConfig:
    """Where shards are worked on.

    Attributes:
        address: ``processes`` or ``processes:4`` for processes of this machine; ``local`` for a Ray
            that is started here; ``auto``, ``host:port`` or ``ray://host:port`` for one that runs;
            ``here`` for this process, a shard at a time.
        shared: Folder or bucket that all nodes see; None for one in the workspace.
    """

    address: str
    shared: str | None = None

    def __post_init__(self) -> None:
        """Check the address.

        Raises:
            UsageError: It is none, or a field is of another type.
        """
        take_types(self)
        match = _PROCESSES.fullmatch(self.address)
        is_known = match or self.address in ("here", "local", "auto") or ":" in self.address
        if not is_known or (match and match[1] == "0"):
            raise UsageError(
                f"{self.address!r} is no cluster",
                hint="write processes:4, local, auto, host:port or ray://host:port",
            )


@contextmanager
def open_engine(
    config: EngineConfig | None, workspace: Path, progress: Progress
) -> Iterator[Engine | None]:
    """Give an engine, or None where all is done in this process without one.

    What is finished stays in the store if the block fails, and is removed if it succeeds.

    Args:
        config: Where shards are worked on.
        workspace: Folder of the workspace; the caller is its only writer.
        progress: Hears how it gets on.

    Raises:
        CurateError: The cluster or the store cannot be used, or another driver has it.
    """
    if config is None:
        yield None
        return
    store = open_store(config.shared or str(workspace))
    lease = Lease(store, progress)
    try:
        back_end = _open_back_end(config.address, progress)
        try:
            engine = Engine(store, back_end, progress, lease)
            yield engine
            engine.clear()
            if config.shared is None:
                store.remove("files/")  # links to files of the workspace, made again in no time
        finally:
            back_end.close()
    finally:
        lease.release()


def _open_back_end(address: str, progress: Progress) -> BackEnd:
    match = _PROCESSES.fullmatch(address)
    if match:
        return SpawnPool(int(match[1] or count_cores()))
    if address == "here":
        return InProcess()
    return RayCluster(address, progress, n_local=count_cores())

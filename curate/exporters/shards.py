"""Shards: an export of any size as files ``000000.tar``, ``000001.tar``, … of limited size."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

Writer = TypeVar("Writer")


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardParams:
    """How large shards and their parts are.

    Both trade the number of files and parts against the memory and time that one of them costs its
    reader; neither was measured. Measure again with ``curate export --as tar`` and ``--as parquet``
    and the reader's own loader.

    Attributes:
        max_bytes: A shard ends after the image that brings it to so many bytes of content. Loaders
            read a tar from start to end, so a shard is what one worker reads at a time.
        images_per_row_group: Images in a row group of Parquet, which writer and reader hold in
            memory as a whole.
    """

    max_bytes: int = 512 << 20
    images_per_row_group: int = 256


DEFAULT_SHARDS = ShardParams()


class Shards(Generic[Writer]):
    """Numbered files of which one at a time is open."""

    def __init__(
        self,
        folder: Path,
        ending: str,
        resources: ExitStack,
        *,
        max_bytes: int,
        prefix: str = "",
    ) -> None:
        """Begin without a shard.

        Args:
            folder: Where the shards go.
            ending: Ending of their names, such as ``.tar``.
            resources: Closes the last shard.
            max_bytes: A shard that holds so many bytes is full.
            prefix: What their names begin with.
        """
        self._folder, self._ending, self._max_bytes = folder, ending, max_bytes
        self._prefix = prefix
        self._open_shard = resources.enter_context(ExitStack())
        self._writer: Writer | None = None
        self._n_shards = self._n_bytes = 0

    def count(self, n_bytes: int) -> None:
        """Count content against the size of the open shard."""
        self._n_bytes += n_bytes

    def writer(self, open_shard: Callable[[Path], AbstractContextManager[Writer]]) -> Writer:
        """Return the writer of the open shard; of a new one if there is none or it is full.

        Args:
            open_shard: Opens a new shard for writing.
        """
        if self._writer is None or self._n_bytes >= self._max_bytes:
            self._open_shard.close()
            path = self._folder / f"{self._prefix}{self._n_shards:06d}{self._ending}"
            self._writer = self._open_shard.enter_context(open_shard(path))
            self._n_shards += 1
            self._n_bytes = 0
        return self._writer

"""Embeddings on disk: Parquet shards of content hash and vectors, one folder per model.

The folder names the weights that made it, and so does the checksum of each shard; embeddings of
other weights are never mixed in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.amounts import count_of
from curate.errors import InputError
from curate.files import remove
from curate.manifest.text_column import TextColumn
from curate.progress import Progress, Silent
from curate.workspace.integrity import (
    Damaged,
    check_table,
    read_checked_json,
    read_table,
    write_checked_json,
    write_table,
)

_OWNER = "weights.json"
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of some images.

    Attributes:
        embeddings: (N, D) float32, unit rows: for neighbours, outliers and search.
        projections: (N, P) float32, unit rows: what the prototypes are compared with.
    """

    embeddings: Vectors
    projections: Vectors


def concat_vectors(parts: Sequence[Embedded]) -> Embedded:
    """Return the vectors of several parts, one behind the other."""
    return Embedded(
        np.concatenate([part.embeddings for part in parts]),
        np.concatenate([part.projections for part in parts]),
    )


class EmbeddingStore:
    """The embeddings of one model."""

    def __init__(self, folder: Path, weights: str) -> None:
        """Open a folder of embeddings, which need not exist yet.

        Args:
            folder: Of the model's embeddings.
            weights: Of the model; vectors of others do not count.
        """
        self._folder, self._weights = folder, weights

    def begin(self, progress: Progress | None = None) -> None:
        """Prepare the folder for vectors of these weights; others and damaged ones are dropped.

        Args:
            progress: Hears of damage.
        """
        progress = progress or Silent()
        owner = self._folder / _OWNER
        try:
            if read_checked_json(owner) != {"weights": self._weights}:
                remove(self._folder)
        except FileNotFoundError:
            pass
        except Damaged as damage:
            progress.note(f"{damage}; written again")
            remove(owner)
        for damaged in self._find_damaged_shards():
            progress.note(f"{damaged}; its images are embedded again")
            remove(damaged.path)
        if not owner.exists():
            write_checked_json(owner, {"weights": self._weights})

    def find_damage(self) -> list[Damaged]:
        """Return what is wrong with the folder; nothing where it has vectors of other weights."""
        owner = self._folder / _OWNER
        try:
            if read_checked_json(owner) != {"weights": self._weights}:
                return []
        except FileNotFoundError:
            lost = Damaged(owner, "it is lost")
            return [lost, *self._find_damaged_shards()] if self._shards() else []
        except Damaged as damage:
            return [damage, *self._find_damaged_shards()]
        return self._find_damaged_shards()

    def _find_damaged_shards(self) -> list[Damaged]:
        found = []
        for shard in self._shards():
            try:
                check_table(shard, owner=self._weights)
            except Damaged as damage:
                found.append(damage)
        return found

    def missing(self, content_hashes: Iterable[str]) -> TextColumn:
        """Return those without a whole vector of these weights, each once, in the order given."""
        asked = pc.unique(TextColumn.of(content_hashes).array)
        return TextColumn(asked.filter(pc.invert(pc.is_in(asked, value_set=self._read_hashes()))))

    def __len__(self) -> int:
        return len(self._read_hashes())

    def _read_hashes(self) -> pa.LargeStringArray:
        """Return the contents that have a whole vector, each once."""
        shards = [
            read_table(shard, ["hash"], owner=self._weights)["hash"]
            for shard in self._whole_shards()
        ]
        chunks = [chunk for shard in shards for chunk in shard.chunks]
        return pc.unique(TextColumn(pa.chunked_array(chunks, pa.string())).array)

    def append(self, content_hashes: Sequence[str], vectors: Embedded) -> None:
        """Write one shard.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        number = 1 + max((int(path.stem) for path in self._shards()), default=0)
        table = pa.table(
            {
                "hash": pa.array(content_hashes, pa.string()),
                "embedding": _as_lists(vectors.embeddings),
                "projection": _as_lists(vectors.projections),
            }
        )
        path = self._folder / f"{number:06d}.parquet"
        write_table(table, path, compression="none", owner=self._weights)

    def load(self, content_hashes: Sequence[str]) -> Embedded:
        """Return the vectors of images, in the order given.

        Raises:
            InputError: One is missing.
        """
        asked = TextColumn.of(content_hashes).array
        found: Embedded | None = None
        is_open = np.ones(len(asked), np.bool_)
        for shard in self._whole_shards():
            table = read_table(shard, owner=self._weights)
            if found is None:
                found = _room(len(asked), table)
            known = table["hash"].combine_chunks().cast(asked.type)
            places = pc.fill_null(pc.index_in(asked, value_set=known), -1).to_numpy()
            rows = np.flatnonzero(places >= 0)
            if len(rows):
                found.embeddings[rows] = _as_matrix(table["embedding"])[places[rows]]
                found.projections[rows] = _as_matrix(table["projection"])[places[rows]]
                is_open[rows] = False
        if found is None or is_open.any():
            n_missing = len(pc.unique(asked.filter(pa.array(is_open))))
            raise InputError(
                f"{count_of(n_missing, 'image has', 'images have')} no embedding in {self._folder}",
                hint="make them with `curate embed`",
            )
        return found

    def _whole_shards(self) -> list[Path]:
        damaged = {damage.path for damage in self._find_damaged_shards()}
        return [shard for shard in self._shards() if shard not in damaged]

    def _shards(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.parquet"))


def _as_lists(matrix: Vectors) -> pa.FixedSizeListArray:
    flat = np.ascontiguousarray(matrix, np.float32).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), matrix.shape[1])


def _as_matrix(column: pa.ChunkedArray) -> Vectors:
    lists = column.combine_chunks()
    return np.asarray(lists.flatten().to_numpy(), np.float32).reshape(len(lists), -1)


def _room(n_images: int, table: pa.Table) -> Embedded:
    width = {name: table.schema.field(name).type.list_size for name in ("embedding", "projection")}
    return Embedded(
        np.empty((n_images, width["embedding"]), np.float32),
        np.empty((n_images, width["projection"]), np.float32),
    )

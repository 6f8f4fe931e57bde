"""Embeddings on disk: Parquet shards of content hash and vectors, one folder per model.

The folder names the weights that made it; embeddings of other weights are never mixed in.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.errors import InputError
from curate.files import remove, replacing, write_json

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


class EmbeddingStore:
    """The embeddings of one model."""

    def __init__(self, folder: Path) -> None:
        """Open a folder of embeddings, which need not exist yet."""
        self._folder = folder

    def begin(self, weights: str) -> None:
        """Prepare the folder for vectors of these weights; those of others are dropped."""
        owner = self._folder / "weights.json"
        if not owner.is_file() or json.loads(owner.read_text()) != {"weights": weights}:
            remove(self._folder)
            write_json(owner, {"weights": weights})

    def missing(self, content_hashes: Iterable[str]) -> list[str]:
        """Return those without a vector, each once, in the order given."""
        known: set[str] = set()
        for shard in self._shards():
            known.update(pq.read_table(shard, columns=["hash"])["hash"].to_pylist())
        return [item for item in dict.fromkeys(content_hashes) if item not in known]

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
        with replacing(self._folder / f"{number:06d}.parquet") as scratch:
            pq.write_table(table, scratch, compression="none")

    def load(self, content_hashes: Sequence[str]) -> Embedded:
        """Return the vectors of images, in the order given.

        Raises:
            InputError: One is missing.
        """
        rows_of: dict[str, list[int]] = {}
        for row, item in enumerate(content_hashes):
            rows_of.setdefault(item, []).append(row)
        found: Embedded | None = None
        n_missing = len(rows_of)
        for shard in self._shards():
            table = pq.read_table(shard)
            if found is None:
                found = _room(len(content_hashes), table)
            picked = [
                (row, place)
                for place, item in enumerate(table["hash"].to_pylist())
                for row in rows_of.get(item, ())
            ]
            if picked:
                rows, places = np.array(picked).T
                found.embeddings[rows] = _as_matrix(table["embedding"])[places]
                found.projections[rows] = _as_matrix(table["projection"])[places]
                n_missing -= len(set(places.tolist()))
        if found is None or n_missing:
            raise InputError(
                f"{n_missing} images have no embeddings in {self._folder}",
                hint="make them with `curate embed`",
            )
        return found

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

"""Embedding on an engine: shards of content hashes go to workers that hold the model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from curate.engine.base import Failure, Task
from curate.engine.shards import Engine
from curate.engine.sharing import share_files
from curate.engine.worker_files import WorkerFiles
from curate.workspace.embedding_store import Embedded, Vectors
from curate.workspace.encoding import BATCH_ROWS, encode
from curate.workspace.models import FACTS, WEIGHTS, Model, encoder_of
from curate.workspace.shared_pixels import open_shared_pixels, share_pixels
from curate.workspace.workspace import Workspace

_SHARD_BATCHES = 4
_FOLDER = "models"


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedShard:
    """What workers made of some images.

    Attributes:
        names: Content hashes of those that they embedded, in order.
        vectors: Of these; None where there are none.
        failed: Why there is nothing of the others, by content hash.
    """

    names: list[str]
    vectors: Embedded | None
    failed: dict[str, Failure]


def embed_on(
    engine: Engine, workspace: Workspace, model: Model, content_hashes: Sequence[str], device: str
) -> Iterator[EmbeddedShard]:
    """Yield what workers made of images, in order, whole batches of one process at a time.

    Args:
        engine: What embeds them.
        workspace: Whose pixel cache is read.
        model: Made the vectors.
        content_hashes: Of readable images.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``, of each worker.

    Raises:
        ResourceError: The engine cannot go on.
    """
    folder = f"{_FOLDER}/{model.name}"
    weights = {f"{folder}/{name}": model.folder / name for name in (WEIGHTS, FACTS)}
    task = Task(
        opener="curate.workspace.embedding_shards:open_worker",
        settings={"name": model.name, "weights": model.weights, "device": device},
        files=(*share_files(engine.store, weights), *share_pixels(engine.store, workspace)),
        uses_gpu=device != "cpu",
    )
    n = _SHARD_BATCHES * BATCH_ROWS
    shards = (
        pa.table({"hash": pa.array(content_hashes[start : start + n], pa.string())})
        for start in range(0, len(content_hashes), n)
    )
    for result in engine.map_with_worker(task, shards):
        names = result.items["hash"].to_pylist()
        failed = {names[number]: failure for number, failure in result.failed.items()}
        yield EmbeddedShard(
            names=[name for name in names if name not in failed],
            vectors=_read_vectors(result.rows),
            failed=failed,
        )
    engine.barrier()


def _read_vectors(rows: pa.Table) -> Embedded | None:
    """Return what workers stored, or None where that is nothing."""
    if len(rows) == 0:
        return None
    return Embedded(_as_matrix(rows["embedding"]), _as_matrix(rows["projection"]))


def open_worker(settings: Mapping[str, Any], files: WorkerFiles) -> "_EmbeddingWorker":
    """Return a worker that holds the model.

    Raises:
        CurateError: The model or the device is not there.
    """
    name = settings["name"]
    for file in files.list_names(f"{_FOLDER}/"):
        files.fetch(file)
    model = Model(name, files.folder / _FOLDER / name, settings["weights"])
    return _EmbeddingWorker(files, model, settings["device"])


class _EmbeddingWorker:
    def __init__(self, files: WorkerFiles, model: Model, device: str) -> None:
        self._encoder = encoder_of(model, device)
        self._pixels = open_shared_pixels(files)

    def work(self, items: pa.Table) -> pa.Table:
        """Return the vectors of images."""
        vectors = encode(self._encoder, self._pixels, items["hash"].to_pylist())
        return pa.table(
            {
                "embedding": _as_binary(vectors.embeddings),
                "projection": _as_binary(vectors.projections),
            }
        )


def _as_binary(matrix: Vectors) -> pa.Array:
    """Return each row of a matrix as bytes, float32."""
    rows = np.ascontiguousarray(matrix, np.float32)
    width = rows.shape[1] * rows.itemsize
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(rows), [None, pa.py_buffer(rows.tobytes())]
    )


def _as_matrix(column: pa.ChunkedArray) -> Vectors:
    width = column.type.byte_width // np.dtype(np.float32).itemsize
    raw = b"".join(column.to_pylist())
    return np.frombuffer(raw, np.float32).reshape(len(column), width)

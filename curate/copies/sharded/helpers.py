"""What helps with the search for copies: an engine, and what its workers are to know."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.engine.base import Failure, FailureKind, SharedFile
from curate.engine.shards import Engine
from curate.errors import ResourceError


@dataclass(frozen=True, kw_only=True, slots=True)
class Helpers:
    """An engine that helps with the search among N images.

    Attributes:
        engine: Runs the shards.
        pixels: The pixel cache, as the shared store has it.
        places: N rows, where the file of each image lies: ``source``, ``path``, ``hash`` and the
            columns of `curate.sources.PLACE_SCHEMA`.
    """

    engine: Engine
    pixels: tuple[SharedFile, ...]
    places: pa.Table


def refuse_dead(failure: Failure, *names: str) -> None:
    """Refuse to do here what killed workers elsewhere.

    Args:
        failure: Why there is no result.
        names: Of the images.

    Raises:
        ResourceError: A worker died each time.
    """
    if failure.kind is FailureKind.DIED:
        raise ResourceError(
            f"the comparison of {' and '.join(names)} ends its worker: {failure.reason}",
            hint="give the workers more memory, or leave one of them out with --exclude",
        )


def pack_rows(rows: NDArray[np.generic]) -> pa.Table:
    """Return the rows of an array, structured or of several dimensions, as bytes each."""
    whole = np.ascontiguousarray(rows)
    width = whole.nbytes // max(1, len(whole)) if len(whole) else 1
    column = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(whole), [None, pa.py_buffer(whole.tobytes())]
    )
    return pa.table({"row": column})


def unpack_rows(table: pa.Table, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Return the rows that `pack_rows` made bytes of."""
    raw = b"".join(table["row"].to_pylist()) if len(table) else b""
    return np.frombuffer(raw, dtype)

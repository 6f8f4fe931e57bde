"""What helps with the search for copies: an engine, and what its workers are to know."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.engine.base import SharedFile
from curate.engine.shards import Engine


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

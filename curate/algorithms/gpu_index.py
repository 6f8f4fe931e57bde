"""FAISS indexes on a GPU: where one works and has room for the rows."""

import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TRIAL_SECONDS = 60  # a GPU's first call takes some
_TRIAL = """
import sys, faiss, numpy as np
index = faiss.index_cpu_to_gpu(
    faiss.StandardGpuResources(), int(sys.argv[1]), faiss.IndexFlatIP(4)
)
index.add(np.eye(4, dtype=np.float32))
index.search(np.eye(4, dtype=np.float32), 1)
"""


def fill_on_gpu(index: Any, rows: NDArray[np.float32], device: str) -> Any | None:  # noqa: ANN401
    """Return a copy of an empty index on the GPU that a device names, filled.

    Args:
        index: A FAISS index without rows; it stays so.
        rows: (N, D) float32, in one piece.
        device: ``auto`` and ``cuda`` for the first GPU, ``cuda:N``, or ``cpu``.

    Returns:
        The copy; None where there is no such GPU, FAISS cannot use it or its memory is too small.
    """
    import faiss

    number = int(device.partition(":")[2] or 0)
    if device == "cpu" or number >= faiss.get_num_gpus() or not _is_usable(number):
        return None
    try:
        copy = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), number, index)
        copy.add(rows)
    except RuntimeError:  # so FAISS says that the GPU's memory is full
        return None
    return copy


@cache
def _is_usable(number: int) -> bool:
    """Tell whether FAISS can search on a GPU, tried in a process of its own.

    Where its wheel has no code for a GPU (those before compute capability 7.0; an earlier wheel on
    an H200, where that of 1.15.1 works) FAISS does not raise: it ends the process.
    """
    command = [sys.executable, "-c", _TRIAL, str(number)]
    try:
        trial = subprocess.run(command, capture_output=True, timeout=_TRIAL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0

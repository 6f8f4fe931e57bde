"""Which rows of a manifest are readable, kept and selected: one meaning for all stages.

Each is part of the one before: a selected row is readable, and so is a kept one.
"""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.choices import Status
from curate.errors import InputError
from curate.manifest.rows import Rows


def is_readable(rows: Rows) -> NDArray[np.bool_]:
    """Return which rows have an image that can be used, (N,): their ``status`` is ok."""
    return _has_ok_status(rows.read(["status"]))


def count_reasons(rows: Rows) -> dict[str, int]:
    """Return how many rows cannot be used, by reason, the most frequent first."""
    table = rows.read(["status", "reason"])
    is_lost = pc.not_equal(table["status"], Status.OK.value)
    reasons = Counter(table["reason"].filter(is_lost).to_pylist())
    return {str(reason): count for reason, count in reasons.most_common()}


def is_kept(rows: Rows) -> NDArray[np.bool_]:
    """Return which rows are readable and not dropped as duplicates, (N,).

    A row whose ``keep`` is null was not judged, as after a merge with an older manifest: it is
    kept. So is every readable row where there is no such column.
    """
    if "keep" not in rows.schema.names:
        return is_readable(rows)
    table = rows.read(["status", "keep"])
    return _has_ok_status(table) & _is_true(table["keep"], if_null=True)


def is_selected(rows: Rows) -> NDArray[np.bool_]:
    """Return which rows are readable and drawn by a sample, (N,); those kept if none was drawn.

    A row whose ``selected`` is null was not drawn.
    """
    if "selected" not in rows.schema.names:
        return is_kept(rows)
    table = rows.read(["status", "selected"])
    return _has_ok_status(table) & _is_true(table["selected"], if_null=False)


def read_hashes(rows: Rows, numbers: NDArray[np.int64]) -> list[str]:
    """Return the content hashes of some readable rows.

    Args:
        rows: Of the manifest.
        numbers: (N,) int64, which rows.

    Raises:
        InputError: One is none: a readable image has one in any manifest that curate wrote.
    """
    column = rows.take(["hash"], numbers)["hash"]
    is_sound = pc.fill_null(pc.match_substring_regex(column, "^[0-9a-f]{64}$"), fill_value=False)
    if not pc.all(is_sound, min_count=0).as_py():
        raise InputError(
            "the manifest has readable images without a content hash",
            hint="write it again with `curate cluster` or `curate dedup IMAGES`",
        )
    return list(column.to_pylist())


def _has_ok_status(table: pa.Table) -> NDArray[np.bool_]:
    return np.asarray(pc.equal(table["status"], Status.OK.value).to_numpy(), bool)


def _is_true(column: pa.ChunkedArray, *, if_null: bool) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(column, fill_value=if_null).to_numpy(), bool)

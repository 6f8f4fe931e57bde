"""Blocks of rows, so that a table of rows by columns never takes much memory at once."""

from collections.abc import Iterable

_CELLS = 1 << 24  # 64 MB of float32: enough for full speed of a matrix product


def iterate_blocks(n_rows: int, n_columns: int) -> Iterable[slice]:
    """Return slices of rows, in order, so small that a block has at most 16 million cells.

    Args:
        n_rows: N, >= 0.
        n_columns: Cells of each row, >= 1.
    """
    step = max(1, _CELLS // n_columns)
    return (slice(start, start + step) for start in range(0, n_rows, step))

from itertools import chain

import pytest

from curate.algorithms.blocks import iterate_blocks


@pytest.mark.parametrize(("n_rows", "n_columns"), [(10, 3), (50, 1 << 22), (7, 1 << 25)])
def test_blocks_cover_every_row_once_and_stay_small(n_rows, n_columns):
    rows = [list(range(n_rows))[block] for block in iterate_blocks(n_rows, n_columns)]
    assert list(chain(*rows)) == list(range(n_rows))
    assert all(len(part) == 1 or len(part) * n_columns <= 1 << 24 for part in rows)


def test_no_rows_make_no_blocks():
    assert list(iterate_blocks(0, 5)) == []

import pytest
import torch

from swav_train.data.epoch_order import ORDER, EpochOrder

BLOCK, WINDOW = ORDER.block, ORDER.window


def rows_of(n, *, epoch=0, step=1000):
    order = EpochOrder(n, seed=3, epoch=epoch)
    parts = [order.rows(start, min(start + step, n)) for start in range(0, n, step)]
    return torch.cat(parts)


@pytest.mark.parametrize("n", [1, 63, 64, 1000, WINDOW, WINDOW + 1, 3 * WINDOW + 77])
def test_every_image_comes_once(n):
    assert rows_of(n).sort().values.tolist() == list(range(n))


def test_the_size_of_the_batches_does_not_change_the_order():
    assert torch.equal(rows_of(2 * WINDOW, step=128), rows_of(2 * WINDOW, step=5000))


def test_epochs_differ():
    assert not torch.equal(rows_of(500, epoch=0), rows_of(500, epoch=1))


def test_up_to_a_window_neighbours_in_the_file_are_not_neighbours_in_the_order():
    rows = rows_of(WINDOW)
    assert (rows.diff().abs() < BLOCK).float().mean() < 0.02


def test_beyond_a_window_a_batch_has_images_of_many_blocks():
    batch = rows_of(20 * WINDOW)[:128]
    assert len((batch // BLOCK).unique()) > 90
    assert batch.max() - batch.min() > 15 * WINDOW


def test_what_a_window_reads_lies_in_blocks():
    window = rows_of(20 * WINDOW)[:WINDOW]
    assert len((window // BLOCK).unique()) == WINDOW // BLOCK

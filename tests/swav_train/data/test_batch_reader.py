from contextlib import closing

import numpy as np
import pytest
import torch

from swav_train.data.batch_reader import BatchReader
from swav_train.data.pixel_source import PixelSource

CPU = torch.device("cpu")


def numbered(n):
    """Return images whose pixels are their number."""
    numbers = np.arange(n, dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(numbers, (n, 3, 8, 8)).copy()


def reader(images=None, *, batch_size=10, share=(0, 1), seed=0):
    source = PixelSource(numbered(50) if images is None else images, size=8, aspects=np.ones(50))
    return closing(
        BatchReader(
            source,
            torch.arange(48),
            batch_size=batch_size,
            seed=seed,
            device=CPU,
            draw=lambda aspects, step: aspects + step,
            share=share,
        )
    )


def numbers(batch):
    return batch[0][:, 0, 0, 0].tolist()


def test_an_epoch_has_whole_batches_of_different_images():
    with reader() as batches:
        assert batches.steps_per_epoch == 4
        seen = [n for step in range(4) for n in numbers(batches.read(0, step))]
    assert len(set(seen)) == 40
    assert max(seen) < 48


def test_a_run_that_goes_on_reads_what_it_would_have_read():
    with reader() as batches:
        whole = [numbers(batches.read(epoch, step)) for epoch in range(2) for step in range(4)]
    with reader() as batches:
        assert numbers(batches.read(1, 2)) == whole[6]
        assert numbers(batches.read(1, 3)) == whole[7]


def test_what_is_drawn_for_a_step_follows_from_its_number():
    with reader() as batches:
        assert batches.read(0, 3)[1].tolist() == [4.0] * 10
        assert batches.read(1, 0)[1].tolist() == [5.0] * 10


def test_processes_share_a_batch():
    with reader() as alone, reader(share=(0, 2)) as first, reader(share=(1, 2)) as second:
        joint = numbers(first.read(0, 0)) + numbers(second.read(0, 0))
        assert joint == numbers(alone.read(0, 0))


def test_a_mapped_file_gives_the_batches_of_an_array(tmp_path):
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (50, 3, 8, 8))
    mapped[:] = numbered(50)
    with reader(mapped) as one, reader() as other:
        for step in range(4):
            assert numbers(one.read(0, step)) == numbers(other.read(0, step))


def test_an_image_that_cannot_be_read_is_told_when_its_batch_is_asked_for():
    class Broken(list):
        def __getitem__(self, index):
            if index == 0:
                return np.zeros((3, 8, 8), np.uint8)
            raise OSError("disk gone")

    with reader(Broken(range(50))) as batches, pytest.raises(OSError, match="disk gone"):
        batches.read(0, 0)

import pytest

from swav_train.run.finalize import FinalizeParams, choose_n_sample, estimate_seconds


def test_large_images_are_described_in_smaller_batches():
    sizes = [FinalizeParams().batch_size(side) for side in (48, 96, 192, 1000)]
    assert sizes == [256, 256, 64, 32]


@pytest.mark.parametrize(
    ("budget_seconds", "seconds_per_image", "n_sample"),
    [(None, 9.9, 4096), (100.0, 0.01, 1000), (100.0, 1.0, 512), (100.0, 0.0, 4096)],
)
def test_describing_takes_a_tenth_of_a_budget(budget_seconds, seconds_per_image, n_sample):
    assert n_sample == choose_n_sample(
        10_000, budget_seconds=budget_seconds, seconds_per_image=seconds_per_image
    )


def test_the_estimate_counts_batch_statistics_half():
    assert estimate_seconds(2000, seconds_per_image=0.01) == pytest.approx(3 + 20 + 5.12)

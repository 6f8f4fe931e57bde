import pytest
import torch

from swav_train.data.pixel_source import PixelSource
from swav_train.run.finalize import (
    FINALIZE,
    FinalizeParams,
    FinishPlan,
    finalize,
    plan_finish,
)
from swav_train.run.state import build_published, new_state
from tests.swav_train.swav_samples import SHORT, noise_images

CPU = torch.device("cpu")


def plan(n_images=10_000, n_prototypes=300, *, budget_seconds=None, seconds_per_image=0.01):
    return plan_finish(
        n_images,
        n_prototypes,
        budget_seconds=budget_seconds,
        seconds_per_image=seconds_per_image,
    )


def test_large_images_are_described_in_smaller_batches():
    sizes = [FinalizeParams().batch_size(side) for side in (48, 96, 192, 1000)]
    assert sizes == [256, 256, 64, 32]


@pytest.mark.parametrize(
    ("budget_seconds", "seconds_per_image", "n_sample"),
    [
        (None, 9.9, 4096),
        (100.0, 0.01, 1000),
        (100.0, 0.05, 512),
        (100.0, 0.1, 300),
        (100.0, 100.0, 64),
        (100.0, 0.0, 4096),
    ],
)
def test_describing_takes_a_tenth_of_a_budget_or_a_little_more(
    budget_seconds, seconds_per_image, n_sample
):
    planned = plan(budget_seconds=budget_seconds, seconds_per_image=seconds_per_image)
    assert planned.n_sample == n_sample


@pytest.mark.parametrize("n_images", [10_000, 29_127, 100_000, 1_000_000, 3_000_000])
def test_prototypes_have_images_enough_to_settle_however_many_they_are(n_images):
    n_prototypes = min(3000, round(3 * n_images**0.5))
    assert plan(n_images, n_prototypes).n_sample >= 8 * n_prototypes


def test_the_work_after_the_last_step_is_foreseen():
    planned = plan(2000, budget_seconds=1000.0, seconds_per_image=0.01)
    assert planned.seconds == pytest.approx(20 + 5.12 + 50 + FINALIZE.fixed_seconds)
    assert plan(2000).seconds == 0


@pytest.mark.parametrize("spoils_training", [True, False])
def test_the_features_that_tell_images_apart_are_kept(spoils_training):
    state = new_state(SHORT, CPU)
    published = build_published(SHORT, new_state(SHORT, CPU).model.backbone.state_dict(), CPU)
    spoilt, good = (
        (state.model.backbone, published) if spoils_training else (published, state.model.backbone)
    )
    with torch.no_grad():
        for parameter in spoilt.parameters():
            parameter.zero_()
    state.average.clear()
    source = PixelSource(noise_images(60), size=16)
    made = finalize(state, source, FinishPlan(n_sample=60), published=published)
    assert made.encoder.backbone is good
    assert made.comparison.keeps_published == spoils_training

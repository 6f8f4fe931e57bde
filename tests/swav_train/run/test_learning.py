"""The method learns something from real photographs in half a minute."""

import pytest
import torch

from swav_train.data.pixel_source import PixelSource
from swav_train.defaults import derive_config
from swav_train.method.multicrop import squash
from swav_train.networks.encoder import Encoder, load_encoder
from swav_train.run.finalize import FinishPlan, finalize
from swav_train.run.state import new_state
from swav_train.run.train import train


def nearest_neighbour_accuracy(embeddings, labels, k=5):
    """Leave-one-out: the share of images whose k nearest mostly have their label."""
    similarity = embeddings @ embeddings.t()
    similarity.fill_diagonal_(-2)
    votes = torch.from_numpy(labels)[similarity.topk(k).indices].mode(dim=1).values
    return (votes == torch.from_numpy(labels)).float().mean().item()


@pytest.mark.slow
def test_thirty_epochs_on_real_images_beat_the_untrained_network(pieces, tmp_path):
    images, labels = pieces
    config = derive_config(
        n_images=len(images),
        side_px=32,
        device="cpu",
        n_cores=1,
        budget_seconds=None,
        overrides={"epochs": 30, "n_prototypes": 30, "learning_rate": 0.005},
    )
    state = new_state(config, torch.device("cpu"))
    made = finalize(state, PixelSource(images, size=32), FinishPlan(n_sample=450))
    untrained = Encoder(made.encoder, config=config, device=torch.device("cpu"))
    result = train(images, config, tmp_path)
    trained = load_encoder(tmp_path, device="cpu")
    whole = squash(torch.from_numpy(images), config.image_size)
    accuracies = [
        nearest_neighbour_accuracy(encoder.encode(whole).embeddings, labels)
        for encoder in (untrained, trained)
    ]
    assert result.metrics.loss_ratio < 0.9
    assert result.metrics.usage_entropy > 0.9
    assert accuracies[1] > accuracies[0]

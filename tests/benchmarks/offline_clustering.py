"""Clustering between epochs instead of codes within a batch, to compare with: DeepCluster.

Written from the paper (Caron et al. 2018, arXiv:1807.05520): before each epoch the features of all
images are whitened and grouped by k-means; the epoch classifies random views by these
pseudo-labels, with a fresh last layer. Backbone, views, optimiser and time are those of ours.
"""

import time

import faiss
import torch
from torch import nn
from torch.nn import functional

from swav_train.data.pixel_source import PixelSource
from swav_train.data.seeds import make_generator
from swav_train.method.multicrop import MultiCrop, normalise, squash
from swav_train.networks.backbone import build_backbone, count_features
from swav_train.run.schedule import warmup_cosine

BATCH = 256
PCA_DIM = 128


@torch.no_grad()
def whole_features(network, source, size):
    """Return the pooled features of whole images, (N, F) float32."""
    network.eval()
    parts = []
    for part in torch.arange(len(source)).split(BATCH):
        images = normalise(squash(source.read(part), size))
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(network(images.contiguous(memory_format=torch.channels_last)).float())
    network.train()
    return torch.cat(parts)


def pseudo_labels(features, n_groups, seed):
    """Return the group of each image by k-means on whitened unit features."""
    dim = min(PCA_DIM, features.shape[1])
    pca = faiss.PCAMatrix(features.shape[1], dim, -0.5)
    array = features.numpy()
    pca.train(array)
    white = functional.normalize(torch.from_numpy(pca.apply(array)), dim=1).numpy()
    kmeans = faiss.Kmeans(dim, n_groups, niter=20, seed=seed, verbose=False)
    kmeans.train(white)
    return torch.from_numpy(kmeans.index.search(white, 1)[1][:, 0])


def train_offline(pixels, aspects, config, seconds):
    """Return a backbone trained for ``seconds``, and the epochs made.

    Args:
        pixels: (N, 3, S, S) uint8.
        aspects: (N,) width / height.
        config: Its backbone, views, batch, number of prototypes and optimiser settings are used.
        seconds: Wall time, k-means included.
    """
    torch.manual_seed(config.seed)
    network = build_backbone(config.backbone, config.stem).to(memory_format=torch.channels_last)
    n_features = count_features(network, config.crops[0].size)
    source = PixelSource(pixels, size=config.cache_size, aspects=aspects)
    views = MultiCrop(config, precision=torch.bfloat16)
    began, epoch, step = time.monotonic(), 0, 0

    def progress():
        return (time.monotonic() - began) / seconds

    body = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    while progress() < 1:
        labels = pseudo_labels(
            whole_features(network, source, config.image_size), config.n_prototypes, epoch
        )
        share = 1 / torch.bincount(labels, minlength=config.n_prototypes).clamp_min(1)
        order = torch.multinomial(
            share[labels], len(labels), replacement=True, generator=make_generator("deep", epoch)
        )
        head = nn.Linear(n_features, config.n_prototypes)
        top = torch.optim.AdamW(head.parameters(), lr=config.learning_rate, fused=True)
        for indices in order.split(config.batch_size):
            if len(indices) < config.batch_size // 2 or progress() >= 1:
                break
            crops = views(
                source.read(indices), source.aspects[indices], make_generator("views", step)
            )
            with torch.autocast("cpu", torch.bfloat16):
                scores = head(network(torch.cat(crops)))
            loss = functional.cross_entropy(scores.float(), labels[indices].repeat(len(crops)))
            factor = warmup_cosine(min(progress(), 1.0), warmup=config.warmup)
            for optimizer in (body, top):
                optimizer.zero_grad(set_to_none=True)
                optimizer.param_groups[0]["lr"] = config.learning_rate * factor
            loss.backward()
            body.step()
            top.step()
            step += 1
        epoch += 1
    return network, epoch

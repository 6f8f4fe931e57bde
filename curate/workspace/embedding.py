"""Features: the vectors of a trained model, made for the images that lack them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.progress import Progress, task
from curate.workspace.embedding_store import Embedded, EmbeddingStore, Vectors
from curate.workspace.models import Model, encoder_of
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.workspace import Workspace

SHARD_ROWS = 16_384
BATCH_ROWS = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedding:
    """What making the missing vectors came to.

    Attributes:
        model: The model used.
        store: Where the vectors are.
        n_embedded: Images that had no vector before.
        seconds: Time it took.
    """

    model: Model
    store: EmbeddingStore
    n_embedded: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        """Rate; 0 if there was nothing to do."""
        return self.n_embedded / self.seconds if self.n_embedded else 0.0


def embed_missing(
    workspace: Workspace,
    model: Model,
    content_hashes: Sequence[str],
    *,
    device: str,
    progress: Progress,
) -> Embedding:
    """Embed the images that the model has no whole vectors of; the caller holds the lock.

    Raises:
        ResourceError: The device is not there, or the disk is full.
    """
    store = open_store(workspace, model)
    store.begin(progress)
    missing = store.missing(content_hashes)
    start = time.perf_counter()
    if missing:
        encoder = encoder_of(model, device)
        cache = open_pixels(workspace, progress)
        with task(progress, "embed", len(missing)):
            for first in range(0, len(missing), SHARD_ROWS):
                shard = missing[first : first + SHARD_ROWS]
                store.append(shard, _encode(encoder, cache, shard, progress))
    seconds = time.perf_counter() - start
    return Embedding(model=model, store=store, n_embedded=len(missing), seconds=seconds)


def open_store(workspace: Workspace, model: Model) -> EmbeddingStore:
    """Return where the vectors of a model are."""
    return EmbeddingStore(workspace.embeddings(model.name), model.weights)


def open_named_store(workspace: Workspace, identity: str) -> EmbeddingStore:
    """Return where the vectors of a model are that a manifest names.

    Args:
        workspace: Where they are.
        identity: Name and weights of the model, as in the manifest's footer.
    """
    name, _, weights = identity.partition("@")
    return EmbeddingStore(workspace.embeddings(name), weights)


def _encode(
    encoder: Any,  # noqa: ANN401
    cache: PixelCache,
    content_hashes: Sequence[str],
    progress: Progress,
) -> Embedded:
    parts = []
    batches = cache.square_batches(content_hashes, encoder.image_size, batch_size=BATCH_ROWS)
    for batch in batches:
        parts.append(encoder.encode(batch))
        progress.advance(len(batch))
    return Embedded(
        np.concatenate([_array(part.embeddings) for part in parts]),
        np.concatenate([_array(part.projections) for part in parts]),
    )


def _array(values: Any) -> Vectors:  # noqa: ANN401
    return np.asarray(values, np.float32)

"""Encoding: cached pixels through an encoder, batch by batch; the same here and on any node."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from curate.workspace.embedding_store import Embedded, Vectors
from curate.workspace.pixel_cache import PixelCache

BATCH_ROWS = 256


def encode(
    encoder: Any,  # noqa: ANN401 - torch is imported late
    cache: PixelCache,
    content_hashes: Sequence[str],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Embedded:
    """Return the vectors of images, in order.

    Args:
        encoder: Of a model.
        cache: Has their pixels.
        content_hashes: Of N images, at least one.
        on_progress: Hears how many more are done.
    """
    parts = []
    batches = cache.square_batches(content_hashes, encoder.image_size, batch_size=BATCH_ROWS)
    for batch in batches:
        parts.append(encoder.encode(batch))
        if on_progress is not None:
            on_progress(len(batch))
    return Embedded(
        np.concatenate([_array(part.embeddings) for part in parts]),
        np.concatenate([_array(part.projections) for part in parts]),
    )


def _array(values: Any) -> Vectors:  # noqa: ANN401
    return np.asarray(values, np.float32)

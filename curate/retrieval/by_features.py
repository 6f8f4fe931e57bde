"""Search by the features of a trained model: what is alike in content."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curate.algorithms.neighbors import search as nearest_rows
from curate.images.decode import Pixels
from curate.images.resize import squash_to_square
from curate.manifest.text_column import TextColumn
from curate.progress import Progress
from curate.retrieval.catalogue_images import read_distinct_images
from curate.retrieval.query_images import Query
from curate.retrieval.results import Found, Hits
from curate.workspace.embedding import embed_missing, open_store
from curate.workspace.embedding_store import Vectors
from curate.workspace.models import Model, encoder_of, find_model
from curate.workspace.workspace import Workspace


class ByFeatures:
    """Finds the images whose features are nearest to those of query images.

    Attributes:
        model: Name and weights of the model.
        threshold: None: the nearest count, however far they are.
        n_searched: Different images searched.
    """

    def __init__(
        self, space: Workspace, *, model: str | None, device: str, progress: Progress
    ) -> None:
        """Load the vectors of all images of a workspace; those that lack are made, under the lock.

        Args:
            space: The workspace.
            model: Its name; None takes ``default`` or the only one.
            device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
            progress: Hears how it gets on.

        Raises:
            InputError: The workspace has no images or no model.
            UsageError: There are several models and none is named, or none of this name.
            ResourceError: Vectors lack and the lock is held, or the device is not there.
        """
        self._model: Model = find_model(space, model)
        self._device = device
        table = read_distinct_images(space, ["source", "path", "hash", "status"])
        hashes = TextColumn(table["hash"])
        store = open_store(space, self._model)
        if store.missing(hashes):
            with space.writing(progress):
                embed_missing(space, self._model, hashes, device=device, progress=progress)
        self._vectors = store.load(hashes).embeddings
        self._places = table.select(["source", "path", "hash"])
        self._hashes = hashes
        self.model: str | None = self._model.identity
        self.threshold: float | None = None
        self.n_searched = len(hashes)

    def find(self, queries: Sequence[Query], k: int) -> list[Hits]:
        """Return the nearest images of each query; one of the workspace does not find itself.

        Args:
            queries: Q query images.
            k: Images found for each at most.
        """
        if not queries:
            return []
        n_nearest = min(k + 1, self.n_searched)  # one more, in case a query finds itself
        similarity, rows = nearest_rows(
            self._vectors, self._embed(queries), n_nearest, device=self._device
        )
        hits = []
        for query, nearest, cosines in zip(queries, rows, similarity, strict=True):
            places = self._places.take(pa.array(nearest)).to_pylist()
            kept = [
                (place, float(cosine))
                for place, cosine in zip(places, cosines, strict=True)
                if not (query.image is not None and place["hash"] == query.content_hash)
            ][:k]
            images = [
                Found(path=f"{place['source']}/{place['path']}", similarity=round(cosine, 4))
                for place, cosine in kept
            ]
            hits.append(Hits(found=images, content_hashes=[place["hash"] for place, _ in kept]))
        return hits

    def _embed(self, queries: Sequence[Query]) -> Vectors:
        """Return the vectors of queries, (Q, D); of images of the workspace those it has."""
        rows = self._hashes.find(query.content_hash for query in queries)
        unknown = [query.pixels for query, row in zip(queries, rows, strict=True) if row < 0]
        encoded = iter(self._encode(unknown))
        return np.stack([self._vectors[row] if row >= 0 else next(encoded) for row in rows])

    def _encode(self, images: list[Pixels]) -> Vectors:
        """Return the embeddings of images, (N, D); without images no network is loaded."""
        if not images:
            return np.empty((0, 0), np.float32)
        encoder = encoder_of(self._model, self._device)
        squares = [
            squash_to_square(pixels, encoder.image_size).transpose(2, 0, 1) for pixels in images
        ]
        return np.asarray(encoder.encode(np.stack(squares)).embeddings, np.float32)

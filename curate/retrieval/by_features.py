"""Looking by the features of a trained model: what is alike in content."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curate.algorithms.neighbors import search as nearest_rows
from curate.images.decode import Pixels
from curate.images.resize import squashed
from curate.progress import Progress
from curate.retrieval.catalogue_images import distinct_images
from curate.retrieval.query_images import Picture
from curate.retrieval.results import Found, Hits
from curate.workspace.embedding import embed_missing
from curate.workspace.embedding_store import Vectors
from curate.workspace.models import Model, encoder_of, find_model
from curate.workspace.workspace import Workspace


class ByFeatures:
    """Finds the images whose features are nearest to those of pictures.

    Attributes:
        model: Name and weights of the model.
        threshold: None: the nearest count, however far they are.
        n_searched: Different images searched.
    """

    def __init__(
        self, space: Workspace, *, model: str | None, device: str, progress: Progress
    ) -> None:
        """Load the vectors of all images of a workspace; those that lack are made.

        Raises:
            InputError: The workspace has no images or no model.
            UsageError: There are several models and none is named, or none of this name.
            ResourceError: The lock is held, or the device is not there.
        """
        self._model: Model = find_model(space, model)
        self._device = device
        table = distinct_images(space, ["source", "path", "hash", "status"])
        hashes = table["hash"].to_pylist()
        with space.writing():
            done = embed_missing(space, self._model, hashes, device=device, progress=progress)
        self._vectors = done.store.load(hashes).embeddings
        self._places = table.select(["source", "path", "hash"])
        self._row_of = {content: row for row, content in enumerate(hashes)}
        self.model: str | None = self._model.identity
        self.threshold: float | None = None
        self.n_searched = len(hashes)

    def hits(self, pictures: Sequence[Picture], k: int) -> list[Hits]:
        """Return the ``k`` nearest images of each picture; one of the workspace not itself."""
        if not pictures:
            return []
        n_wanted = min(k + 1, self.n_searched)  # one more, in case a picture finds itself
        similarity, rows = nearest_rows(self._vectors, self._asked(pictures), n_wanted)
        found = []
        for picture, own, cosines in zip(pictures, rows, similarity, strict=True):
            near = self._places.take(pa.array(own)).to_pylist()
            kept = [
                (one, float(cosine))
                for one, cosine in zip(near, cosines, strict=True)
                if not (picture.is_own and one["hash"] == picture.content)
            ][:k]
            images = [
                Found(path=f"{one['source']}/{one['path']}", similarity=round(cosine, 4))
                for one, cosine in kept
            ]
            found.append(Hits(found=images, contents=[one["hash"] for one, _ in kept]))
        return found

    def _asked(self, pictures: Sequence[Picture]) -> Vectors:
        """Return the vectors of pictures, (Q, D); of images of the workspace those it has."""
        rows = [self._row_of.get(one.content, -1) for one in pictures]
        strange = [one.pixels for one, row in zip(pictures, rows, strict=True) if row < 0]
        encoded = iter(self._encoded(strange))
        return np.stack([self._vectors[row] if row >= 0 else next(encoded) for row in rows])

    def _encoded(self, pictures: list[Pixels]) -> Vectors:
        """Return the embeddings of pictures, (N, D); without pictures no network is loaded."""
        if not pictures:
            return np.empty((0, 0), np.float32)
        encoder = encoder_of(self._model, self._device)
        squares = [squashed(pixels, encoder.image_size).transpose(2, 0, 1) for pixels in pictures]
        return np.asarray(encoder.encode(np.stack(squares)).embeddings, np.float32)

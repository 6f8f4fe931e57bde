"""Approximate nearest neighbours among many descriptors or hashes, by FAISS."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curate.files import Utf8Name, replacing

if TYPE_CHECKING:
    import faiss

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class DescriptorIndexParams:
    """How descriptors are indexed.

    Copies found are measured by ``tests/benchmarks/dedup_candidates.py``, time by
    ``dedup_scale.py`` there. Who changes one raises ``CACHE_VERSION``.

    Attributes:
        n_probes: Inverted lists read per query; more found no more copies.
        lists_per_root: Lists per square root of the number of vectors; balances the work of
            choosing lists and of reading them.
        n_training: Vectors per list that take part in the clustering.
        n_rounds: Rounds of the clustering.
    """

    n_probes: int = 3
    lists_per_root: int = 3
    n_training: int = 32
    n_rounds: int = 6


INDEX_PARAMS = DescriptorIndexParams()


def find_principal_axes(sample: Floats, n_axes: int) -> tuple[Floats, Floats]:
    """Return the mean of the rows and their ``n_axes`` directions of largest variance.

    Args:
        sample: (n, D) float32.
        n_axes: Directions wanted, in [1, D].

    Returns:
        (D,) float32 mean and (D, n_axes) float32 orthonormal columns.
    """
    mean = sample.mean(axis=0)
    centred = (sample - mean).astype(np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return mean, np.ascontiguousarray(vectors[:, ::-1][:, :n_axes], np.float32)


def count_lists(n_vectors: int) -> int:
    """Return the number of inverted lists for so many vectors."""
    return max(1, int(INDEX_PARAMS.lists_per_root * np.sqrt(n_vectors)))


def select_training_rows(n_vectors: int) -> NDArray[np.int64]:
    """Return the rows, evenly spread, that suffice to train the lists for so many vectors."""
    step = max(1, n_vectors // (INDEX_PARAMS.n_training * count_lists(n_vectors)))
    return np.arange(0, n_vectors, step)


class DescriptorIndex:
    """Inverted lists of compressed descriptors: 8 bits per dimension, k-means cells.

    The number of lists grows with the square root of the number of vectors, so the work of a
    query does too.
    """

    def __init__(self, index: "faiss.IndexIVF") -> None:
        """Take lists that are trained."""
        self._index = index
        index.nprobe = min(INDEX_PARAMS.n_probes, index.nlist)

    @classmethod
    def train(cls, sample: Floats, n_vectors: int, *, seed: int) -> "DescriptorIndex":
        """Return lists without vectors.

        Args:
            sample: (m, D) float32, m >= 1, vectors that show how the lists should lie.
            n_vectors: How many are going to be added.
            seed: Seed of the clustering.
        """
        import faiss

        dimensions = sample.shape[1]
        lists = min(count_lists(n_vectors), len(sample))
        coarse = faiss.IndexFlatL2(dimensions)
        index = faiss.IndexIVFScalarQuantizer(
            coarse, dimensions, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2
        )
        index.cp.niter = INDEX_PARAMS.n_rounds
        index.cp.seed = seed + 1
        index.cp.min_points_per_centroid = 1
        index.train(sample)
        return cls(index)

    @classmethod
    def read(cls, path: Path) -> "DescriptorIndex | None":
        """Return the lists in a file, or None if it is not there or damaged."""
        import faiss

        try:
            name = Utf8Name(path)
            index = faiss.read_index(str(name))
        except RuntimeError:  # what FAISS says of every file that it cannot use
            return None
        return cls(index) if isinstance(index, faiss.IndexIVF) else None

    def write(self, path: Path) -> None:
        """Write the lists into a file, whole or not at all."""
        import faiss

        with replacing(path) as scratch:
            name = Utf8Name(scratch)
            faiss.write_index(self._index, str(name))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: Floats) -> None:
        """Add (n, D) float32 vectors; ids go on from those before."""
        self._index.add(vectors)

    def search(self, queries: Floats, n_neighbors: int) -> tuple[Floats, NDArray[np.int64]]:
        """Return squared distances and ids, (q, n_neighbors) each; id -1 where there is none."""
        distances, ids = self._index.search(queries, n_neighbors)
        return distances, ids


class HashIndex:
    """Hashes by what their bits are in places: multi-index hashing (Norouzi et al. 2012).

    Four tables keyed by 16 bits each, read also at the keys one bit away: every pair that differs
    in at most 7 bits is seen. Among more hashes than half of these keys the lists grow as long as
    the collection is large; then three tables of 21 bits see every pair of at most 5 bits, and of
    made pairs 19 in 20 of 6 and 3 in 4 of 8 (a sixth of the time among 400,000).
    """

    _MOST_IN_SHORT_TABLES = 1 << 15

    def __init__(self, stored: NDArray[np.uint64]) -> None:
        """Index hashes.

        Args:
            stored: (n,) uint64, without repeats: equal hashes would share one overfull list.
        """
        import faiss

        n_tables, n_bits = (4, 16) if len(stored) <= self._MOST_IN_SHORT_TABLES else (3, 21)
        self._index = faiss.IndexBinaryMultiHash(64, n_tables, n_bits)
        self._index.nflip = 1
        if len(stored):
            self._index.add(_as_octets(stored))

    def find_near(
        self, queries: NDArray[np.uint64], *, radius: int, n_neighbors: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return pairs of a query and a stored hash that differ in few bits.

        Args:
            queries: (q,) uint64.
            radius: Most bits that may differ, in [0, 64].
            n_neighbors: Nearest stored hashes kept per query.

        Returns:
            Row of the query and row of the stored hash, (m,) int64 each, by query.
        """
        n_stored = int(self._index.ntotal)
        if n_stored == 0 or len(queries) == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        distances, ids = self._index.search(_as_octets(queries), min(n_neighbors, n_stored))
        near = (ids >= 0) & (distances <= radius)
        query, _ = np.nonzero(near)
        return query.astype(np.int64), ids[near].astype(np.int64)


def _as_octets(hashes: NDArray[np.uint64]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(hashes).view(np.uint8).reshape(-1, 8)

"""Dedup from images to copies: the ladder of evidence, the groups, what stays and why."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.choices import Level
from curate.copies.cache.evidence_store import Memory
from curate.copies.cache.last_run import Finished
from curate.copies.cache.pixel_digests import Seals
from curate.copies.cache.version import open_cache
from curate.copies.config import DedupConfig
from curate.copies.grouping import Links, grouped
from curate.copies.keep_policy import Qualities, order_of_preference, reasons
from curate.copies.placement import all_pairs, pairs_of, plain_pairs, shared_scene
from curate.copies.records import Copies, Images, Pairs, PixelReader, Vectors
from curate.copies.rungs.exact import protected, same_bytes, same_pixels
from curate.copies.rungs.near import NearCopies
from curate.copies.rungs.semantic import alike, centrality, likely_pairs, neighbors_of
from curate.progress import Progress, Silent

__all__ = ["Copies", "Images", "Pairs", "PixelReader", "Vectors", "find_copies"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_CANDIDATE_COSINE = 0.8  # of embeddings, to be worth laying over each other


def find_copies(
    images: Images,
    pixels: PixelReader,
    config: DedupConfig,
    *,
    vectors: Vectors | None = None,
    memory: Path | None = None,
    on_progress: Progress | None = None,
) -> Copies:
    """Return which images are copies of which, what stays and why the others go.

    The result depends on the images, the config and nothing else: neither on the order of the
    files nor on the number of threads.

    Args:
        images: The readable images of the folder.
        pixels: Where their pixels come from.
        config: What to look for.
        vectors: Embeddings of all images, a further source of candidates; the rung ``semantic``
            cannot do without.
        memory: Folder of what earlier searches found out, to be used and added to; the caller is
            its only writer. None forgets everything.
        on_progress: Hears how it gets on.

    Raises:
        ValueError: The rung ``semantic`` is asked for without vectors, or there are more or fewer
            vectors than images.
    """
    if config.level is Level.SEMANTIC and vectors is None:
        raise ValueError("the rung `semantic` needs vectors")
    if vectors is not None and len(vectors.embeddings) != len(images):
        raise ValueError(f"{len(vectors.embeddings)} vectors for {len(images)} images")
    with one_thread_an_image(), _folder_of(memory) as folder:
        search = _Search(images, pixels, config, memory=folder, progress=on_progress or Silent())
        return search.run(vectors)


@contextmanager
def one_thread_an_image() -> Iterator[None]:
    """Have OpenCV work in one thread: the work is spread over images, not within one."""
    n_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(n_threads)


@contextmanager
def _folder_of(memory: Path | None) -> Iterator[Path]:
    """Give the folder, or one that goes when it is left."""
    if memory is not None:
        yield open_cache(memory)
        return
    with TemporaryDirectory(prefix="curate-") as scratch:
        yield Path(scratch)


class _Search:
    """One run of the ladder, rung by rung."""

    def __init__(
        self,
        images: Images,
        pixels: PixelReader,
        config: DedupConfig,
        *,
        memory: Path,
        progress: Progress,
    ) -> None:
        self._images, self._pixels = images, pixels
        self._config, self._folder, self._progress = config, memory, progress
        self._is_protected = protected(images.path, config.protect)
        self._centrality: NDArray[np.float32] | None = None

    def run(self, vectors: Vectors | None) -> Copies:
        if vectors is not None:
            self._centrality = centrality(vectors)
        level, n = self._config.level, len(self._images)
        exact = self._exact()
        near = None
        if level.rank >= Level.NEAR.rank:
            near = self._near(exact, vectors)
        contained = np.zeros(n) if near is None else near.contained
        rank = self._rank(contained)
        label = exact.slot if near is None else near.label
        kept = _best_of(label, rank)
        similarity = np.ones(n)
        if near is not None:
            same = exact.twin == exact.twin[kept]
            similarity = np.where(same, 1.0, near.similarity)
        match = exact.rungs(kept)
        alike_pairs = None
        if level is Level.SEMANTIC and vectors is not None:
            alike_pairs = self._semantic(kept, similarity, match, vectors, rank)
        columns = _Columns(kept=kept, similarity=similarity, match=match)
        return self._copies(exact, near, columns, contained, alike_pairs)

    def _exact(self) -> "_Exact":
        by_bytes = same_bytes(self._images)
        if self._config.level is Level.BYTES:
            return _Exact.of(by_bytes, by_bytes)
        heads = np.unique(by_bytes)
        seals = Seals(self._folder / "seals.npz")
        twins = same_pixels(self._images, self._pixels, heads, seals=seals)
        return _Exact.of(by_bytes, twins[np.searchsorted(heads, by_bytes)])

    def _near(self, exact: "_Exact", vectors: Vectors | None) -> "_Near":
        # in the order of the contents: what a pair shows must not depend on names
        names = [self._images.content_hash[row] for row in exact.heads.tolist()]
        order = np.argsort(np.array(names), kind="stable")
        heads, slot = exact.heads[order], np.argsort(order)[exact.slot]
        near = NearCopies(
            self._images,
            heads,
            self._pixels,
            self._config,
            memory=Memory(self._folder),
            progress=self._progress,
        )
        extra = None
        if vectors is not None:
            a, b = likely_pairs(vectors, exact.heads, least=_CANDIDATE_COSINE)
            place = np.empty(len(self._images), np.int64)
            place[heads] = np.arange(len(heads))
            extra = (place[a], place[b])
        verified = near.verified(extra)
        if vectors is None:
            Finished.of(
                self._images.content_hash,
                exact.twin,
                judge=verified.judge,
                probability=verified.probability,
                seed=self._config.seed,
            ).write(self._folder)
        contained = np.zeros(len(heads))

        def preferred(links: Links) -> Ints:
            in_second, in_first = shared_scene(links.findings, near.shapes)
            np.add.at(contained, links.findings.b, in_second)
            np.add.at(contained, links.findings.a, in_first)
            best = np.full(len(heads), len(self._images), np.int64)
            np.minimum.at(best, slot, self._rank(contained[slot]))
            return best

        groups = grouped(near, verified, len(heads), preferred)
        sizes = np.stack([self._images.height[heads], self._images.width[heads]], axis=1)
        return _Near(
            label=groups.group[slot],
            similarity=groups.similarity[slot],
            contained=contained[slot],
            pairs=pairs_of(groups.links, near.shapes, sizes, heads),
            threshold=verified.threshold,
            notes=verified.notes,
        )

    def _qualities(self, contained: Floats) -> Qualities:
        images = self._images
        return Qualities(
            path=images.path,
            width=images.width,
            height=images.height,
            bytes=images.bytes,
            format=images.format,
            sharpness=images.sharpness,
            mtime_ns=images.mtime_ns,
            contained=contained,
            protected=self._is_protected,
            centrality=self._centrality,
        )

    def _rank(self, contained: Floats) -> Ints:
        """Return the place of each image in the order of preference, (N,) int64."""
        order = order_of_preference(self._qualities(contained), self._config.keep)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return rank

    def _semantic(
        self, kept: Ints, similarity: Floats, match: Ints, vectors: Vectors, rank: Ints
    ) -> Pairs:
        """Let images go that are alike to another; change the columns in place."""
        n, config = len(kept), self._config
        heads = np.nonzero((kept == np.arange(n)) & ~self._is_protected)[0]
        keepers = np.nonzero(kept == np.arange(n))[0]
        a, b, cosine = neighbors_of(vectors, keepers, least=config.semantic_similarity)
        free = np.isin(np.where(rank[a] < rank[b], b, a), heads)
        a, b, cosine = a[free], b[free], cosine[free]
        went = alike(a, b, cosine, rank, most=int(config.max_removed * n))
        target = np.arange(n)
        for other, (keeper, _) in went.items():
            target[other] = keeper
        moved = target[kept] != kept
        kept[moved] = target[kept[moved]]
        close = np.einsum("nd,nd->n", vectors.embeddings[moved], vectors.embeddings[kept[moved]])
        similarity[moved] = np.clip(close, 0, 1)
        match[moved] = Level.SEMANTIC.rank
        return plain_pairs(a, b, Level.SEMANTIC, cosine)

    def _copies(
        self,
        exact: "_Exact",
        near: "_Near | None",
        columns: "_Columns",
        contained: Floats,
        alike_pairs: Pairs | None,
    ) -> Copies:
        n = len(self._images)
        kept = columns.kept
        stays = (kept == np.arange(n)) | self._is_protected
        goes = np.nonzero(~stays)[0]
        why: list[str | None] = [None] * n
        told = reasons(self._qualities(contained), self._config.keep, goes, kept[goes])
        for row, reason in zip(goes.tolist(), told, strict=True):
            why[row] = reason
        parts = [exact.pairs(), near.pairs if near else None, alike_pairs]
        ladder = list(Level)
        return Copies(
            group=_numbered(kept),
            match=[
                None if is_kept else str(ladder[rung - 1])
                for is_kept, rung in zip(
                    (kept == np.arange(n)).tolist(), columns.match.tolist(), strict=True
                )
            ],
            duplicate_of=np.where(stays, -1, kept),
            similarity=np.where(stays, np.nan, columns.similarity).astype(np.float32),
            keep=stays,
            reason=why,
            pairs=all_pairs([part for part in parts if part is not None]),
            threshold=near.threshold if near else 1.0,
            notes=near.notes if near else [],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    """What is said of each image: whom it stands behind, how surely, on what evidence."""

    kept: Ints
    similarity: Floats
    match: Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class _Exact:
    """The upper rungs.

    Attributes:
        bytes: (N,) first image with the same bytes.
        twin: (N,) first image with the same pixels.
        heads: (R,) images that are the first of their pixels, rising.
        slot: (N,) place of each one's twin in ``heads``.
    """

    bytes: Ints
    twin: Ints
    heads: Ints
    slot: Ints

    @classmethod
    def of(cls, by_bytes: Ints, by_pixels: Ints) -> "_Exact":
        heads, slot = np.unique(by_pixels, return_inverse=True)
        return cls(bytes=by_bytes, twin=by_pixels, heads=heads, slot=slot)

    def rungs(self, kept: Ints) -> Ints:
        """Return the rank of the strongest evidence that ties each image to its kept one."""
        conditions = [self.bytes == self.bytes[kept], self.twin == self.twin[kept]]
        return np.select(conditions, [Level.BYTES.rank, Level.PIXELS.rank], Level.NEAR.rank)

    def pairs(self) -> Pairs:
        """Return images with the first of their bytes, those with the first of their pixels."""
        rows = np.arange(len(self.twin))
        copies = rows[self.bytes != rows]
        first_of_bytes = rows[(self.bytes == rows) & (self.twin != rows)]
        ones = [np.ones(len(copies), np.float32), np.ones(len(first_of_bytes), np.float32)]
        return all_pairs(
            [
                plain_pairs(self.bytes[copies], copies, Level.BYTES, ones[0]),
                plain_pairs(self.twin[first_of_bytes], first_of_bytes, Level.PIXELS, ones[1]),
            ]
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Near:
    """The rung ``near``; columns of all N images.

    Attributes:
        label: (N,) int64, name of each one's group.
        similarity: (N,) float64, probability of being a copy of the image that stays.
        contained: (N,) float64, how much of the others lies in each.
        pairs: The evidence.
        threshold: Least probability that counts.
        notes: What the run should say.
    """

    label: Ints
    similarity: Floats
    contained: Floats
    pairs: Pairs
    threshold: float
    notes: list[str]


def _best_of(label: Ints, rank: Ints) -> Ints:
    """Return for each image the best-ranked one of its label."""
    order = np.lexsort((rank, label))
    first = np.ones(len(order), np.bool_)
    first[1:] = label[order[1:]] != label[order[:-1]]
    best = np.empty(len(label), np.int64)
    best[order] = order[first][np.cumsum(first) - 1]
    return best


def _numbered(kept: Ints) -> NDArray[np.int32]:
    """Return groups numbered by their first member; -1 for images alone."""
    _, first, inverse, counts = np.unique(
        kept, return_index=True, return_inverse=True, return_counts=True
    )
    is_group = counts > 1
    number = np.full(len(counts), -1, np.int32)
    by_first = np.argsort(np.where(is_group, first, len(kept)), kind="stable")
    number[by_first[: is_group.sum()]] = np.arange(is_group.sum())
    return number[inverse]

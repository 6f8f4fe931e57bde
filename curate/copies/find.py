"""The search for copies: a ladder of evidence, rung by rung -> duplicate groups -> what stays."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from curate.choices import Level
from curate.copies.cache.version import open_cache
from curate.copies.config import DedupConfig
from curate.copies.judged import REVIEWED, Judged, obey
from curate.copies.keep_policy import explain_drops
from curate.copies.pair_tables import concat_pairs, take_pairs
from curate.copies.placement import pair_whole_images
from curate.copies.protected import find_protected
from curate.copies.records import Copies, Images, Pairs, PixelReader, Vectors
from curate.copies.rungs.base import Grouping, Known, Rung, link_equal
from curate.copies.rungs.near import NearCopies
from curate.copies.rungs.same_bytes import SameBytes
from curate.copies.rungs.same_pixels import SamePixels
from curate.copies.rungs.scene import SameScene, join_scenes
from curate.copies.rungs.semantic import AlikeContent, measure_centrality
from curate.copies.sharded.helpers import Helpers
from curate.parallel import one_thread_each
from curate.progress import Progress, Silent

_IN_BOTH = "the kept one is in both sources"
LADDER: tuple[Rung, ...] = (SameBytes(), SamePixels(), NearCopies(), SameScene(), AlikeContent())
"""The rungs, from the strongest evidence to the weakest."""


def find_copies(  # noqa: PLR0913 - the images, what is known of them, and what is wanted
    images: Images,
    pixels: PixelReader,
    config: DedupConfig,
    *,
    vectors: Vectors | None = None,
    judged: Judged | None = None,
    cache: Path | None = None,
    on_progress: Progress | None = None,
    helpers: Helpers | None = None,
) -> Copies:
    """Return which images are copies of which, what stays and why the others are dropped.

    The result depends on the images, the config and nothing else: neither on the order of the
    files nor on the number of threads.

    Args:
        images: The readable images.
        pixels: Where their pixels come from.
        config: What to look for.
        vectors: Embeddings of all images, another source of candidates; the rung ``semantic``
            cannot do without.
        judged: What a person decided; the groups obey it.
        cache: Folder of what earlier runs found out, to be used and added to; the caller is its
            only writer. None forgets everything.
        on_progress: Hears how it gets on.
        helpers: An engine that finds keypoints and candidates and verifies these; None for this
            process.

    Raises:
        ValueError: The rung ``semantic`` is wanted without vectors, or there are more or fewer
            vectors than images.
    """
    if config.level is Level.SEMANTIC and vectors is None:
        raise ValueError("the rung `semantic` needs vectors")
    if vectors is not None and len(vectors.embeddings) != len(images):
        raise ValueError(f"{len(vectors.embeddings)} vectors for {len(images)} images")
    with one_thread_each(), _open_folder(cache) as folder:
        known = Known(
            images=images,
            pixels=pixels,
            config=config,
            cache=folder,
            vectors=vectors,
            progress=on_progress or Silent(),
            is_protected=find_protected(images.path, config.protect) | images.is_other,
            centrality=measure_centrality(vectors) if vectors is not None else None,
            judged=judged,
            helpers=helpers,
        )
        for rung in list_rungs(config.level):
            known = known.add(rung.group(known))
        if not known.groupings:  # other names of a file were set aside before: `Inputs.links`
            known = known.add(link_equal(known, known.heads, Level.FILE))
        if judged:
            known = known.add(_obey(known, judged))
        return _choose_what_stays(known)


def _obey(known: Known, judged: Judged) -> Grouping:
    """Return the groups as they are by what a person decided."""
    links = [
        link
        for one in known.groupings
        for link in zip(one.pairs.a.tolist(), one.pairs.b.tolist(), strict=True)
    ]
    label, tied = obey(judged, known.images.content_hash, known.label, links, known.rank)
    known_pairs = set(links)
    pairs = sorted(
        {(min(pair), max(pair)) for pair in tied} - known_pairs - {(b, a) for a, b in known_pairs}
    )
    a, b = np.array(pairs, np.int64).reshape(-1, 2).T
    return Grouping(
        level=REVIEWED,
        label=label,
        similarity=np.ones(len(known.images)),
        pairs=pair_whole_images(a, b, REVIEWED),
    )


def list_rungs(level: Level) -> list[Rung]:
    """Return the rungs down to a level, strongest first; none of these is above ``bytes``."""
    return [rung for rung in LADDER if rung.level.rank <= level.rank]


def _choose_what_stays(known: Known) -> Copies:
    """Return the duplicate groups, the kept image of each, and why the others are dropped."""
    n = len(known.images)
    kept, groupings = known.kept, known.groupings
    is_kept = kept == np.arange(n)
    stays = is_kept | known.is_protected
    dropped = np.nonzero(~stays)[0]
    reason: list[str | None] = [None] * n
    qualities = known.describe_qualities(known.looks)
    complaints = explain_drops(qualities, known.config.keep, dropped, kept[dropped])
    is_shared = known.images.is_shared
    for row, complaint in zip(dropped.tolist(), complaints, strict=True):
        if is_shared[kept[row]] and not is_shared[row]:
            complaint = _IN_BOTH
        reason[row] = _name_frames(complaint, known.images, row, int(kept[row]))
    # the strongest rung that ties each image to its kept one
    rung = np.argmax([one.label == one.label[kept] for one in groupings], axis=0)
    similarity = np.choose(rung, [one.similarity for one in groupings])
    return Copies(
        scene=_number_groups(join_scenes(_label_copies(known), known.scenes)),
        group=_number_groups(kept),
        match=[
            None if is_alone_or_kept else str(groupings[number].level)
            for is_alone_or_kept, number in zip(is_kept.tolist(), rung.tolist(), strict=True)
        ],
        duplicate_of=np.where(stays, -1, kept),
        similarity=np.where(stays, np.nan, similarity).astype(np.float32),
        keep=stays,
        reason=reason,
        pairs=_order_by_images(concat_pairs([one.pairs for one in groupings])),
        misses=_list_misses(groupings, kept),
        threshold=min(one.threshold for one in groupings),
        notes=[note for one in groupings for note in one.notes],
    )


def _name_frames(complaint: str, images: Images, row: int, kept: int) -> str:
    """Return why an image is dropped; of files with several frames, which were compared."""
    frames = sorted((int(images.frames[row]), int(images.frames[kept])))
    if frames[1] == 1:
        return complaint
    compared = f"one frame of {frames[1]} compared" if frames[0] == 1 else "some frames compared"
    return f"{complaint}; {compared}"


def _label_copies(known: Known) -> NDArray[np.int64]:
    """Return labels of the images that are copies of each other, (N,) int64."""
    likeness = (Level.SCENE, Level.SEMANTIC)
    return [one.label for one in known.groupings if one.level not in likeness][-1]


def _list_misses(groupings: Sequence[Grouping], kept: NDArray[np.int64]) -> Pairs:
    """Return the pairs that are no copies but nearly, the likeliest first.

    Of two groups only the likeliest pair is there: it says of both what there is to say.
    """
    misses = concat_pairs([Pairs.none(), *(one.misses for one in groupings if one.misses)])
    misses = take_pairs(misses, kept[misses.a] != kept[misses.b])
    misses = take_pairs(misses, np.lexsort((misses.b, misses.a, -misses.similarity)))
    groups = np.sort(np.stack([kept[misses.a], kept[misses.b]], axis=1), axis=1)
    _, first = np.unique(groups, axis=0, return_index=True)
    return take_pairs(misses, np.sort(first))


def _order_by_images(pairs: Pairs) -> Pairs:
    """Return pairs ordered by (a, b)."""
    return take_pairs(pairs, np.lexsort((pairs.b, pairs.a)))


def _number_groups(kept: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return duplicate groups numbered by their first member; -1 for images alone."""
    _, first, inverse, counts = np.unique(
        kept, return_index=True, return_inverse=True, return_counts=True
    )
    is_group = counts > 1
    number = np.full(len(counts), -1, np.int32)
    by_first = np.argsort(np.where(is_group, first, len(kept)), kind="stable")
    number[by_first[: is_group.sum()]] = np.arange(is_group.sum())
    return number[inverse]


@contextmanager
def _open_folder(cache: Path | None) -> Iterator[Path]:
    """Give the folder of a cache, or one that is removed when it is left."""
    if cache is not None:
        yield open_cache(cache)
        return
    with TemporaryDirectory(prefix="curate-") as scratch:
        yield Path(scratch)

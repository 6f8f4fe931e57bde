"""Features: the vectors of a trained model, made for the images that lack them."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from curate.engine.base import Failure
from curate.engine.shards import Engine
from curate.manifest.text_column import TextColumn
from curate.progress import Progress, task
from curate.workspace.embedding_shards import EmbeddedShard, embed_on
from curate.workspace.embedding_store import Embedded, EmbeddingStore, concat_vectors
from curate.workspace.encoding import encode
from curate.workspace.models import Model, encoder_of
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.refusals import read_refusals, refuse_images, split_failures
from curate.workspace.scan import Scan
from curate.workspace.workspace import Workspace

SHARD_ROWS = 16_384


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedding:
    """What making the missing vectors came to.

    Attributes:
        model: The model used.
        store: Where the vectors are.
        n_embedded: Images that had no vector before.
        seconds: Time it took.
        refused: Why no worker survives some images, by content hash; they have no vector.
    """

    model: Model
    store: EmbeddingStore
    n_embedded: int
    seconds: float
    refused: Mapping[str, str]

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
    engine: Engine | None = None,
) -> Embedding:
    """Embed the images that the model has no whole vectors of; the caller holds the lock.

    Args:
        workspace: Has the pixels, and gets the vectors.
        model: Makes them.
        content_hashes: Of readable images.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: Hears how it gets on.
        engine: What embeds; None for this process.

    Raises:
        ResourceError: The device is not there, the disk is full, or the engine cannot go on.
    """
    store = open_store(workspace, model)
    store.begin(progress)
    missing = store.missing(content_hashes)
    refused: dict[str, str] = {}
    start = time.perf_counter()
    if missing:
        with task(progress, "embed", len(missing)):
            rest: Sequence[str] = missing
            if engine is not None:
                shards = embed_on(engine, workspace, model, missing, device)
                refused, rest = split_failures(_keep_shards(store, shards, progress), store)
                progress.advance(len(refused))
            if len(rest):
                _embed_here(workspace, model, store, rest, device=device, progress=progress)
    seconds = time.perf_counter() - start
    return Embedding(
        model=model,
        store=store,
        n_embedded=len(missing) - len(refused),
        seconds=seconds,
        refused=refused,
    )


def embed_scanned(
    workspace: Workspace,
    model: Model,
    found: Scan,
    *,
    device: str,
    progress: Progress,
    engine: Engine | None = None,
) -> tuple[Scan, Embedding]:
    """Embed what a scan found, and return it without the images that no worker survives.

    Args:
        workspace: Has the pixels, and gets the vectors; the caller holds its lock.
        model: Makes them.
        found: The scan.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: Hears how it gets on.
        engine: What embeds; None for this process.

    Raises:
        InputError: No image is left that can be used.
        ResourceError: The device is not there, the disk is full, or the engine cannot go on.
    """
    hashes = TextColumn(found.readable()["hash"])
    done = embed_missing(workspace, model, hashes, device=device, progress=progress, engine=engine)
    if done.refused:
        refuse_images(workspace, done.refused, progress)
        found = found.without(read_refusals(workspace, progress))
        found.readable()
    return found, done


def _embed_here(
    workspace: Workspace,
    model: Model,
    store: EmbeddingStore,
    missing: Sequence[str],
    *,
    device: str,
    progress: Progress,
) -> None:
    encoder = encoder_of(model, device)
    cache = open_pixels(workspace, progress)
    for first in range(0, len(missing), SHARD_ROWS):
        shard = list(missing[first : first + SHARD_ROWS])
        store.append(shard, encode(encoder, cache, shard, on_progress=progress.advance))


def _keep_shards(
    store: EmbeddingStore, shards: Iterable[EmbeddedShard], progress: Progress
) -> dict[str, Failure]:
    """Write vectors that come in small parts in shards as large as ever; return what failed."""
    names: list[str] = []
    vectors: list[Embedded] = []
    failed: dict[str, Failure] = {}

    def write() -> None:
        if names:
            store.append(names, concat_vectors(vectors))
            names.clear()
            vectors.clear()

    for shard in shards:
        failed.update(shard.failed)
        if shard.vectors is not None:
            names.extend(shard.names)
            vectors.append(shard.vectors)
            progress.advance(len(shard.names))
        if len(names) >= SHARD_ROWS:
            write()
    write()
    return failed


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

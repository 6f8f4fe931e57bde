"""Features: the vectors of a trained model, made for the images that lack them."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.embeddings import Embedded, EmbeddingStore, Vectors
from curate.errors import InputError, ResourceError, UsageError
from curate.pixels import PixelCache
from curate.records import Progress, closest, task
from curate.workspace import Workspace

SHARD_ROWS = 16_384
SCORE_CELLS = 1 << 24
BATCH_ROWS = 256


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model of the workspace.

    Attributes:
        name: Its name.
        folder: Where it lies.
        weights: First 16 hex digits of the SHA-256 of its weights.
    """

    name: str
    folder: Path
    weights: str

    @property
    def identity(self) -> str:
        """Name and weights, as the manifest's footer has them."""
        return f"{self.name}@{self.weights}"

    def facts(self) -> dict[str, Any]:
        """Return what ``model.json`` holds."""
        return dict(json.loads((self.folder / "model.json").read_text()))


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


def find_model(workspace: Workspace, name: str | None) -> Model:
    """Return the model named; without a name ``default``, or the only one there is.

    Raises:
        InputError: There is no trained model.
        UsageError: The name is unknown, or none is named and there are several.
    """
    names = workspace.models()
    if not names:
        raise InputError(
            f"{workspace.root} has no trained model", hint="train one with `curate train IMAGES`"
        )
    if name is None and len(names) > 1 and "default" not in names:
        raise UsageError(
            f"the workspace has several models: {', '.join(names)}", hint="choose one with --model"
        )
    chosen = name or ("default" if "default" in names else names[0])
    if chosen not in names:
        raise UsageError(
            f"no model {chosen!r}{closest(chosen, names)}",
            hint=f"the workspace has: {', '.join(names)}",
        )
    folder = workspace.model(chosen)
    with (folder / "weights.safetensors").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Model(chosen, folder, digest[:16])


def model_of(workspace: Workspace, identity: str | None) -> Model:
    """Return the model that a manifest's footer names.

    Raises:
        InputError: It names none, or the workspace has other weights under that name.
    """
    if identity is None:
        raise InputError(
            "the manifest was written without a model",
            hint="write it with `curate cluster --out M.parquet`",
        )
    model = find_model(workspace, identity.partition("@")[0])
    if model.identity != identity:
        raise InputError(
            f"the manifest was written with model {identity}, the workspace has {model.identity}",
            hint="write the manifest again with `curate cluster`",
        )
    return model


def embed_missing(
    workspace: Workspace,
    model: Model,
    content_hashes: Sequence[str],
    *,
    device: str,
    progress: Progress,
) -> Embedding:
    """Embed the images that the model has no vectors of; the caller holds the workspace's lock.

    Raises:
        ResourceError: The device is not there, or the disk is full.
    """
    store = EmbeddingStore(workspace.embeddings(model.name))
    store.begin(model.weights)
    missing = store.missing(content_hashes)
    start = time.perf_counter()
    if missing:
        encoder = encoder_of(model, device)
        cache = PixelCache(workspace.pixels)
        with task(progress, "embed", len(missing)):
            for first in range(0, len(missing), SHARD_ROWS):
                shard = missing[first : first + SHARD_ROWS]
                store.append(shard, _encode(encoder, cache, shard, progress))
    seconds = time.perf_counter() - start
    return Embedding(model=model, store=store, n_embedded=len(missing), seconds=seconds)


def prototypes_of(model: Model) -> Vectors:
    """Return the model's prototypes, (K, P) float32 unit rows."""
    from safetensors.numpy import load_file

    tensors = load_file(model.folder / "weights.safetensors")
    return np.asarray(tensors["prototypes"], np.float32)


def nearest_prototype(projections: Vectors, prototypes: Vectors) -> NDArray[np.int32]:
    """Return the prototype (N,) of the highest cosine for each projection (N, P), in blocks."""
    rows = max(1, SCORE_CELLS // len(prototypes))
    blocks = [
        (projections[start : start + rows] @ prototypes.T).argmax(axis=1)
        for start in range(0, len(projections), rows)
    ]
    return np.concatenate(blocks).astype(np.int32)


def encoder_of(model: Model, device: str) -> Any:  # noqa: ANN401 - torch is imported late
    """Return a model's encoder.

    Raises:
        ResourceError: The device is not there.
    """
    from swav_train import load_encoder

    require_device(device)
    return load_encoder(model.folder, device=device)


def require_device(device: str) -> None:
    """Check that a device asked for by name is there.

    Raises:
        ResourceError: It is not.
    """
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ResourceError(
            "no CUDA device was found",
            hint="use --device cpu, or --device auto to take what is there",
        )


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

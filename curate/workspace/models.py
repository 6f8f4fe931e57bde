"""The trained models of a workspace."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curate.choices import closest
from curate.errors import InputError, ResourceError, UsageError
from curate.workspace.embedding_store import Vectors
from curate.workspace.workspace import Workspace


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


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return what the ``metrics.jsonl`` of a model's folder holds, one for each epoch."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [dict(json.loads(line)) for line in lines]


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


def prototypes_of(model: Model) -> Vectors:
    """Return the model's prototypes, (K, P) float32 unit rows."""
    from safetensors.numpy import load_file

    tensors = load_file(model.folder / "weights.safetensors")
    return np.asarray(tensors["prototypes"], np.float32)


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

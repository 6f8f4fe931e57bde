"""The trained models of a workspace."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curate.amounts import count_of
from curate.choices import closest
from curate.errors import InputError, ResourceError, UsageError
from curate.files import Utf8Name
from curate.workspace.embedding_store import Vectors
from curate.workspace.integrity import Damaged, read_checked_json, reading
from curate.workspace.workspace import Workspace

WEIGHTS = "weights.safetensors"
FACTS, METRICS, INPUTS = "model.json", "metrics.jsonl", "inputs.json"


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


def find_model(workspace: Workspace, name: str | None) -> Model:
    """Return the model named; without a name ``default``, or the only one there is.

    Raises:
        InputError: There is no trained model, or it is damaged.
        UsageError: The name is unknown, or none is named and there are several.
    """
    names = workspace.models()
    if not names:
        raise InputError(
            f"{workspace} has no trained model", hint="train one with `curate train IMAGES`"
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
    return open_model(workspace, chosen)


def open_model(workspace: Workspace, name: str) -> Model:
    """Return a model that is whole.

    Raises:
        Damaged: Its weights, or what is known of them, are lost or damaged.
    """
    folder = workspace.model(name)
    digest = read_model_facts(folder)["digests"][WEIGHTS]
    _check_digest(folder / WEIGHTS, digest)
    return Model(name, folder, digest[:16])


def find_model_damage(folder: Path) -> list[Damaged]:
    """Return what is wrong with the files of a model."""
    found = []
    try:
        digests = read_model_facts(folder)["digests"]
    except Damaged as damage:
        found.append(damage)
        digests = {}
    for name, digest in digests.items():
        try:
            _check_digest(folder / name, digest)
        except Damaged as damage:
            found.append(damage)
    try:
        read_checked_json(folder / INPUTS)
    except FileNotFoundError:
        found.append(Damaged(folder / INPUTS, "it is lost", hint=_hint_of(folder)))
    except Damaged as damage:
        found.append(damage)
    return found


def read_model_facts(folder: Path) -> dict[str, Any]:
    """Return what ``model.json`` says of a model, with the digests of the files beside it.

    Raises:
        Damaged: It is lost, or not what was written.
    """
    path, hint = folder / FACTS, _hint_of(folder)
    try:
        return read_checked_json(path)
    except FileNotFoundError:
        raise Damaged(path, "it is lost", hint=hint) from None
    except Damaged as damage:
        raise Damaged(path, damage.reason, hint=hint) from None


def read_metrics(folder: Path) -> list[dict[str, Any]] | None:
    """Return a model's measures, one for each epoch; None where they are lost or damaged."""
    path = folder / METRICS
    try:
        digests = read_model_facts(folder)["digests"]
        if METRICS in digests:
            _check_digest(path, digests[METRICS])
    except Damaged:
        return None
    if not path.exists():
        return None
    return [dict(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _check_digest(path: Path, digest: str) -> None:
    """Check a file of a model against its SHA-256, hex.

    Raises:
        Damaged: It is lost, or not what was written.
    """
    hint = _hint_of(path.parent)
    try:
        with reading(path), path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except Damaged as damage:
        raise Damaged(path, damage.reason, hint=hint) from None
    if found != digest:
        what = "the weights" if path.name == WEIGHTS else "the measures"
        raise Damaged(
            path, f"{what} of model {path.parent.name!r} are not those written", hint=hint
        )


def _hint_of(folder: Path) -> str:
    name = "" if folder.name == "default" else f" --name {folder.name}"
    return f"train it again: `curate train IMAGES{name}`"


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

    name = Utf8Name(model.folder / WEIGHTS)
    tensors = load_file(str(name))
    return np.asarray(tensors["prototypes"], np.float32)


def encoder_of(model: Model, device: str) -> Any:  # noqa: ANN401 - torch is imported late
    """Return a model's encoder.

    Raises:
        Damaged: The model is.
        ResourceError: The device is not there.
    """
    from swav_train import load_encoder
    from swav_train.errors import DamagedFile

    require_device(device)
    try:
        return load_encoder(model.folder, device=device)
    except DamagedFile as error:
        raise Damaged(error.path, error.reason, hint=_hint_of(model.folder)) from None


def require_device(device: str) -> None:
    """Check that a device asked for by name is there, before the work.

    Raises:
        ResourceError: It is not.
    """
    if not device.startswith("cuda"):
        return
    import torch

    n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2] or 0) >= n_devices:
        raise ResourceError(
            f"{device} is not there: "
            f"{count_of(n_devices, 'CUDA device was', 'CUDA devices were')} found"
            if n_devices
            else "no CUDA device was found",
            hint="use --device cpu, or --device auto to take what is there",
        )

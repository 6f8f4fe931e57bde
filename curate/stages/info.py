"""Info: what the workspace holds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms.label_agreement import LabelAgreement
from curate.argument_types import check_arguments
from curate.choices import Status
from curate.errors import InputError
from curate.manifest.label_agreement import read_agreement
from curate.manifest.manifest import Manifest, read_manifest
from curate.pages.notebook import ShownInNotebooks
from curate.workspace.catalogue import Catalogue
from curate.workspace.embedding import open_store
from curate.workspace.integrity import Damaged
from curate.workspace.models import (
    Model,
    find_model_damage,
    open_model,
    read_metrics,
    read_model_facts,
)
from curate.workspace.workspace import Workspace, find_workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInfo:
    """One trained model.

    Attributes:
        name: Its name.
        backbone: timm's name of the network.
        n_prototypes: How many.
        started_from: What the features started from.
        epochs: Passes done.
        loss_ratio: Loss over log K of each epoch; 1 means nothing was learned. Only that of the
            last epoch if the measures are damaged.
        usage_entropy: Entropy of the prototypes' usage over log K at the end.
        n_embedded: Images with an embedding of this model.
    """

    name: str
    backbone: str
    n_prototypes: int
    started_from: str
    epochs: int
    loss_ratio: list[float]
    usage_entropy: float
    n_embedded: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterInfo:
    """One cluster of a manifest.

    Attributes:
        cluster: Its number.
        size: Images in it.
        cohesion: Mean cosine of its images to the cluster's mean, in [-1, 1]; None if that is
            unknown.
        medoid: Path of the image that stands for it best.
    """

    cluster: int
    size: int
    cohesion: float | None
    medoid: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class InfoResult(ShownInNotebooks):
    """What a workspace holds.

    Attributes:
        workspace: Its folder.
        sources: Folders seen, newest last.
        n_files: Image files in the catalogue.
        n_unreadable: Those that cannot be used.
        source_bytes: Size of the files.
        workspace_bytes: Size of the workspace.
        models: Trained models that are whole.
        damage: What is wrong with the others; `curate.verify` looks at everything.
        manifests: Manifests written that are still there, newest last.
        clusters: Of the manifest asked for, largest first; None if none was asked for.
        labels: How well the nearest images predict its labels; None without labels.
    """

    workspace: str
    sources: list[str]
    n_files: int
    n_unreadable: int
    source_bytes: int
    workspace_bytes: int
    models: list[ModelInfo]
    damage: list[str]
    manifests: list[str]
    clusters: list[ClusterInfo] | None
    labels: LabelAgreement | None


@check_arguments
def info(
    manifest: Path | str | None = None,
    *,
    clusters: bool = False,
    workspace: Path | str | None = None,
) -> InfoResult:
    """Tell what a workspace holds, and what the clusters of a manifest are.

    Args:
        manifest: The manifest whose clusters are told; None takes the newest of the workspace.
        clusters: Whether they are told.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.

    Raises:
        InputError: There is no workspace, its catalogue is damaged, or the manifest cannot be used.
        UsageError: The manifest has no clusters.
    """
    space = find_workspace(workspace)
    if not space.is_there():
        raise InputError(f"no workspace at {space}", hint="make one with `curate train IMAGES`")
    facts = space.facts()
    table = Catalogue(space).read(["status", "bytes"]) if facts["sources"] else None
    is_ok = pc.equal(table["status"], Status.OK.value) if table is not None else None
    models, damage = _open_models(space)
    named = read_manifest(Path(manifest or space.newest_manifest())) if clusters else None
    return InfoResult(
        workspace=str(space),
        sources=facts["sources"],
        n_files=len(table) if table is not None else 0,
        n_unreadable=len(is_ok) - (pc.sum(is_ok).as_py() or 0) if is_ok is not None else 0,
        source_bytes=int(pc.sum(table["bytes"]).as_py() or 0) if table is not None else 0,
        workspace_bytes=sum(p.stat().st_size for p in space.root.rglob("*") if p.is_file()),
        models=models,
        damage=damage,
        manifests=[name for name in facts["manifests"] if Path(name).is_file()],
        clusters=_clusters(named) if named is not None else None,
        labels=read_agreement(named) if named is not None else None,
    )


def _clusters(manifest: Manifest) -> list[ClusterInfo]:
    """Return the clusters of a manifest, largest first.

    Raises:
        UsageError: It has none.
    """
    names = ("cluster", "cluster_similarity", "medoid")
    hint = "write it with `curate cluster --out M.parquet`"
    table = pa.table({name: manifest.column(name, hint=hint) for name in names})
    is_in_one = pc.is_valid(table["cluster"])
    grouped = (
        table.select(["cluster", "cluster_similarity"])
        .filter(is_in_one)
        .group_by("cluster", use_threads=False)
        .aggregate([("cluster", "count"), ("cluster_similarity", "mean")])
    )
    is_medoid = pc.fill_null(pc.and_(is_in_one, table["medoid"]), fill_value=False)
    medoid = manifest.rows.take(["cluster", "path"], np.flatnonzero(is_medoid.to_numpy()))
    joined = grouped.join(medoid, "cluster").sort_by(
        [("cluster_count", "descending"), ("cluster", "ascending")]
    )
    return [
        ClusterInfo(
            cluster=row["cluster"],
            size=row["cluster_count"],
            cohesion=None if (mean := row["cluster_similarity_mean"]) is None else round(mean, 4),
            medoid=row["path"],
        )
        for row in joined.to_pylist()
    ]


def _open_models(space: Workspace) -> tuple[list[ModelInfo], list[str]]:
    """Return what is known of the models that are whole, and what is wrong with the others."""
    models, damage = [], []
    for name in space.models():
        damage += [str(one) for one in find_model_damage(space.model(name))]
        try:
            model = open_model(space, name)
        except Damaged:
            continue
        models.append(_describe_model(model, n_embedded=len(open_store(space, model))))
    return models, damage


def _describe_model(model: Model, *, n_embedded: int) -> ModelInfo:
    facts = read_model_facts(model.folder)
    ratios = [line["loss_ratio"] for line in read_metrics(model.folder) or []]
    return ModelInfo(
        name=model.name,
        backbone=facts["config"]["backbone"],
        n_prototypes=facts["config"]["n_prototypes"],
        started_from=facts["started_from"],
        epochs=facts["epochs"],
        loss_ratio=ratios or [facts["metrics"]["loss_ratio"]],
        usage_entropy=facts["usage_entropy"],
        n_embedded=n_embedded,
    )

"""Cluster: give every image a prototype, say how sure that is and how alone the image stands."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.classifiers import classes_of_neighbors, label_suspicion
from curate.algorithms.label_agreement import LabelAgreement
from curate.algorithms.neighbors import Neighbors
from curate.algorithms.outlier_score import MEASURES, SIZES, outlier_score, scale_measures
from curate.algorithms.prototype_clusters import (
    ContentVectors,
    PrototypeClusters,
    cluster_by_prototypes,
)
from curate.annotations.add_labels import add_labels
from curate.annotations.open_labels import check_labels, open_labels
from curate.argument_types import check_arguments
from curate.choices import Assign, Labels, check_device
from curate.engine.opening import EngineConfig, open_engine
from curate.errors import UsageError
from curate.field_types import take_types
from curate.manifest.columns import CLUSTER_COLUMNS
from curate.manifest.label_agreement import read_agreement
from curate.manifest.manifest import (
    Manifest,
    check_overwritable,
    write_manifest,
)
from curate.manifest.rows import FilledRows, HeldRows
from curate.manifest.selection import is_readable
from curate.manifest.text_column import TextColumn
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent
from curate.sources import Address
from curate.workspace.embedding import embed_scanned
from curate.workspace.embedding_store import Embedded
from curate.workspace.models import find_model, prototypes_of, require_device
from curate.workspace.older_manifest import keep_columns
from curate.workspace.scan import Scan, ScanConfig, scan
from curate.workspace.workspace import find_workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterConfig:
    """What the stage needs to know.

    Attributes:
        clusters: How many clusters; None gives one a prototype, fewer merge prototypes bottom-up.
        levels: Coarser numbers of clusters, each with a column ``cluster_N``; clusters of a coarser
            level are unions of those of a finer one.
        assign: ``nearest`` gives natural sizes, ``balanced`` sizes within one of each other.
        neighbors: How many nearest images `isolation` and `label_suspect` look at, >= 1.
        labels: Where labels come from: ``folder``, ``source``, ``regex:PATTERN``, a table
            (``FILE:COLUMN``), COCO's JSON, YOLO's ``data.yaml``, VOC's folder, or ``none``.
        model: Name of the model; None takes ``default`` or the only one.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    clusters: int | None = None
    levels: tuple[int, ...] = ()
    assign: Assign = Assign.NEAREST
    neighbors: int = 10
    labels: str = Labels.NONE
    model: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        """Take the choices by their names and check the ranges.

        Raises:
            UsageError: There is no such choice, or a number is out of range.
        """
        take_types(self)
        check_labels(self.labels)
        check_device(self.device)
        for number in (*self.levels, *([self.clusters] if self.clusters is not None else [])):
            if number < 1:
                raise UsageError(
                    f"a number of clusters must be at least 1, got {number}",
                    hint="use --clusters 10, or --levels 1000,100,10",
                )
        finer = [level for level in self.levels if level > (self.clusters or level)]
        if finer:
            raise UsageError(
                f"levels are coarser than the clusters, got {finer[0]} above {self.clusters}",
                hint=f"use --clusters {max(finer)}, with a level of {self.clusters}",
            )
        if self.neighbors < 1:
            raise UsageError(
                f"neighbors must be at least 1, got {self.neighbors}", hint="use --neighbors 10"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterResult(ShownInNotebooks):
    """What the stage did.

    Attributes:
        manifest: The file written.
        source: Folder of the images.
        model: Name and weights of the model.
        n_images: Rows of the manifest.
        n_unreadable: Rows that cannot be used.
        n_embedded: Images that had no vector before.
        n_clusters: Number of clusters, empty ones included.
        smallest: Images in the smallest cluster, empty ones included.
        largest: Images in the largest cluster.
        unreadable: How many files cannot be used, by reason.
        passed_over: How many files were not looked at, by ending or by what they are.
        problems: Folders and links that could not be looked at, a sentence each.
        sizes: Images in each cluster.
        labels: How well the nearest images predict the labels; None without labels.
    """

    manifest: str
    source: str
    model: str
    n_images: int
    n_unreadable: int
    n_embedded: int
    n_clusters: int
    smallest: int
    largest: int
    unreadable: dict[str, int]
    passed_over: dict[str, int]
    problems: list[str]
    sizes: list[int]
    labels: LabelAgreement | None


@check_arguments
def cluster(  # noqa: PLR0913 - one question, several places for the answer
    images: Address | None = None,
    config: ClusterConfig | None = None,
    *,
    out: Path | str = "manifest.parquet",
    scan_config: ScanConfig | None = None,
    engine: EngineConfig | None = None,
    workspace: Path | str | None = None,
    progress: Progress | None = None,
) -> ClusterResult:
    """Scan and embed what is missing, assign images to clusters, write the manifest.

    Args:
        images: A source, or several; None takes the one scanned last.
        config: The stage's settings.
        out: The manifest; columns that other stages or people added to an older one are kept.
        scan_config: What a scan passes over, and how large a picture may be.
        engine: Where the costly work is done; None for this process.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Is told how far the work is.

    Raises:
        InputError: The folder, the workspace or the output cannot be used.
        UsageError: The model or the number of clusters cannot be used.
        ResourceError: The device is not there, the lock is held or the disk is full.
    """
    config, progress = config or ClusterConfig(), progress or Silent()
    space = find_workspace(workspace, progress)
    source = images if images is not None else space.newest_source()
    model = find_model(space, config.model)
    prototypes = prototypes_of(model)
    _check_n_clusters(config, len(prototypes))
    check_overwritable(out := Path(out))
    if engine is None:  # its workers have devices of their own
        require_device(config.device)
    open_labels(config.labels)
    with space.writing(progress), open_engine(engine, space.root, progress) as shards:
        catalogue = scan(source, space, progress, config=scan_config, engine=shards)
        catalogue, embedded = embed_scanned(
            space, model, catalogue, device=config.device, progress=progress, engine=shards
        )
        readable = catalogue.readable()
        distinct, content_of = TextColumn(readable["hash"]).unique()
        vectors = embedded.store.load(distinct)
        clusters = _cluster_contents(vectors, content_of, prototypes, config)
        measures = scale_measures({name: readable[name].to_numpy() for name in MEASURES + SIZES})
        outlier = outlier_score(vectors.embeddings[content_of], measures)
        named = replace(catalogue.manifest(), model=model.identity)
        labelled = add_labels(named, config.labels, progress, said=catalogue.said)
        labelled = keep_columns(labelled, out, progress)
        manifest = _add_clusters(labelled, catalogue, clusters, outlier, config)
        manifest = _add_label_suspicion(manifest, content_of, clusters.neighbors)
        write_manifest(manifest, out)
        space.remember(manifest=out.absolute())
    n_clusters = config.clusters or len(prototypes)
    sizes = np.bincount(clusters.cluster, minlength=n_clusters)
    return ClusterResult(
        manifest=str(out),
        source=str(catalogue.source),
        model=model.identity,
        n_images=len(manifest.rows),
        n_unreadable=catalogue.n_unreadable,
        n_embedded=embedded.n_embedded,
        n_clusters=n_clusters,
        smallest=int(sizes.min()),
        largest=int(sizes.max()),
        unreadable=catalogue.unreadable,
        passed_over=dict(catalogue.passed_over),
        problems=list(catalogue.problems),
        sizes=sizes.tolist(),
        labels=read_agreement(manifest),
    )


def _check_n_clusters(config: ClusterConfig, n_prototypes: int) -> None:
    """Check that the model has a prototype for every cluster.

    Raises:
        UsageError: It has fewer.
    """
    most = max(config.clusters or 1, *config.levels, 1)
    if most > n_prototypes:
        raise UsageError(
            f"{most} clusters asked for, the model has {n_prototypes} prototypes",
            hint=f"ask for fewer, or train with --prototypes {most}",
        )


def _cluster_contents(
    vectors: Embedded,
    content_of: NDArray[np.int64],
    prototypes: NDArray[np.float32],
    config: ClusterConfig,
) -> PrototypeClusters:
    contents = ContentVectors(
        embeddings=vectors.embeddings, projections=vectors.projections, content_of=content_of
    )
    return cluster_by_prototypes(
        contents,
        prototypes,
        n_clusters=config.clusters or len(prototypes),
        levels=config.levels,
        is_balanced=config.assign is Assign.BALANCED,
        n_neighbors=config.neighbors,
        device=config.device,
    )


def _add_label_suspicion(
    manifest: Manifest, content_of: NDArray[np.int64], neighbors: Neighbors
) -> Manifest:
    """Return the manifest with ``label_suspect``: the share of neighbours of another label.

    Args:
        manifest: As it is returned where it has no labels.
        content_of: (N,) int64, content of each readable row.
        neighbors: Of the M contents.
    """
    is_ok = is_readable(manifest.rows)
    labels = manifest.rows.read(["label"])["label"].filter(pa.array(is_ok))
    if neighbors.index.shape[1] == 0 or labels.null_count == len(labels):
        return manifest
    codes = pc.dictionary_encode(labels.fill_null("")).combine_chunks().indices.to_numpy()
    classes = np.asarray(codes, np.int64)
    suspicion = label_suspicion(
        neighbors.similarity[content_of],
        classes_of_neighbors(neighbors.index, content_of, classes),
        classes,
    )
    is_labelled = labels.is_valid().to_numpy()
    places = pa.array(np.cumsum(is_ok) - 1, pa.int64(), mask=~is_ok)
    column = pa.array(suspicion, pa.float32(), mask=~is_labelled).take(places)
    columns = HeldRows(pa.table({"label_suspect": column}))
    return replace(manifest, rows=FilledRows(manifest.rows, columns))


def _add_clusters(
    manifest: Manifest,
    catalogue: Scan,
    clusters: PrototypeClusters,
    outlier: NDArray[np.float32],
    config: ClusterConfig,
) -> Manifest:
    rows = catalogue.row_numbers()
    columns = {
        "cluster": clusters.cluster,
        "cluster_similarity": clusters.similarity,
        "cluster_margin": clusters.margin,
        "outlier": outlier,
        "isolation": clusters.isolation,
        "medoid": clusters.medoid,
    }
    table = pa.table(
        [pa.array(columns[field.name], field.type).take(rows) for field in CLUSTER_COLUMNS],
        schema=CLUSTER_COLUMNS,
    )
    for level, cluster_of in clusters.levels.items():
        column = pa.array(cluster_of, pa.int32()).take(rows)
        table = table.append_column(f"cluster_{level}", column)
    return manifest.with_columns(HeldRows(table), stage="cluster", config=asdict(config))

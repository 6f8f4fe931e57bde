"""Cluster: give every image a prototype, say how sure that is and how alone the image stands."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.balanced_assignment import balanced_assignment
from curate.algorithms.classifiers import suspicion
from curate.algorithms.medoids import medoids
from curate.algorithms.neighbors import Neighbors, list_centroids, nearest, nearest_prototype
from curate.algorithms.nested_kmeans import Grain, fit, nested_groups, smoothed
from curate.algorithms.outlier_score import strangeness
from curate.choices import Assign, Labels
from curate.errors import UsageError
from curate.manifest.columns import CLUSTER_COLUMNS
from curate.manifest.manifest import (
    Manifest,
    carry_over,
    check_overwritable,
    read_manifest,
    write_manifest,
)
from curate.manifest.rows import FilledRows, HeldRows
from curate.manifest.selection import is_readable
from curate.progress import Progress, Silent
from curate.workspace.embedding import embed_missing
from curate.workspace.embedding_store import Embedded
from curate.workspace.models import find_model, prototypes_of
from curate.workspace.scan import Scan, scan
from curate.workspace.workspace import find_workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterConfig:
    """What the stage needs to know.

    Attributes:
        clusters: How many clusters; None gives one a prototype, fewer merge prototypes bottom-up.
        levels: Coarser numbers of clusters, each with a column ``cluster_N``; clusters of a coarser
            level are unions of those of a finer one.
        assign: ``nearest`` gives natural sizes, ``balanced`` sizes within one of each other.
        neighbors: How many nearest images isolation and the labels' doubt look at, >= 1.
        labels: Whether the folder's name is the label.
        model: Name of the model; None takes ``default`` or the only one.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    clusters: int | None = None
    levels: tuple[int, ...] = ()
    assign: Assign = Assign.NEAREST
    neighbors: int = 10
    labels: Labels = Labels.NONE
    model: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: One is out of range.
        """
        for asked in (*self.levels, *([self.clusters] if self.clusters is not None else [])):
            if asked < 1:
                raise UsageError(
                    f"a number of clusters must be at least 1, got {asked}",
                    hint="use --clusters 10, or --levels 1000,100,10",
                )
        finer = [level for level in self.levels if level > (self.clusters or level)]
        if self.assign is Assign.BALANCED and finer:
            raise UsageError(
                f"balanced clusters cannot have finer levels, got {self.clusters} and {finer[0]}",
                hint="leave --clusters out, or use --assign nearest",
            )
        if self.neighbors < 1:
            raise UsageError(
                f"neighbors must be at least 1, got {self.neighbors}", hint="use --neighbors 10"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterResult:
    """What the stage did.

    Attributes:
        manifest: The file written.
        source: Folder of the images.
        model: Name and weights of the model.
        n_images: Rows of the manifest.
        n_unreadable: Rows that cannot be used.
        n_embedded: Images that had no vector before.
        n_clusters: Clusters asked for.
        smallest: Images in the smallest cluster, empty ones included.
        largest: Images in the largest cluster.
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


def cluster(
    images: Path | str | None = None,
    config: ClusterConfig | None = None,
    *,
    out: Path | str = "manifest.parquet",
    workspace: Path | None = None,
    progress: Progress | None = None,
) -> ClusterResult:
    """Scan and embed what is missing, assign images to clusters, write the manifest.

    Args:
        images: Folder; None takes the one scanned last.
        config: The stage's settings.
        out: The manifest; columns that other stages or people added to an older one are kept.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Hears how it gets on.

    Raises:
        InputError: The folder, the workspace or the output cannot be used.
        UsageError: The model or the number of clusters cannot be used.
    """
    config = config or ClusterConfig()
    progress = progress or Silent()
    space = find_workspace(workspace)
    source = Path(images) if images is not None else space.newest_source()
    model = find_model(space, config.model)
    prototypes = prototypes_of(model)
    most = max(config.clusters or 1, *config.levels, 1)
    if most > len(prototypes):
        raise UsageError(
            f"{most} clusters asked for, the model has {len(prototypes)} prototypes",
            hint=f"ask for fewer, or train with --prototypes {most}",
        )
    out = Path(out)
    check_overwritable(out)
    with space.writing():
        found = scan(source, space, progress)
        hashes = found.readable()["hash"].to_pylist()
        done = embed_missing(space, model, hashes, device=config.device, progress=progress)
        distinct, rows = np.unique(hashes, return_inverse=True)
        vectors = done.store.load(distinct.tolist())
        groups = assign_clusters(vectors, rows, prototypes, config)
        outlier = strangeness(vectors.embeddings[rows], _facts(found.readable()))
        manifest = _manifest(found, groups, outlier, config, model.identity)
        if config.labels is Labels.FOLDER:
            manifest = _with_suspects(manifest, rows, groups.neighbors)
        if out.is_file():
            manifest = carry_over(manifest, read_manifest(out))
        write_manifest(manifest, out)
        space.remember(manifest=out.absolute())
    n_clusters = config.clusters or len(prototypes)
    sizes = np.bincount(groups.cluster, minlength=n_clusters)
    return ClusterResult(
        manifest=str(out),
        source=str(found.source),
        model=model.identity,
        n_images=len(manifest.rows),
        n_unreadable=found.n_unreadable,
        n_embedded=done.n_embedded,
        n_clusters=n_clusters,
        smallest=int(sizes.min()),
        largest=int(sizes.max()),
    )


@dataclass(frozen=True, slots=True)
class Groups:
    """Clusters of some images.

    Attributes:
        cluster: (N,) int32.
        similarity: (N,) float32, cosine to the own cluster's mean.
        margin: (N,) float32, that minus the cosine to the best other; below 0 where balance asks.
        isolation: (N,) float32, 1 minus the mean cosine to the nearest other contents, in [0, 2].
        medoid: (N,) bool, one image of each cluster: that of the highest mean cosine to the others.
        levels: (N,) int32 cluster at each coarser level.
        neighbors: Of the M different contents.
    """

    cluster: NDArray[np.int32]
    similarity: NDArray[np.float32]
    margin: NDArray[np.float32]
    isolation: NDArray[np.float32]
    medoid: NDArray[np.bool_]
    levels: dict[int, NDArray[np.int32]]
    neighbors: Neighbors


def assign_clusters(
    vectors: Embedded,
    rows: NDArray[np.int64],
    prototypes: NDArray[np.float32],
    config: ClusterConfig,
) -> Groups:
    """Assign images to clusters and measure how well they fit.

    Args:
        vectors: Of M different contents, so that copies of a file are not each other's neighbours.
        rows: (N,) int64, content of each image.
        prototypes: (K, P) float32, unit rows.
        config: The stage's settings.
    """
    own = nearest_prototype(vectors.projections, prototypes)
    centroids = list_centroids(vectors.embeddings, own, int(own.max()) + 1)
    near = nearest(vectors.embeddings, config.neighbors, centroids=centroids)
    n_clusters = config.clusters or len(prototypes)
    smooth = smoothed(vectors.embeddings, near.index)
    grains = nested_groups(smooth, own, len(prototypes), {n_clusters, *config.levels})
    means = grains[n_clusters].means
    if config.assign is Assign.BALANCED:
        assigned = balanced_assignment(smooth[rows], means)
        similarity, margin = fit(smooth[rows], means, assigned)
    else:
        assigned = grains[n_clusters].group
        similarity, margin = fit(smooth, means, assigned)
        assigned, similarity, margin = assigned[rows], similarity[rows], margin[rows]
    has_any = near.similarity.shape[1] > 0
    mean = near.similarity.mean(axis=1) if has_any else np.zeros(len(own), np.float32)
    return Groups(
        cluster=assigned,
        similarity=similarity,
        margin=margin,
        isolation=np.asarray(1 - mean, np.float32)[rows],
        medoid=medoids(vectors.embeddings, rows, assigned),
        levels={n: _level(grains, n, n_clusters, assigned, rows) for n in config.levels},
        neighbors=near,
    )


def _level(
    grains: dict[int, Grain],
    level: int,
    n_clusters: int,
    assigned: NDArray[np.int32],
    rows: NDArray[np.int64],
) -> NDArray[np.int32]:
    """Return the groups (N,) of a level: what the images' clusters are parts of."""
    if level > n_clusters:
        return grains[level].group[rows]
    group = assigned
    for number in sorted((n for n in grains if level < n <= n_clusters), reverse=True):
        group = grains[number].parents[group]
    return group


def _with_suspects(
    manifest: Manifest, contents: NDArray[np.int64], neighbors: Neighbors
) -> Manifest:
    """Return the manifest with ``label_suspect``: how far an image's neighbours gainsay its label.

    Args:
        manifest: With labels.
        contents: (N,) int64, content of each readable row.
        neighbors: Of the M contents.
    """
    is_ok = is_readable(manifest.rows)
    own = manifest.rows.read(["label"])["label"].filter(pa.array(is_ok))
    codes = pc.dictionary_encode(own.fill_null("")).combine_chunks().indices.to_numpy()
    of_content = np.zeros(int(contents.max()) + 1, np.int64)
    of_content[contents[::-1]] = codes[::-1]
    if neighbors.index.shape[1] == 0:
        return manifest
    classes = of_content[neighbors.index][contents]
    doubt = suspicion(neighbors.similarity[contents], classes, np.asarray(codes, np.int64))
    known = own.is_valid().to_numpy()
    places = pa.array(np.cumsum(is_ok) - 1, pa.int64(), mask=~is_ok)
    column = pa.array(doubt, pa.float32(), mask=~known).take(places)
    columns = HeldRows(pa.table({"label_suspect": column}))
    return replace(manifest, rows=FilledRows(manifest.rows, columns))


def _facts(table: pa.Table) -> NDArray[np.float32]:
    """Return plain measures of images (N, 11), on scales on which differences mean the same."""
    names = ("sharpness", "brightness", "contrast", "entropy", "shade", "light", "chroma", "detail")
    measured = {name: np.asarray(table[name].to_numpy(), np.float32) for name in names}
    width, height, size = (
        np.maximum(np.asarray(table[name].to_numpy(), np.float32), 1)
        for name in ("width", "height", "bytes")
    )
    scaled = measured | {
        "sharpness": np.log1p(measured["sharpness"]),
        "detail": np.log(measured["detail"] + 0.05),
        "area": np.log(width * height),
        "shape": np.log(width / height),
        "bytes a pixel": np.log(size / (width * height)),
    }
    return np.stack(list(scaled.values()), axis=1)


def _manifest(
    found: Scan,
    groups: Groups,
    outlier: NDArray[np.float32],
    config: ClusterConfig,
    model: str,
) -> Manifest:
    readable = found.row_numbers()
    columns = {
        "cluster": groups.cluster,
        "cluster_similarity": groups.similarity,
        "cluster_margin": groups.margin,
        "outlier": outlier,
        "isolation": groups.isolation,
        "medoid": groups.medoid,
    }
    table = pa.table(
        [pa.array(columns[field.name], field.type).take(readable) for field in CLUSTER_COLUMNS],
        schema=CLUSTER_COLUMNS,
    )
    for level, cluster_of in groups.levels.items():
        column = pa.array(cluster_of, pa.int32()).take(readable)
        table = table.append_column(f"cluster_{level}", column)
    named = replace(found.manifest(config.labels), model=model)
    return named.with_columns(HeldRows(table), stage="cluster", config=asdict(config))

"""Sample: draw a subset with a share of every group, without duplicates."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.group_complexity import weigh_by_complexity
from curate.algorithms.group_ranks import rank_farthest_first, rank_in_groups
from curate.algorithms.quotas import (
    NestedQuotas,
    expected_quotas,
    nested_quotas,
    round_quotas,
)
from curate.amounts import count_of
from curate.argument_types import check_arguments
from curate.choices import Quota, Within
from curate.errors import InputError, UsageError
from curate.field_types import take_types
from curate.manifest.column_text import as_text, find_rarest
from curate.manifest.columns import SAMPLE_COLUMNS
from curate.manifest.contract import hint_at_filler
from curate.manifest.joins import find_partners
from curate.manifest.manifest import (
    Manifest,
    check_overwritable,
    read_manifest,
    write_manifest,
)
from curate.manifest.row_filter import matching
from curate.manifest.rows import HeldRows
from curate.manifest.selection import is_kept, is_readable, read_hashes
from curate.manifest.target_shares import read_target_shares
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent, task
from curate.workspace.embedding_store import EmbeddingStore, Vectors
from curate.workspace.workspace import find_workspace

OBJECTS = "objects"
"""The column of classes in images, of which an image may have several: it counts for its rarest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleConfig:
    """What the stage needs to know.

    Attributes:
        size: Images to draw, >= 1.
        by: Columns whose values get even shares; null counts as a value. Of several, the first is
            shared out first and the next within each of its values (as the levels of Vo et al.
            2024, arXiv:2405.15613). An image counts for the rarest class of its ``objects``.
        stratify: Column whose values keep the shares that they have among the images to draw from;
            the shares of ``by`` are even within each of them. None for none.
        within: Which images of a group are taken: any at random, those nearest to their prototype,
            or those that cover the group best.
        quota: How draws are shared out over the values of ``by``: the same number each, in
            proportion to their images, by the complexity of their images, or as a CSV file says
            (:mod:`curate.manifest.target_shares`). All but the first take one column and no strata.
        continue_from: A manifest whose selected images are in the new subset, too, and count: by
            path, else by content. One that a copy is kept in place of by now stays all the same,
            and that copy is not drawn.
        include: Rows to draw from, an expression of DuckDB; None for all.
        exclude: Rows not to draw from; None for none.
        seed: Of the random draw.
    """

    size: int
    by: tuple[str, ...] = ("cluster",)
    stratify: str | None = None
    within: Within = Within.RANDOM
    quota: Quota | Path = Quota.EQUAL
    continue_from: Path | None = None
    include: str | None = None
    exclude: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Take the choice by its name and check the range.

        Raises:
            UsageError: There is no such choice, ``size`` is below 1, there is no column, or columns
                and quotas do not go together.
        """
        take_types(self)
        if self.is_weighted and (len(self.by) > 1 or self.stratify is not None):
            raise UsageError(
                "--quota and --continue share out over one column, without --stratify",
                hint="use --by cluster, or leave --quota and --continue out",
            )
        if not self.by:
            raise UsageError("a sample needs a column to balance", hint="use --by cluster")
        if self.size < 1:
            raise UsageError(
                f"size must be at least 1, got {self.size}", hint="use --size 500, say"
            )

    @property
    def is_weighted(self) -> bool:
        """Whether groups have weights, where else all are alike."""
        return self.quota != Quota.EQUAL or self.continue_from is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleResult(ShownInNotebooks):
    """What the stage did.

    Attributes:
        manifest: The file written.
        n_selected: Images drawn.
        n_available: Images that could have been: readable and kept.
        n_lost: Images of the earlier sample that could not: gone, unreadable or left out by now.
        n_groups: Values of the column.
        smallest: Images drawn from the least drawn group.
        largest: Images drawn from the most drawn group.
    """

    manifest: str
    n_selected: int
    n_available: int
    n_lost: int
    n_groups: int
    smallest: int
    largest: int


@check_arguments
def sample(
    manifest: Path | str,
    config: SampleConfig,
    *,
    out: Path | str,
    workspace: Path | str | None = None,
    progress: Progress | None = None,
) -> SampleResult:
    """Draw a balanced subset; write a manifest with ``selected`` and ``weight`` filled.

    Args:
        manifest: The manifest to draw from; it is not changed unless ``out`` names it.
        config: The stage's settings.
        out: The manifest to write, all rows of the first.
        workspace: Where the embeddings are, for ``diverse``.
        progress: Is told how far the work is.

    Raises:
        InputError: The manifest or the output cannot be used.
        UsageError: The column or the size cannot be used.
    """
    source = read_manifest(Path(manifest))
    out = Path(out)
    check_overwritable(out)
    is_asked_for = _is_asked_for(source, config)
    drawn, n_lost = _find_drawn(source, is_asked_for, config)
    available = np.flatnonzero(_is_available(source, drawn) & is_asked_for)
    _check_size(config.size, len(available))
    root = find_workspace(workspace).root
    is_drawn = np.isin(available, drawn)
    if config.is_weighted:
        nested = _weigh_out(source, available, is_drawn, config, root)
    else:
        nested = _share_out(source, available, config)
    group, quotas = nested.group, nested.quotas
    rank = _rank_rows(source, available, group, config, root, progress or Silent())
    rank = rank_in_groups(rank - len(rank) * is_drawn.astype(np.float64), group)
    is_taken = rank < quotas[group]
    selected = np.zeros(len(source.rows), bool)
    selected[available[is_taken]] = True
    weight = np.zeros(len(source.rows), np.float32)
    weight[available[is_taken]] = nested.weights()[group[is_taken]]
    columns = HeldRows(pa.table([pa.array(selected), pa.array(weight)], schema=SAMPLE_COLUMNS))
    write_manifest(
        source.with_columns(columns, stage="sample", config=_describe_config(config)), out
    )
    return SampleResult(
        manifest=str(out),
        n_selected=int(selected.sum()),
        n_available=len(available),
        n_lost=n_lost,
        n_groups=len(quotas),
        smallest=int(quotas.min()),
        largest=int(quotas.max()),
    )


def _check_size(size: int, n_available: int) -> None:
    """Check that so many images can be drawn.

    Raises:
        InputError: There is none.
        UsageError: There are too few.
    """
    if n_available == 0:
        raise InputError(
            "no image can be drawn: duplicates and unreadable images are out",
            hint="name another manifest, or other rows with --include or --exclude",
        )
    if size > n_available:
        raise UsageError(
            f"{size} images asked for, {n_available} can be drawn",
            hint=f"use --size {n_available} or less; duplicates and unreadable images are out",
        )


def _describe_config(config: SampleConfig) -> dict[str, Any]:
    """Return the settings as JSON values."""
    return {n: str(v) if isinstance(v, Path) else v for n, v in asdict(config).items()}


def _is_available(manifest: Manifest, drawn: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows are kept: of copies those drawn before, if there are some."""
    chosen = is_kept(manifest.rows)
    if len(drawn) and "group" in manifest.rows.schema.names:
        group = manifest.rows.read(["group"])["group"]
        chosen &= ~np.asarray(pc.is_in(group, pc.drop_null(group.take(pa.array(drawn)))), bool)
    chosen[drawn] = True
    return chosen


def _is_asked_for(manifest: Manifest, config: SampleConfig) -> NDArray[np.bool_]:
    """Return which rows are readable and chosen by expressions."""
    chosen = is_readable(manifest.rows)
    if config.include is not None:
        chosen &= matching(manifest.rows, config.include)
    if config.exclude is not None:
        chosen &= ~matching(manifest.rows, config.exclude)
    return chosen


def _read_groups(
    manifest: Manifest, column: str, rows: NDArray[np.int64], *, option: str
) -> tuple[NDArray[np.int64], list[str | None]]:
    """Return the values of a column at some rows as numbers, and what each number stands for."""
    hint = hint_at_filler(column, otherwise=f"choose another column with {option}")
    values = manifest.column(column, hint=hint).take(pa.array(rows))
    if column == OBJECTS:
        values = pa.chunked_array([find_rarest(values)])
    elif pa.types.is_nested(values.type) or pa.types.is_dictionary(values.type):
        values = as_text(values, column)
    coded = pc.dictionary_encode(values.combine_chunks(), null_encoding="encode")
    codes = np.asarray(coded.indices.to_numpy(zero_copy_only=False), np.int64)
    return codes, [None if value is None else str(value) for value in coded.dictionary.to_pylist()]


def _share_out(manifest: Manifest, rows: NDArray[np.int64], config: SampleConfig) -> NestedQuotas:
    """Return how many images each group of the finest level gives."""
    strata = None
    if config.stratify is not None:
        strata = _read_groups(manifest, config.stratify, rows, option="--stratify")[0]
    levels = [_read_groups(manifest, name, rows, option="--by")[0] for name in config.by]
    return nested_quotas(config.size, levels, strata=strata, seed=config.seed)


def _find_drawn(
    manifest: Manifest, is_asked_for: NDArray[np.bool_], config: SampleConfig
) -> tuple[NDArray[np.int64], int]:
    """Return the rows that an earlier sample drew, and how many of its images are not among them.

    Raises:
        UsageError: The earlier manifest is no sample, or more of it can be drawn than are wanted.
    """
    if config.continue_from is None:
        return np.empty(0, np.int64), 0
    earlier = read_manifest(config.continue_from)
    selected = earlier.column("selected", hint="name a manifest that `curate sample` wrote")
    is_selected = np.asarray(pc.fill_null(selected, fill_value=False), bool)
    rows = find_partners(earlier.rows, manifest.rows, on="path")
    by_content = find_partners(earlier.rows, manifest.rows, on="hash")
    rows = np.where(rows >= 0, rows, by_content)[is_selected]
    drawn = np.unique(rows[rows >= 0])
    drawn = drawn[is_asked_for[drawn]]
    if len(drawn) > config.size:
        raise UsageError(
            f"{config.continue_from} has {len(drawn)} images selected, more than the "
            f"{config.size} asked for in all",
            hint=f"use --size {len(drawn)} or more",
        )
    return drawn, int(is_selected.sum()) - len(drawn)


def _weigh_out(
    manifest: Manifest,
    rows: NDArray[np.int64],
    is_drawn: NDArray[np.bool_],
    config: SampleConfig,
    workspace: Path,
) -> NestedQuotas:
    """Return how many images each group gives by its weight.

    Raises:
        UsageError: The groups that have a weight have too few images.
    """
    (column,) = config.by
    group, values = _read_groups(manifest, column, rows, option="--by")
    available = np.bincount(group)
    taken = np.bincount(group[is_drawn], minlength=len(available))
    weights = _weigh_groups(manifest, rows, group, values, config, workspace)
    most = int(np.where(weights > 0, available, taken).sum())
    if most < config.size:
        fewer = f"use --size {most} or less, or " if most else ""
        raise UsageError(
            f"{count_of(config.size, 'image')} asked for, the groups with a share have {most}",
            hint=f"{fewer}give more groups a share",
        )
    expected = expected_quotas(weights, available, config.size, taken)
    quotas = round_quotas(expected, config.seed)
    return NestedQuotas(group, quotas, np.maximum(quotas, 1) / np.maximum(expected, 1e-12))


def _weigh_groups(
    manifest: Manifest,
    rows: NDArray[np.int64],
    group: NDArray[np.int64],
    values: list[str | None],
    config: SampleConfig,
    workspace: Path,
) -> NDArray[np.float64]:
    """Return the weight of each group, (G,) >= 0."""
    match config.quota:
        case Quota.EQUAL:
            return np.ones(len(values))
        case Quota.PROPORTIONAL:
            return np.bincount(group).astype(np.float64)
        case Quota.COMPLEXITY:
            vectors = _load_vectors(manifest, rows, workspace, option="--quota complexity")
            return weigh_by_complexity(vectors, group)
        case _:
            return read_target_shares(Path(config.quota), config.by[0], values)


def _rank_rows(
    manifest: Manifest,
    rows: NDArray[np.int64],
    group: NDArray[np.int64],
    config: SampleConfig,
    workspace: Path,
    progress: Progress,
) -> NDArray[np.int64]:
    """Return the rank of each row in the order in which its group gives images."""
    match config.within:
        case Within.RANDOM:
            return rank_in_groups(np.random.default_rng(config.seed).random(len(rows)), group)
        case Within.CENTRAL:
            hint = "cluster first, or use --within random"
            similarity = manifest.column("cluster_similarity", hint=hint).to_numpy()[rows]
            return rank_in_groups(-similarity, group)
        case Within.DIVERSE:
            vectors = _load_vectors(manifest, rows, workspace, option="--within diverse")
            ranks = np.empty(len(rows), np.int64)
            with task(progress, "ordering farthest first", int(group.max()) + 1):
                for members, places in rank_farthest_first(vectors, group, config.size):
                    ranks[members] = places
                    progress.advance()
            return ranks


def _load_vectors(
    manifest: Manifest, rows: NDArray[np.int64], workspace: Path, *, option: str
) -> Vectors:
    """Return the embeddings of some rows.

    Raises:
        UsageError: The manifest was written without a model.
    """
    if manifest.model is None:
        raise UsageError(
            f"{option} needs embeddings, the manifest names no model",
            hint=f"cluster first, or leave {option} out",
        )
    name, _, weights = manifest.model.partition("@")
    store = EmbeddingStore(workspace / "embeddings" / name, weights)
    return store.load(read_hashes(manifest.rows, rows)).embeddings

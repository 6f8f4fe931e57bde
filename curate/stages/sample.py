"""Sample: draw a subset with even shares of every group, without duplicates."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.group_ranks import rank_farthest_first, rank_in_groups
from curate.algorithms.quotas import NestedQuotas, nested_quotas
from curate.choices import Within, take_choice
from curate.errors import UsageError
from curate.manifest.column_text import as_text
from curate.manifest.columns import SAMPLE_COLUMNS
from curate.manifest.manifest import (
    Manifest,
    check_overwritable,
    read_manifest,
    write_manifest,
)
from curate.manifest.row_filter import matching
from curate.manifest.rows import HeldRows
from curate.manifest.selection import is_kept, read_hashes
from curate.progress import Progress, Silent, task
from curate.workspace.embedding_store import EmbeddingStore, Vectors
from curate.workspace.workspace import find_workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleConfig:
    """What the stage needs to know.

    Attributes:
        size: Images to draw, >= 1.
        by: Columns whose values get even shares; null counts as a value. Of several, the first is
            shared out first and the next within each of its values (as the levels of Vo et al.
            2024, arXiv:2405.15613).
        stratify: Column whose values keep the shares that they have among the images to draw from;
            the shares of ``by`` are even within each of them. None for none.
        within: Which images of a group are taken: any at random, those nearest to their prototype,
            or those that cover the group best.
        include: Rows to draw from, an expression of DuckDB; None for all.
        exclude: Rows not to draw from; None for none.
        seed: Of the random draw.
    """

    size: int
    by: tuple[str, ...] = ("cluster",)
    stratify: str | None = None
    within: Within = Within.RANDOM
    include: str | None = None
    exclude: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Take the choice by its name and check the range.

        Raises:
            UsageError: There is no such choice, ``size`` is below 1, or there is no column.
        """
        take_choice(self, "within", Within)
        if not self.by:
            raise UsageError("a sample needs a column to balance", hint="use --by cluster")
        if self.size < 1:
            raise UsageError(
                f"size must be at least 1, got {self.size}", hint="use --size 500, say"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleResult:
    """What the stage did.

    Attributes:
        manifest: The file written.
        n_selected: Images drawn.
        n_available: Images that could have been: readable and kept.
        n_groups: Values of the column.
        smallest: Images drawn from the least drawn group.
        largest: Images drawn from the most drawn group.
    """

    manifest: str
    n_selected: int
    n_available: int
    n_groups: int
    smallest: int
    largest: int


def sample(
    manifest: Path | str,
    config: SampleConfig,
    *,
    out: Path | str,
    workspace: Path | None = None,
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
    available = np.flatnonzero(_is_available(source, config))
    if config.size > len(available):
        raise UsageError(
            f"{config.size} images asked for, {len(available)} can be drawn",
            hint=f"use --size {len(available)} or less; duplicates and unreadable images are out",
        )
    nested = _share_out(source, available, config)
    group, quotas = nested.group, nested.quotas
    rank = _rank_rows(
        source, available, group, config, find_workspace(workspace).root, progress or Silent()
    )
    is_taken = rank < quotas[group]
    selected = np.zeros(len(source.rows), bool)
    selected[available[is_taken]] = True
    weight = np.zeros(len(source.rows), np.float32)
    weight[available[is_taken]] = nested.weights()[group[is_taken]]
    columns = HeldRows(pa.table([pa.array(selected), pa.array(weight)], schema=SAMPLE_COLUMNS))
    write_manifest(source.with_columns(columns, stage="sample", config=asdict(config)), out)
    return SampleResult(
        manifest=str(out),
        n_selected=int(selected.sum()),
        n_available=len(available),
        n_groups=len(quotas),
        smallest=int(quotas.min()),
        largest=int(quotas.max()),
    )


def _is_available(manifest: Manifest, config: SampleConfig) -> NDArray[np.bool_]:
    """Return which rows are kept and asked for."""
    chosen = is_kept(manifest.rows)
    if config.include is not None:
        chosen &= matching(manifest.rows, config.include)
    if config.exclude is not None:
        chosen &= ~matching(manifest.rows, config.exclude)
    return chosen


def _read_codes(
    manifest: Manifest, column: str, rows: NDArray[np.int64], *, option: str
) -> NDArray[np.int64]:
    """Return the values of a column at some rows as numbers."""
    hint = f"cluster first: `curate cluster --out M.parquet`, or choose a column with {option}"
    values = manifest.column(column, hint=hint).take(pa.array(rows))
    if pa.types.is_nested(values.type) or pa.types.is_dictionary(values.type):
        values = as_text(values, column)
    coded = pc.dictionary_encode(values.combine_chunks(), null_encoding="encode")
    return np.asarray(coded.indices.to_numpy(zero_copy_only=False), np.int64)


def _share_out(manifest: Manifest, rows: NDArray[np.int64], config: SampleConfig) -> NestedQuotas:
    """Return how many images each group of the finest level gives."""
    strata = None
    if config.stratify is not None:
        strata = _read_codes(manifest, config.stratify, rows, option="--stratify")
    levels = [_read_codes(manifest, name, rows, option="--by") for name in config.by]
    return nested_quotas(config.size, levels, strata=strata, seed=config.seed)


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
            vectors = _load_vectors(manifest, rows, workspace)
            ranks = np.empty(len(rows), np.int64)
            with task(progress, "ordering farthest first", int(group.max()) + 1):
                for members, places in rank_farthest_first(vectors, group, config.size):
                    ranks[members] = places
                    progress.advance()
            return ranks


def _load_vectors(manifest: Manifest, rows: NDArray[np.int64], workspace: Path) -> Vectors:
    """Return the embeddings of some rows.

    Raises:
        UsageError: The manifest was written without a model.
    """
    if manifest.model is None:
        raise UsageError(
            "--within diverse needs embeddings, the manifest names no model",
            hint="cluster first, or use --within random",
        )
    store = EmbeddingStore(workspace / "embeddings" / manifest.model.partition("@")[0])
    return store.load(read_hashes(manifest.rows, rows)).embeddings

"""Split: train, validation and test parts that share no copies."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.errors import UsageError
from curate.graph import connected_components
from curate.manifest import SPLIT_COLUMNS, Manifest, read_manifest, write_manifest
from curate.partition import place, split_by_place, split_evenly
from curate.records import Status

Ints = NDArray[np.int64]

_RATIO_SLACK = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitConfig:
    """What the stage needs to know.

    Attributes:
        ratios: Names of the splits and their shares, which add up to 1.
        stratify: Column whose values each split gets in the same shares; None for none.
        by: Column whose equal values stay together, such as a patient or a video; None for none.
        stable: Never move an image that has a split; new ones are placed by hash.
        seed: Of the order.
    """

    ratios: tuple[tuple[str, float], ...] = (("train", 0.8), ("val", 0.1), ("test", 0.1))
    stratify: str | None = None
    by: str | None = None
    stable: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ratios.

        Raises:
            UsageError: They are no shares, or name a split twice.
        """
        shares = [share for _, share in self.ratios]
        names = {name for name, _ in self.ratios}
        is_sum_one = abs(sum(shares) - 1) <= _RATIO_SLACK
        if len(names) < len(shares) or "" in names or min(shares, default=0) <= 0 or not is_sum_one:
            raise UsageError(
                "ratios must be positive, name each split once and add up to 1",
                hint="such as --ratios train=0.8,val=0.1,test=0.1",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitResult:
    """What the stage did.

    Attributes:
        manifest: The file written.
        n_images: Images in each split, by name.
        n_units: Sets of images that stay together, single ones included.
        n_straddling: Such sets whose images already lay in different splits and were not moved.
    """

    manifest: str
    n_images: dict[str, int]
    n_units: int
    n_straddling: int


def split(
    manifest: Path | str, config: SplitConfig | None = None, *, out: Path | str | None = None
) -> SplitResult:
    """Fill the column ``split``; copies and ``by`` groups never straddle.

    Args:
        manifest: The manifest.
        config: The stage's settings.
        out: The manifest to write; None writes the one that was read.

    Raises:
        InputError: The manifest cannot be used.
        UsageError: There is no such column.
    """
    config = config or SplitConfig()
    read = read_manifest(Path(manifest))
    rows = np.flatnonzero(pc.equal(read.table["status"], Status.OK.value).to_numpy())
    table = read.table.take(pa.array(rows))
    units, keys = _units(table, read, config, rows)
    fresh = _fresh_splits(table, read, config, rows, units, keys)
    names = [name for name, _ in config.ratios]
    number = fresh[units]
    n_straddling = 0
    if config.stable and "split" in table.column_names:
        number, n_straddling = _kept(table, names, number, units)
    column = np.full(len(read.table), None, object)
    column[rows] = np.array(names, object)[number]
    columns = pa.table([pa.array(column, pa.string())], schema=SPLIT_COLUMNS)
    out = Path(out) if out is not None else Path(manifest)
    write_manifest(read.with_columns(columns, stage="split", config=asdict(config)), out)
    counts = np.bincount(number, minlength=len(names))
    return SplitResult(
        manifest=str(out),
        n_images=dict(zip(names, counts.tolist(), strict=True)),
        n_units=len(keys),
        n_straddling=n_straddling,
    )


def _codes(read: Manifest, column: str, rows: Ints) -> tuple[Ints, list[str | None]]:
    """Return the values of a column at some rows as numbers, and what they stand for."""
    values = read.column(column, hint="choose a column of the manifest").take(pa.array(rows))
    coded = pc.dictionary_encode(pc.cast(values, pa.string()), null_encoding="encode")
    chunk = coded.combine_chunks()
    return np.asarray(chunk.indices.to_numpy(), np.int64), chunk.dictionary.to_pylist()


def _units(
    table: pa.Table, read: Manifest, config: SplitConfig, rows: Ints
) -> tuple[Ints, list[str]]:
    """Return the unit of each row, and a key of each unit that new copies do not change."""
    n_rows = len(table)
    links: list[tuple[Ints, Ints]] = [_chain(table["hash"], np.arange(n_rows))]
    if "group" in table.column_names:
        is_grouped = np.flatnonzero(table["group"].is_valid().to_numpy())
        links.append(_chain(table["group"].take(pa.array(is_grouped)), is_grouped))
    by_keys: list[str | None] = []
    if config.by is not None:
        codes, names = _codes(read, config.by, rows)
        by_keys = [names[code] for code in codes.tolist()]
        known = np.array([key is not None for key in by_keys], bool)
        links.append(_chain(pa.chunked_array([codes[known]]), np.flatnonzero(known)))
    a, b = (np.concatenate(ends) for ends in zip(*links, strict=True))
    first, units = np.unique(connected_components(n_rows, a, b), return_inverse=True)
    hashes = table["hash"].to_pylist()
    keys = [by_keys[row] or hashes[row] if by_keys else hashes[row] for row in first.tolist()]
    return units, keys


def _chain(values: pa.ChunkedArray, rows: Ints) -> tuple[Ints, Ints]:
    """Return links that join the rows of equal values, each to the next."""
    codes = pc.dictionary_encode(values).combine_chunks().indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    same = codes[order][1:] == codes[order][:-1]
    return rows[order[:-1][same]], rows[order[1:][same]]


def _fresh_splits(
    table: pa.Table,
    read: Manifest,
    config: SplitConfig,
    rows: Ints,
    units: Ints,
    keys: list[str],
) -> Ints:
    """Return the split of each unit, whatever it was before."""
    places = np.array([place(key, seed=config.seed) for key in keys])
    shares = [share for _, share in config.ratios]
    if config.stable:
        return split_by_place(places, shares)
    strata = np.zeros(len(keys), np.int64)
    if config.stratify is not None:
        codes, _ = _codes(read, config.stratify, rows)
        strata[units[::-1]] = codes[::-1]  # that of the unit's first image
    return split_evenly(np.bincount(units), strata, shares, places)


def _kept(table: pa.Table, names: list[str], number: Ints, units: Ints) -> tuple[Ints, int]:
    """Return the splits with old images left where they were and new ones beside their unit's."""
    old = np.array([names.index(s) if s in names else -1 for s in table["split"].to_pylist()])
    has_old = np.flatnonzero(old >= 0)
    of_unit = np.full(int(units.max()) + 1, -1)
    of_unit[units[has_old[::-1]]] = old[has_old[::-1]]
    joined = np.where(of_unit[units] >= 0, of_unit[units], number)
    straddling = np.unique(units[has_old][old[has_old] != of_unit[units[has_old]]])
    return np.where(old >= 0, old, joined), len(straddling)

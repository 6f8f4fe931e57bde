"""Split: train, validation and test parts that share no copies."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.graph import connected_components
from curate.algorithms.group_split import places, split_by_place, split_evenly
from curate.errors import UsageError
from curate.manifest.columns import SPLIT_COLUMNS
from curate.manifest.joins import find_possible_twins
from curate.manifest.manifest import Manifest, read_manifest, write_manifest
from curate.manifest.rows import HeldRows, Rows, TakenRows
from curate.manifest.selection import is_readable

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
    images = _Images(read, np.flatnonzero(is_readable(read.rows)))
    units = _units(images, config)
    names = [name for name, _ in config.ratios]
    number = _fresh_splits(images, units, config)[units.of_row]
    n_straddling = 0
    if config.stable and "split" in read.rows.schema.names:
        number, n_straddling = _kept(images.column("split"), names, number, units.of_row)
    out = Path(out) if out is not None else Path(manifest)
    columns = _columns(names, number, images)
    write_manifest(read.with_columns(columns, stage="split", config=asdict(config)), out)
    counts = np.bincount(number, minlength=len(names))
    return SplitResult(
        manifest=str(out),
        n_images=dict(zip(names, counts.tolist(), strict=True)),
        n_units=len(units.first),
        n_straddling=n_straddling,
    )


@dataclass(frozen=True, slots=True)
class _Images:
    """The N readable images of a manifest.

    Attributes:
        manifest: Where they are.
        rows: (N,) int64, their rows.
    """

    manifest: Manifest
    rows: Ints

    def column(self, name: str) -> pa.ChunkedArray:
        """Return the values of a column.

        Raises:
            UsageError: There is no such column.
        """
        values = self.manifest.column(name, hint="choose a column of the manifest")
        return values if len(self.rows) == len(values) else values.take(pa.array(self.rows))

    def codes(self, name: str) -> tuple[Ints, pa.Array]:
        """Return the values of a column as numbers, (N,), and the texts that they stand for."""
        text = pc.cast(self.column(name), pa.string())
        coded = pc.dictionary_encode(text, null_encoding="encode").combine_chunks()
        return np.asarray(coded.indices.to_numpy(), np.int64), coded.dictionary

    def hashes(self, numbers: Ints) -> Rows:
        """Return the content hashes of some images, which are read when they are asked for."""
        rows = self.manifest.rows
        return TakenRows(rows, [rows.schema.field("hash")], self.rows[numbers])


@dataclass(frozen=True, slots=True)
class _Units:
    """The U sets of images that stay together.

    Attributes:
        of_row: (N,) int64, unit of each image.
        first: (U,) int64, first image of each unit, ascending.
        places: (U,) float64 in [0, 1), by a key of each unit that new copies do not change.
    """

    of_row: Ints
    first: Ints
    places: NDArray[np.float64]


def _units(images: _Images, config: SplitConfig) -> _Units:
    """Return the sets of images that share their content, their group or their value of ``by``."""
    n_rows = len(images.rows)
    every = images.hashes(np.arange(n_rows))
    twins = find_possible_twins(every, "hash")
    links = [_chain(every.take(["hash"], twins)["hash"], twins)]
    if "group" in images.manifest.rows.schema.names:
        links.append(_chain(images.column("group"), np.arange(n_rows)))
    coded = images.codes(config.by) if config.by is not None else None
    if coded is not None:
        codes, texts = coded
        known = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False)[codes])
        links.append(_chain(pa.chunked_array([codes[known]]), known))
    a, b = (np.concatenate(ends) for ends in zip(*links, strict=True))
    lowest = connected_components(n_rows, a, b)
    is_first = lowest == np.arange(n_rows)
    first = np.flatnonzero(is_first)
    of_row = (np.cumsum(is_first) - 1)[lowest]
    return _Units(of_row, first, _places(images, first, coded, seed=config.seed))


def _chain(values: pa.ChunkedArray, rows: Ints) -> tuple[Ints, Ints]:
    """Return links that join the rows of equal values, each to the next; null equals nothing."""
    known = np.flatnonzero(values.is_valid().to_numpy())
    coded = pc.dictionary_encode(values.take(pa.array(known))).combine_chunks()
    codes, rows = coded.indices.to_numpy(), rows[known]
    order = np.argsort(codes, kind="stable")
    same = codes[order][1:] == codes[order][:-1]
    return rows[order[:-1][same]], rows[order[1:][same]]


def _places(
    images: _Images, first: Ints, coded: tuple[Ints, pa.Array] | None, *, seed: int
) -> NDArray[np.float64]:
    """Return the place of each unit: by its first image's value of ``by``, else by its hash."""
    found = np.empty(len(first))
    unnamed = np.arange(len(first))
    if coded is not None:
        codes, texts = coded
        is_named = np.asarray(pc.fill_null(pc.not_equal(texts, ""), fill_value=False))
        found[:] = _hashed([texts], seed=seed)[codes[first]]
        unnamed = np.flatnonzero(~is_named[codes[first]])
    hashes = images.hashes(first[unnamed]).batches(["hash"])
    found[unnamed] = _hashed((batch.column(0) for batch in hashes), seed=seed)
    return found


def _hashed(keys: Iterable[pa.Array], *, seed: int) -> NDArray[np.float64]:
    """Return the places of keys; the texts of one array at a time are Python objects."""
    return np.concatenate([np.empty(0), *(places(part.to_pylist(), seed=seed) for part in keys)])


def _fresh_splits(images: _Images, units: _Units, config: SplitConfig) -> Ints:
    """Return the split of each unit, whatever it was before."""
    shares = [share for _, share in config.ratios]
    if config.stable:
        return split_by_place(units.places, shares)
    strata = np.zeros(len(units.first), np.int64)
    if config.stratify is not None:
        strata = images.codes(config.stratify)[0][units.first]
    return split_evenly(np.bincount(units.of_row), strata, shares, units.places)


def _columns(names: list[str], number: Ints, images: _Images) -> Rows:
    """Return the column to write: the names of the splits, null where an image is unreadable."""
    of_row = np.full(len(images.manifest.rows), -1, np.int64)
    of_row[images.rows] = number
    named = HeldRows(pa.table([pa.array(names, pa.string())], schema=SPLIT_COLUMNS))
    return TakenRows(named, list(SPLIT_COLUMNS), of_row)


def _kept(
    split_of: pa.ChunkedArray, names: list[str], number: Ints, units: Ints
) -> tuple[Ints, int]:
    """Return the splits with old images left where they were and new ones beside their unit's."""
    known = pc.index_in(pc.cast(split_of, pa.string()), value_set=pa.array(names, pa.string()))
    old = np.asarray(pc.fill_null(known, -1).to_numpy(), np.int64)
    has_old = np.flatnonzero(old >= 0)
    of_unit = np.full(int(units.max()) + 1, -1)
    of_unit[units[has_old[::-1]]] = old[has_old[::-1]]
    joined = np.where(of_unit[units] >= 0, of_unit[units], number)
    straddling = np.unique(units[has_old][old[has_old] != of_unit[units[has_old]]])
    return np.where(old >= 0, old, joined), len(straddling)

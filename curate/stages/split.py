"""Split: train, validation and test parts that share no copies."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.group_split import (
    Units,
    chain_equal_values,
    hash_positions,
    join_units,
    keep_earlier_splits,
    split_by_position,
    split_evenly,
)
from curate.errors import UsageError
from curate.manifest.columns import SPLIT_COLUMNS
from curate.manifest.joins import find_possible_twins
from curate.manifest.manifest import Manifest, read_manifest, write_manifest
from curate.manifest.rows import HeldRows, Rows, TakenRows
from curate.manifest.selection import is_readable
from curate.pages.notebook import ShownInNotebooks

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
class SplitResult(ShownInNotebooks):
    """What the stage did.

    Attributes:
        manifest: The file written.
        n_images: Images in each split, by name.
        ratios: Share asked for each.
        n_units: Sets of images that stay together, single ones included.
        n_straddling: Such sets whose images already lay in different splits and were not moved.
    """

    manifest: str
    n_images: dict[str, int]
    ratios: dict[str, float]
    n_units: int
    n_straddling: int


def split(
    manifest: Path | str, config: SplitConfig | None = None, *, out: Path | str | None = None
) -> SplitResult:
    """Fill the column ``split``; no copies and no ``by`` group lie in several splits.

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
    coded = images.read_codes(config.by) if config.by is not None else None
    units = _find_units(images, coded)
    names = [name for name, _ in config.ratios]
    number = _split_units(images, units, coded, config)[units.unit_of]
    n_straddling = 0
    if config.stable and "split" in read.rows.schema.names:
        earlier = _read_earlier_splits(images, names)
        number, n_straddling = keep_earlier_splits(earlier, number, units.unit_of)
    out = Path(out) if out is not None else Path(manifest)
    columns = _build_column(names, number, images)
    write_manifest(read.with_columns(columns, stage="split", config=asdict(config)), out)
    counts = np.bincount(number, minlength=len(names))
    return SplitResult(
        manifest=str(out),
        n_images=dict(zip(names, counts.tolist(), strict=True)),
        ratios=dict(config.ratios),
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

    def read_column(self, name: str) -> pa.ChunkedArray:
        """Return the values of a column.

        Raises:
            UsageError: There is no such column.
        """
        values = self.manifest.column(name, hint="choose a column of the manifest")
        return values if len(self.rows) == len(values) else values.take(pa.array(self.rows))

    def read_codes(self, name: str) -> "_Codes":
        """Return the values of a column as numbers.

        Raises:
            UsageError: There is no such column.
        """
        text = pc.cast(self.read_column(name), pa.string())
        coded = pc.dictionary_encode(text, null_encoding="encode").combine_chunks()
        return _Codes(np.asarray(coded.indices.to_numpy(), np.int64), coded.dictionary)

    def hashes(self, numbers: Ints) -> Rows:
        """Return the content hashes of some images, read only when they are used."""
        rows = self.manifest.rows
        return TakenRows(rows, [rows.schema.field("hash")], self.rows[numbers])


@dataclass(frozen=True, slots=True)
class _Codes:
    """The values of a column as numbers.

    Attributes:
        codes: (N,) int64, in [0, V).
        texts: The V different values, null among them.
    """

    codes: Ints
    texts: pa.Array


def _find_units(images: _Images, coded: _Codes | None) -> Units:
    """Return the sets of images that share their content, their group or their value of ``by``."""
    every = np.arange(len(images.rows))
    hashes = images.hashes(every)
    twins = find_possible_twins(hashes, "hash")
    links = [_link_equal_values(hashes.take(["hash"], twins)["hash"], twins)]
    if "group" in images.manifest.rows.schema.names:
        links.append(_link_equal_values(images.read_column("group"), every))
    if coded is not None:
        is_value = coded.texts.is_valid().to_numpy(zero_copy_only=False)
        known = np.flatnonzero(is_value[coded.codes])
        links.append(chain_equal_values(coded.codes[known], known))
    return join_units(len(images.rows), links)


def _link_equal_values(values: pa.ChunkedArray, rows: Ints) -> tuple[Ints, Ints]:
    """Return links that join the rows of equal values; null equals nothing."""
    known = np.flatnonzero(values.is_valid().to_numpy())
    coded = pc.dictionary_encode(values.take(pa.array(known))).combine_chunks()
    return chain_equal_values(coded.indices.to_numpy(), rows[known])


def _split_units(images: _Images, units: Units, coded: _Codes | None, config: SplitConfig) -> Ints:
    """Return the split of each unit, whatever it was before."""
    shares = [share for _, share in config.ratios]
    positions = _hash_units(images, units.first, coded, seed=config.seed)
    if config.stable:
        return split_by_position(positions, shares)
    strata = np.zeros(len(units.first), np.int64)
    if config.stratify is not None:
        strata = images.read_codes(config.stratify).codes[units.first]
    return split_evenly(np.bincount(units.unit_of), strata, shares, positions)


def _hash_units(
    images: _Images, first: Ints, coded: _Codes | None, *, seed: int
) -> NDArray[np.float64]:
    """Return a position of each unit in [0, 1), by a key that new copies do not change.

    The key is the value of ``by`` of the unit's first image where it has one, else its hash.
    """
    positions = np.empty(len(first))
    unnamed = np.arange(len(first))
    if coded is not None:
        code = coded.codes[first]
        is_named = np.asarray(pc.fill_null(pc.not_equal(coded.texts, ""), fill_value=False))
        positions[:] = _hash_parts([coded.texts], seed=seed)[code]
        unnamed = np.flatnonzero(~is_named[code])
    hashes = images.hashes(first[unnamed]).batches(["hash"])
    positions[unnamed] = _hash_parts((batch.column(0) for batch in hashes), seed=seed)
    return positions


def _hash_parts(parts: Iterable[pa.Array], *, seed: int) -> NDArray[np.float64]:
    """Return the positions of keys; the texts of one array at a time are Python objects."""
    hashed = (hash_positions(part.to_pylist(), seed=seed) for part in parts)
    return np.concatenate([np.empty(0), *hashed])


def _read_earlier_splits(images: _Images, names: list[str]) -> Ints:
    """Return the number of the split that each image has in the manifest, (N,), -1 for none."""
    texts = pc.cast(images.read_column("split"), pa.string())
    known = pc.index_in(texts, value_set=pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(known, -1).to_numpy(), np.int64)


def _build_column(names: list[str], number: Ints, images: _Images) -> Rows:
    """Return the column to write: the names of the splits, null where an image is unreadable."""
    of_row = np.full(len(images.manifest.rows), -1, np.int64)
    of_row[images.rows] = number
    named = HeldRows(pa.table([pa.array(names, pa.string())], schema=SPLIT_COLUMNS))
    return TakenRows(named, list(SPLIT_COLUMNS), of_row)

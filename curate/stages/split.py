"""Split: train, validation and test parts that share no copies."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.group_split import (
    Units,
    hash_positions,
    keep_earlier_splits,
    split_by_position,
    split_evenly,
)
from curate.argument_types import check_arguments
from curate.errors import UsageError
from curate.field_types import take_types
from curate.manifest.columns import SPLIT_COLUMNS
from curate.manifest.manifest import check_overwritable, read_manifest, write_manifest
from curate.manifest.rows import HeldRows, Rows, TakenRows
from curate.manifest.selection import is_readable
from curate.manifest.units import ChosenImages, Codes
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent

Ints = NDArray[np.int64]

_TRACK = "track"  # the clip that an image is a frame of
_RATIO_SLACK = 1e-6
_WHY_EMPTY = "there are too few images, or too few groups that stay together, for its share"


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitConfig:
    """What the stage needs to know.

    Attributes:
        ratios: Names of the splits and their shares, which add up to 1.
        stratify: Columns whose values, taken together, each split gets in the same shares.
        by: Columns of which images with an equal value in any stay together, such as a patient and
            a video. One name may be given as it is.
        stable: Never move an image that has a split, of whatever name; new ones are placed by hash.
        seed: Of the order.
    """

    ratios: tuple[tuple[str, float], ...] = (("train", 0.8), ("val", 0.1), ("test", 0.1))
    stratify: str | tuple[str, ...] = ()
    by: str | tuple[str, ...] = ()
    stable: bool = False
    seed: int = 0

    @property
    def by_columns(self) -> tuple[str, ...]:
        """Names of the columns whose equal values stay together."""
        return (self.by,) if isinstance(self.by, str) else tuple(self.by)

    @property
    def stratify_columns(self) -> tuple[str, ...]:
        """Names of the columns whose values keep their shares."""
        return (self.stratify,) if isinstance(self.stratify, str) else tuple(self.stratify)

    def __post_init__(self) -> None:
        """Check the ratios.

        Raises:
            UsageError: They are no shares, or name a split twice or by no plain name.
        """
        take_types(self)
        shares = [share for _, share in self.ratios]
        names = {name for name, _ in self.ratios}
        is_sum_one = abs(sum(shares) - 1) <= _RATIO_SLACK
        if len(names) < len(shares) or "" in names or min(shares, default=0) <= 0 or not is_sum_one:
            raise UsageError(
                "ratios must be positive, name each split once and add up to 1",
                hint="such as --ratios train=0.8,val=0.1,test=0.1",
            )
        for name in sorted(names):
            if name in (".", "..") or not name.isprintable() or set(name) & set("/\\"):
                raise UsageError(
                    f"{name!r} cannot name a split: it names a folder of an export, too",
                    hint="use a name without slashes, such as --ratios train=0.8,test=0.2",
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitResult(ShownInNotebooks):
    """What the stage did.

    Attributes:
        manifest: The file written.
        n_images: Images in each split, by name; with ``stable`` splits that the manifest had and
            the ratios do not name come last.
        empty: Names of splits without images.
        ratios: Share asked for each.
        n_units: Sets of images that stay together, single ones included.
        n_straddling: Such sets whose images already lay in different splits and were not moved.
    """

    manifest: str
    n_images: dict[str, int]
    empty: list[str]
    ratios: dict[str, float]
    n_units: int
    n_straddling: int


@check_arguments
def split(
    manifest: Path | str,
    config: SplitConfig | None = None,
    *,
    out: Path | str | None = None,
    progress: Progress | None = None,
) -> SplitResult:
    """Fill the column ``split``; no copies, track and ``by`` group lie in several splits.

    Args:
        manifest: The manifest.
        config: The stage's settings.
        out: The manifest to write; None writes the one that was read.
        progress: Is told of splits without images.

    Raises:
        InputError: The manifest or the output cannot be used.
        UsageError: There is no such column.
    """
    config = config or SplitConfig()
    read = read_manifest(Path(manifest))
    out = Path(out) if out is not None else Path(manifest)
    check_overwritable(out)
    images = ChosenImages(read, np.flatnonzero(is_readable(read.rows)))
    tracks = [_TRACK] if _TRACK in read.rows.schema.names else []
    coded = [images.read_codes(name) for name in (*config.by_columns, *tracks)]
    units = images.find_units(coded)
    names = [name for name, _ in config.ratios]
    if config.stable and "split" in read.rows.schema.names:
        names += _read_other_names(images, names)
    number = _split_units(images, units, coded, config)[units.unit_of]
    n_straddling = 0
    if config.stable and "split" in read.rows.schema.names:
        earlier = _read_earlier_splits(images, names)
        number, n_straddling = keep_earlier_splits(earlier, number, units.unit_of)
    columns = _build_column(names, number, images)
    write_manifest(read.with_columns(columns, stage="split", config=asdict(config)), out)
    counts = np.bincount(number, minlength=len(names)).tolist()
    n_images = dict(zip(names, counts, strict=True))
    empty = [name for name, count in n_images.items() if count == 0]
    for name in empty:
        (progress or Silent()).note(f"the split {name} is empty: {_WHY_EMPTY}")
    return SplitResult(
        manifest=str(out),
        n_images=n_images,
        empty=empty,
        ratios=dict(config.ratios),
        n_units=len(units.first),
        n_straddling=n_straddling,
    )


def _split_units(
    images: ChosenImages, units: Units, coded: Sequence[Codes], config: SplitConfig
) -> Ints:
    """Return the split of each unit, whatever it was before."""
    shares = [share for _, share in config.ratios]
    positions = _hash_units(images, units.first, coded, seed=config.seed)
    if config.stable:
        return split_by_position(positions, shares)
    strata = images.read_joint_codes(config.stratify_columns)[units.first]
    return split_evenly(np.bincount(units.unit_of), strata, shares, positions)


def _hash_units(
    images: ChosenImages, first: Ints, coded: Sequence[Codes], *, seed: int
) -> NDArray[np.float64]:
    """Return a position of each unit in [0, 1), by a key that new copies do not change.

    The key is the value of the first column of ``by`` in which the unit's first image has one, else
    its hash.
    """
    positions = np.empty(len(first))
    unnamed = np.arange(len(first))
    for column in coded:
        code = column.codes[first[unnamed]]
        is_named = np.asarray(pc.fill_null(pc.not_equal(column.texts, ""), fill_value=False))
        positions[unnamed] = _hash_parts([column.texts], seed=seed)[code]
        unnamed = unnamed[~is_named[code]]
    hashes = images.hashes(first[unnamed]).batches(["hash"])
    positions[unnamed] = _hash_parts((batch.column(0) for batch in hashes), seed=seed)
    return positions


def _hash_parts(parts: Iterable[pa.Array], *, seed: int) -> NDArray[np.float64]:
    """Return the positions of keys; the texts of one array at a time are Python objects."""
    hashed = (hash_positions(part.to_pylist(), seed=seed) for part in parts)
    return np.concatenate([np.empty(0), *hashed])


def _read_other_names(images: ChosenImages, names: list[str]) -> list[str]:
    """Return the names of splits that the manifest has and the ratios do not name, sorted."""
    there = set(images.read_codes("split").texts.to_pylist())
    return sorted(there - {None, "", *names})


def _read_earlier_splits(images: ChosenImages, names: list[str]) -> Ints:
    """Return the number of the split that each image has in the manifest, (N,), -1 for none."""
    texts = pc.cast(images.read_column("split"), pa.string())
    known = pc.index_in(texts, value_set=pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(known, -1).to_numpy(), np.int64)


def _build_column(names: list[str], number: Ints, images: ChosenImages) -> Rows:
    """Return the column to write: the names of the splits, null where an image is unreadable."""
    of_row = np.full(len(images.manifest.rows), -1, np.int64)
    of_row[images.rows] = number
    named = HeldRows(pa.table([pa.array(names, pa.string())], schema=SPLIT_COLUMNS))
    return TakenRows(named, list(SPLIT_COLUMNS), of_row)

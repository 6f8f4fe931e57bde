"""The images of a manifest as arrays: the columns that the report reads, those that are there."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.label_agreement import LabelAgreement
from curate.choices import Status
from curate.manifest.duplicates import DuplicateCounts, count_duplicates
from curate.manifest.label_agreement import find_agreement
from curate.manifest.manifest import Manifest
from curate.manifest.rows import HeldRows

Ints = NDArray[np.int64]

_COLUMNS = (
    "path", "hash", "bytes", "width", "height", "status", "reason", "label", "objects", "issues",
    "cluster",
    "cluster_name", "cluster_similarity", "outlier", "medoid", "label_suspect", "group", "match",
    "duplicate_of", "similarity", "keep", "keep_reason", "selected", "split",
)  # fmt: skip


@dataclass(frozen=True)
class ImagesTable:
    """N rows of a manifest.

    Attributes:
        table: Those of the report's columns that the manifest has.
    """

    table: pa.Table = field(repr=False)

    @classmethod
    def read(cls, manifest: Manifest) -> "ImagesTable":
        """Read a manifest.

        Raises:
            InputError: The file cannot be read.
        """
        there = set(manifest.rows.schema.names)
        return cls(manifest.rows.read([name for name in _COLUMNS if name in there]))

    def __len__(self) -> int:
        return len(self.table)

    def has(self, name: str) -> bool:
        """Return whether a column is there and has a value."""
        return name in self.table.column_names and self.table[name].null_count < len(self.table)

    def texts(self, name: str) -> NDArray[np.object_]:
        """Return a column of text, (N,) of str or None; all None where there is none."""
        if name not in self.table.column_names:
            return np.full(len(self), None, object)
        column = self.table[name]
        if pa.types.is_string(column.type):  # no list between: some three times as fast
            return np.asarray(column.to_numpy(), object)
        return np.array([*column.to_pylist(), None], object)[:-1]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column of numbers, (N,) float64, NaN where there is none."""
        if name not in self.table.column_names:
            return np.full(len(self), np.nan)
        return np.asarray(pc.cast(self.table[name], pa.float64()).to_numpy(), np.float64)

    def codes(self, name: str) -> Ints:
        """Return a column of whole numbers, (N,) int64, -1 where there is none."""
        return np.asarray(np.nan_to_num(self.numbers(name), nan=-1), np.int64)

    def flags(self, name: str, *, if_null: bool) -> NDArray[np.bool_]:
        """Return a column of truths, (N,) bool."""
        if name not in self.table.column_names:
            return np.full(len(self), if_null)
        filled = pc.fill_null(self.table[name], fill_value=if_null)
        return np.asarray(filled.to_numpy(), np.bool_)

    def values(self, name: str) -> list[Any]:
        """Return a column as Python values."""
        return list(self.table[name].to_pylist())

    @cached_property
    def paths(self) -> NDArray[np.object_]:
        """(N,) of str."""
        return self.texts("path")

    @cached_property
    def hashes(self) -> NDArray[np.object_]:
        """(N,) of str, or None for a file that could not be opened."""
        return self.texts("hash")

    @cached_property
    def labels(self) -> NDArray[np.object_]:
        """(N,) of str, or None for an image without a label."""
        return self.texts("label")

    @cached_property
    def is_readable(self) -> NDArray[np.bool_]:
        """(N,) whether the image can be used."""
        return np.asarray(self.texts("status") == Status.OK.value, np.bool_)

    @cached_property
    def is_kept(self) -> NDArray[np.bool_]:
        """(N,) whether the image is readable and no dropped copy, as all stages have it."""
        return self.is_readable & self.flags("keep", if_null=True)

    @cached_property
    def is_selected(self) -> NDArray[np.bool_]:
        """(N,) whether the image is drawn by a sample; none is where there was no sample."""
        return self.is_readable & self.flags("selected", if_null=False)

    @cached_property
    def is_copy(self) -> NDArray[np.bool_]:
        """(N,) whether the image is readable and a copy of another, which may stay all the same."""
        is_copy = self.texts("duplicate_of") != None  # noqa: E711 - elementwise
        return np.asarray(self.is_readable & is_copy, np.bool_)

    @cached_property
    def is_dropped(self) -> NDArray[np.bool_]:
        """(N,) whether the image need not be kept, links left out: `count_duplicates`."""
        return self.duplicates.is_dropped

    @cached_property
    def duplicates(self) -> DuplicateCounts:
        """What need not be kept, by evidence."""
        return count_duplicates(HeldRows(self.table))

    @cached_property
    def is_unjudged(self) -> NDArray[np.bool_]:
        """(N,) whether the image is readable and nothing says if it stays: it does until then."""
        if "keep" not in self.table.column_names:
            return self.is_readable
        return self.is_readable & np.asarray(pc.is_null(self.table["keep"]).to_numpy(), np.bool_)

    @cached_property
    def label_agreement(self) -> LabelAgreement | None:
        """Whether the nearest images predict the labels, or None if that was not measured."""
        return find_agreement(self.table)

    def suspicion(self) -> NDArray[np.float64]:
        """Return how suspicious each label is, (N,) float64 in [0, 1]; 0 where none is told."""
        agreement = self.label_agreement
        if agreement is None or not agreement.are_told:
            return np.zeros(len(self))
        return np.nan_to_num(self.numbers("label_suspect"))

    @cached_property
    def bytes(self) -> Ints:
        """(N,) int64, file sizes."""
        return self.codes("bytes")

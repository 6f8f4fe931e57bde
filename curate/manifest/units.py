"""Which images stay together: those of one content, one group of copies or one value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.algorithms.group_split import Units, chain_equal_values, join_units
from curate.manifest.column_text import as_text
from curate.manifest.contract import hint_at_filler
from curate.manifest.joins import find_possible_twins
from curate.manifest.manifest import Manifest
from curate.manifest.rows import Rows, TakenRows

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Codes:
    """The values of a column as numbers.

    Attributes:
        codes: (N,) int64, in [0, V).
        texts: The V different values, null among them.
    """

    codes: Ints
    texts: pa.Array


@dataclass(frozen=True, slots=True)
class ChosenImages:
    """N images of a manifest.

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
        values = self.manifest.column(
            name, hint=hint_at_filler(name, otherwise="choose another column")
        )
        return values if len(self.rows) == len(values) else values.take(pa.array(self.rows))

    def read_codes(self, name: str) -> Codes:
        """Return the values of a column as numbers.

        Raises:
            UsageError: There is no such column, or its values have no form as text.
        """
        text = as_text(self.read_column(name), name)
        coded = pc.dictionary_encode(text, null_encoding="encode").combine_chunks()
        return Codes(np.asarray(coded.indices.to_numpy(), np.int64), coded.dictionary)

    def read_joint_codes(self, names: Sequence[str]) -> Ints:
        """Return a number for each different row of values of some columns, (N,) int64.

        Raises:
            UsageError: There is no such column, or its values have no form as text.
        """
        joint = np.zeros(len(self.rows), np.int64)
        for name in names:
            column = self.read_codes(name)
            joint = np.unique(joint * len(column.texts) + column.codes, return_inverse=True)[1]
        return joint

    def hashes(self, numbers: Ints) -> Rows:
        """Return the content hashes of some images, read only when they are used."""
        rows = self.manifest.rows
        return TakenRows(rows, [rows.schema.field("hash")], self.rows[numbers])

    def find_units(self, together: Sequence[Codes]) -> Units:
        """Return the sets of images that share their content, their group of copies or a value.

        Args:
            together: Columns of which images with one equal value stay together, null not among
                them.
        """
        every = np.arange(len(self.rows))
        hashes = self.hashes(every)
        twins = find_possible_twins(hashes, "hash")
        links = [_link_equal_values(hashes.take(["hash"], twins)["hash"], twins)]
        if "group" in self.manifest.rows.schema.names:
            links.append(_link_equal_values(self.read_column("group"), every))
        for column in together:
            is_value = column.texts.is_valid().to_numpy(zero_copy_only=False)
            known = np.flatnonzero(is_value[column.codes])
            links.append(chain_equal_values(column.codes[known], known))
        return join_units(len(self.rows), links)


def _link_equal_values(values: pa.ChunkedArray, rows: Ints) -> tuple[Ints, Ints]:
    """Return links that join the rows of equal values; null equals nothing."""
    known = np.flatnonzero(values.is_valid().to_numpy())
    coded = pc.dictionary_encode(values.take(pa.array(known))).combine_chunks()
    return chain_equal_values(coded.indices.to_numpy(), rows[known])

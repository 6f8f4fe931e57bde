"""A column of texts, of which a few are Python objects at a time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_BATCH = 10_000


class TextColumn(Sequence[str]):
    """N texts as Arrow holds them; equal to any sequence of the same texts.

    Attributes:
        array: The texts, without nulls.
    """

    def __init__(self, texts: Iterable[str] | pa.Array | pa.ChunkedArray) -> None:
        """Hold texts.

        Args:
            texts: Python texts, or an Arrow column of them.

        Raises:
            ValueError: There is a null among them.
        """
        if isinstance(texts, pa.Array | pa.ChunkedArray):
            array = texts.cast(pa.large_string())
        else:
            array = pa.array(texts, pa.large_string())
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if array.null_count:
            raise ValueError("there is a null among the texts")
        self.array: pa.LargeStringArray = array

    @classmethod
    def of(cls, texts: Iterable[str] | pa.ChunkedArray) -> "TextColumn":
        """Return texts as a column; a column as it is."""
        return texts if isinstance(texts, TextColumn) else cls(texts)

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "TextColumn": ...
    def __getitem__(self, index: int | slice) -> "str | TextColumn":
        if isinstance(index, slice):
            return self.take(np.arange(*index.indices(len(self))))
        return str(self.array[int(index)].as_py())

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _BATCH):
            yield from self.array.slice(start, _BATCH).to_pylist()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TextColumn):
            return bool(self.array.equals(other.array))
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as of a list

    def take(self, rows: NDArray[Any]) -> "TextColumn":
        """Return some of the texts.

        Args:
            rows: (R,) integers.
        """
        return TextColumn(self.array.take(pa.array(rows, pa.int64())))

    def find(self, texts: Iterable[str]) -> list[int]:
        """Return the first place of each of some texts, -1 where it is not among these."""
        asked = pa.array(texts, self.array.type)
        places = pc.fill_null(pc.index_in(asked, value_set=self.array), -1)
        return [int(place) for place in places.to_pylist()]

    def unique(self) -> tuple["TextColumn", NDArray[np.int64]]:
        """Return the distinct texts, sorted, and the place of each text among them, (N,)."""
        encoded = self.array.dictionary_encode()
        order = pc.array_sort_indices(encoded.dictionary).to_numpy()
        place = np.argsort(order)
        return TextColumn(encoded.dictionary.take(order)), place[encoded.indices.to_numpy()]

    def join(self) -> str:
        """Return all texts, one after the other."""
        _, offsets, data = self.array.buffers()
        if data is None:
            return ""
        ends = np.frombuffer(offsets, np.int64)[self.array.offset :][[0, len(self)]]
        return str(data.to_pybytes()[ends[0] : ends[1]], "utf-8")

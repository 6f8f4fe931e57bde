from dataclasses import dataclass, replace

import numpy as np

from curate.copies.pair_tables import concat_pairs, swap_pairs, take_pairs


@dataclass(frozen=True)
class Inner:
    number: np.ndarray
    name: list


@dataclass(frozen=True)
class Outer:
    inner: Inner
    weight: np.ndarray


@dataclass(frozen=True)
class Arrows:
    a: np.ndarray
    b: np.ndarray
    matrix: np.ndarray

    def reverse(self):
        return replace(self, a=self.b, b=self.a, matrix=-self.matrix)


def outer(*numbers):
    inner = Inner(number=np.array(numbers), name=[str(number) for number in numbers])
    return Outer(inner=inner, weight=np.array(numbers) / 10)


def rows_of(table):
    return list(zip(table.inner.number.tolist(), table.inner.name, table.weight, strict=True))


def test_rows_are_taken_from_every_column_and_from_tables_in_it():
    expected = [(3, "3", 0.3), (1, "1", 0.1)]
    assert rows_of(take_pairs(outer(1, 2, 3), np.array([2, 0]))) == expected
    assert rows_of(take_pairs(outer(1, 2, 3), np.array([True, False, True]))) == expected[::-1]


def test_tables_are_concatenated_in_order():
    both = concat_pairs([outer(1, 2), outer(3)])
    assert rows_of(both) == rows_of(outer(1, 2, 3))


def test_swapping_changes_the_rows_it_is_told_of_and_no_others():
    arrows = Arrows(a=np.array([1, 2]), b=np.array([3, 4]), matrix=np.ones((2, 2, 3)))
    swapped = swap_pairs(arrows, np.array([False, True]))
    assert (swapped.a.tolist(), swapped.b.tolist()) == ([1, 4], [3, 2])
    assert swapped.matrix[:, 0, 0].tolist() == [1, -1]

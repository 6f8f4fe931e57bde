import numpy as np
import pyarrow as pa
import pytest

from curate.errors import InputError
from curate.manifest import joins
from curate.manifest.joins import compare_column, find_partners, find_possible_twins
from curate.manifest.rows import HeldRows


def rows(*values, kind=None):
    return HeldRows(pa.table({"key": pa.array(values, kind)}))


@pytest.fixture(params=["little text", "much text"], autouse=True)
def amount(request, monkeypatch):
    if request.param == "much text":
        monkeypatch.setattr(joins, "LITTLE_TEXT", 0)


def test_little_text_is_compared_without_duckdb(monkeypatch):
    monkeypatch.setattr(joins, "LITTLE_TEXT", 100)
    monkeypatch.setattr(joins, "_open_join", None)
    assert find_partners(rows("b", None), rows("a", "b", "b", None), on="key").tolist() == [1, -1]
    with pytest.raises(TypeError):
        find_partners(rows("a" * 200), rows("b"), on="key")
    with pytest.raises(TypeError):
        find_partners(rows(1), rows(2), on="key")


def test_every_row_finds_the_first_of_its_value_and_null_finds_nothing():
    left = rows("b", None, "a", "z", "b")
    assert find_partners(left, rows("a", None, "b", "b", "c"), on="key").tolist() == [
        2,
        -1,
        0,
        -1,
        2,
    ]


def test_values_are_compared_in_the_type_of_the_left_ones():
    assert find_partners(rows(7, 8), rows("8", "9"), on="key").tolist() == [-1, 0]
    assert find_partners(rows("7", "8"), rows(8, 9), on="key").tolist() == [-1, 0]


def test_a_value_that_many_rows_share_is_joined_but_once():
    many = rows(*["same"] * 100_000)
    assert set(find_partners(many, many, on="key").tolist()) == {0}


def test_tables_without_rows_have_no_partners():
    none = rows(kind=pa.string())
    assert find_partners(none, rows("a"), on="key").tolist() == []
    assert find_partners(rows("a"), none, on="key").tolist() == [-1]
    assert find_possible_twins(none, "key").tolist() == []


def test_the_order_of_many_rows_does_not_matter_nor_does_the_memory():
    rng = np.random.default_rng(0)
    keys = np.char.mod("%08d", rng.permutation(200_000))
    order = rng.permutation(200_000)
    found = find_partners(rows(*keys), rows(*keys[order]), on="key", memory="20MB")
    assert np.array_equal(order[found], np.arange(200_000))


def test_all_that_share_a_value_are_among_the_possible_twins():
    found = set(find_possible_twins(rows("a", "b", None, "a", "c", None, "b", "d"), "key").tolist())
    assert {0, 1, 3, 6} <= found
    assert 7 not in found


def test_null_equals_null():
    before, after = rows("a", None, None, "d"), rows("a", "b", None, "e")
    assert compare_column(before, after, "key").tolist() == [False, True, False, True]
    assert compare_column(rows(1, 2), rows("1", "3"), "key").tolist() == [False, True]


@pytest.mark.parametrize("broken", ["left", "right", "twins"])
def test_a_table_that_cannot_be_read_says_so_in_its_own_words(broken):
    class Torn(HeldRows):
        def batches(self, names, *, first=0, end=None):
            yield from ()
            raise InputError("torn.parquet cannot be read", hint="write it again")

    table = pa.table({"path": ["a", "b"]})
    whole, torn = HeldRows(table), Torn(table)
    with pytest.raises(InputError, match=r"torn\.parquet cannot be read"):
        if broken == "twins":
            find_possible_twins(torn, "path")
        else:
            find_partners(*((torn, whole) if broken == "left" else (whole, torn)), on="path")

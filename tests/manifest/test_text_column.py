import numpy as np
import pyarrow as pa
import pytest

from curate.manifest.text_column import TextColumn

TEXTS = ["b", "", "ä日本", "a" * 300]


@pytest.mark.parametrize(
    "made", [TEXTS, pa.array(TEXTS), pa.chunked_array([TEXTS[:1], TEXTS[1:]]), iter(TEXTS)]
)
def test_it_is_the_sequence_that_it_was_made_of(made):
    column = TextColumn(made)
    assert column == TEXTS
    assert len(column) == 4
    assert [column[0], column[-1], column[np.int64(2)]] == ["b", "a" * 300, "ä日本"]
    assert column[1:3] == ["", "ä日本"]
    assert column.take(np.array([3, 0])) == ["a" * 300, "b"]
    assert column.join() == "".join(TEXTS)
    assert column[2:].join() == "".join(TEXTS[2:])
    assert TextColumn(column.array.slice(1, 2)).join() == "ä日本"


def test_a_column_stays_itself_and_an_empty_one_is_empty():
    column = TextColumn(TEXTS)
    assert TextColumn.of(column) is column
    assert TextColumn.of(TEXTS) == column
    assert TextColumn([]).join() == ""
    assert list(TextColumn([])) == []


def test_texts_are_found_where_they_stand_first():
    column = TextColumn(["b", "a", "b"])
    assert column.find(["a", "z", "b"]) == [1, -1, 0]
    assert column.find([]) == []
    assert column.find(name for name in "ba") == [0, 1]


def test_distinct_texts_are_sorted_and_told_where_they_are():
    column = TextColumn(["b", "a", "b", "ä", "Z"])
    distinct, place = column.unique()
    assert list(distinct) == sorted({"b", "a", "ä", "Z"})
    assert [distinct[k] for k in place] == list(column)
    assert len(TextColumn([]).unique()[0]) == 0


def test_nulls_and_places_beyond_the_end_are_refused():
    with pytest.raises(ValueError, match="null"):
        TextColumn(pa.array(["a", None]))
    with pytest.raises(IndexError):
        TextColumn(TEXTS)[4]

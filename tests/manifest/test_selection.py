import itertools

import pyarrow as pa
import pytest

from curate.manifest.rows import HeldRows
from curate.manifest.selection import is_kept, is_readable, is_selected

STATUS = ("ok", "unreadable")
TRUTHS = (True, False, None)


def rows_of(status, **columns):
    table = {name: pa.array([value], pa.bool_()) for name, value in columns.items()}
    return HeldRows(pa.table({"status": [status], **table}))


@pytest.mark.parametrize(("keep", "selected"), list(itertools.product(TRUTHS, TRUTHS)))
def test_an_unreadable_row_is_nothing_else(keep, selected):
    rows = rows_of("unreadable", keep=keep, selected=selected)
    assert (is_readable(rows)[0], is_kept(rows)[0], is_selected(rows)[0]) == (False, False, False)


@pytest.mark.parametrize(("keep", "selected"), list(itertools.product(TRUTHS, TRUTHS)))
def test_a_readable_row_is_kept_unless_it_was_dropped_and_selected_if_it_was_drawn(keep, selected):
    rows = rows_of("ok", keep=keep, selected=selected)
    assert is_readable(rows)[0]
    assert is_kept(rows)[0] == (keep is not False)
    assert is_selected(rows)[0] == (selected is True)


@pytest.mark.parametrize(("status", "keep"), list(itertools.product(STATUS, TRUTHS)))
def test_where_nothing_was_drawn_the_kept_rows_are_selected(status, keep):
    rows = rows_of(status, keep=keep)
    assert is_selected(rows)[0] == is_kept(rows)[0] == (status == "ok" and keep is not False)


@pytest.mark.parametrize(("status", "selected"), list(itertools.product(STATUS, TRUTHS)))
def test_where_nothing_was_dropped_the_readable_rows_are_kept(status, selected):
    rows = rows_of(status, selected=selected)
    assert is_kept(rows)[0] == is_readable(rows)[0] == (status == "ok")
    assert is_selected(rows)[0] == (status == "ok" and selected is True)


@pytest.mark.parametrize("status", STATUS)
def test_before_both_stages_the_readable_rows_are_kept_and_selected(status):
    rows = rows_of(status)
    assert is_selected(rows)[0] == is_kept(rows)[0] == is_readable(rows)[0] == (status == "ok")


def test_each_row_has_its_own_answer():
    rows = HeldRows(
        pa.table({"status": ["ok", "unreadable", "ok", "ok"], "keep": [True, None, False, None]})
    )
    assert is_readable(rows).tolist() == [True, False, True, True]
    assert is_kept(rows).tolist() == [True, False, False, True]


def test_no_rows_have_no_answers():
    rows = HeldRows(pa.table({"status": pa.array([], pa.string())}))
    assert is_selected(rows).tolist() == []

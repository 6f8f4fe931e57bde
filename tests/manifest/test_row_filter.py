import pyarrow as pa
import pytest

from curate.errors import UsageError
from curate.manifest.row_filter import matching
from curate.manifest.rows import HeldRows

ROWS = HeldRows(
    pa.table(
        {
            "split": ["train", "val", None, "train"],
            "keep": [True, True, True, None],
            "issues": pa.array([[], ["dark"], None, ["dark", "blurry"]], pa.list_(pa.string())),
        }
    )
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("split = 'train'", [True, False, False, True]),
        ("split = 'train' and keep", [True, False, False, False]),
        ("split is null", [False, False, True, False]),
        ("issues = []", [True, False, False, False]),
        ("list_contains(issues, 'dark')", [False, True, False, True]),
        ("keep -- of those that stay", [True, True, True, False]),
    ],
)
def test_rows_match_where_the_expression_is_true_and_not_where_it_is_null(expression, expected):
    assert matching(ROWS, expression).tolist() == expected


@pytest.mark.parametrize(
    "expression",
    [
        "colour = 'red'",
        "split =",
        "true) ; drop table manifest; (select 1",
        "(select count(*) from read_csv('/etc/hosts')) > 0",
    ],
)
def test_an_expression_reads_nothing_but_columns(expression):
    with pytest.raises(UsageError, match=r"cannot be used|is no expression"):
        matching(ROWS, expression)


def test_an_error_is_of_what_was_written_and_not_of_brackets_around_it():
    with pytest.raises(UsageError, match=r"^'issues =' cannot be used: .* near \"=\"$"):
        matching(ROWS, "issues =")


def test_columns_that_differ_in_case_only_are_not_taken_for_each_other():
    rows = HeldRows(pa.table({"label": ["cat"], "Label": ["1"], "split": ["train"]}))
    assert matching(rows, "split = 'train'").tolist() == [True]
    for expression in ("label = 'cat'", "LABEL = '1'"):
        with pytest.raises(UsageError, match="but for the case"):
            matching(rows, expression)

from pathlib import Path

import pyarrow as pa

from curate.manifest.columns import CLUSTER_COLUMNS, SCAN_COLUMNS, arrow_type, known_type
from curate.manifest.contract import COLUMNS, filled_by, fills_line

DOCS = Path(__file__).parents[2] / "docs" / "manifest.md"


def test_the_docs_have_the_contract_word_for_word():
    lines = DOCS.read_text().splitlines()
    start = lines.index("| column | type | filled by | meaning |") + 2
    rows = [
        f"| `{column.name}` | {column.type} | {column.filled_by} | {column.meaning} |"
        for column in COLUMNS
    ]
    assert lines[start : start + len(rows) + 1] == [*rows, ""]


def test_no_two_columns_have_one_name():
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)


def test_schemas_hold_what_a_stage_always_fills():
    assert "cluster" in CLUSTER_COLUMNS.names
    assert {"cluster_N", "label_suspect"}.isdisjoint(CLUSTER_COLUMNS.names)


def test_the_type_of_every_column_is_known_by_its_name():
    for column in COLUMNS:
        assert known_type(column.name.replace("_N", "_12")) == arrow_type(column)
    assert known_type("label_suspect") == pa.float32()
    assert known_type("cluster_") is known_type("colour_3") is known_type("mine") is None


def test_types_are_those_of_arrow():
    assert SCAN_COLUMNS.field("width").type == pa.int32()
    assert SCAN_COLUMNS.field("issues").type == pa.list_(pa.field("element", pa.string()))
    assert [field.name for field in SCAN_COLUMNS if not field.nullable] == ["path", "status"]


def test_help_texts_name_the_columns_of_a_stage():
    assert [column.name for column in filled_by("sample")] == ["selected", "weight"]
    assert fills_line("sample") == "Fills: selected, weight."
    assert fills_line("export") is None

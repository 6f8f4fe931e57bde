"""How a manifest shows itself in a notebook: what it is of, and its first rows."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import islice
from typing import Any

from curate.manifest.rows import Rows

_MOST_ROWS = 8
_MOST_LETTERS = 48
_CELL = "padding:2px 14px 2px 0;text-align:left;vertical-align:top"
_FIRST = ("path", "status", "label", "cluster", "keep", "match", "duplicate_of", "split")
"""Columns that say most; of the others only the names are told."""


def draw_manifest(rows: Rows, facts: Mapping[str, str]) -> str:
    """Return a manifest as HTML: facts, names of its columns, and the first rows; all is escaped.

    Args:
        rows: Its rows, of which only the first are read.
        facts: What is said of it, by name.
    """
    names = rows.schema.names
    shown = [name for name in _FIRST if name in names]
    head = list(islice(_read_rows(rows, shown), _MOST_ROWS))
    others = ", ".join(name for name in names if name not in shown)
    told = {**facts, "other columns": others or "–"}
    drawn = "".join(f"<tr>{_draw_cells(row, tag='td')}</tr>" for row in head)
    n_more = len(rows) - len(head)
    return (
        f"<table><caption><b>Manifest</b></caption>{''.join(map(_draw_fact, told.items()))}</table>"
        f"<table><tr>{_draw_cells(shown, tag='th')}</tr>{drawn}</table>"
        f"{f'<div>and {n_more:,} more</div>' if n_more else ''}"
    )


def _read_rows(rows: Rows, names: Sequence[str]) -> Iterable[list[Any]]:
    for batch in rows.batches(names, first=0, end=min(_MOST_ROWS, len(rows))):
        for row in batch.to_pylist():
            yield [row[name] for name in names]


def _draw_fact(fact: tuple[str, str]) -> str:
    name, value = fact
    return (
        f'<tr><th style="{_CELL};font-weight:500">{escape(name)}</th>'
        f'<td style="{_CELL};white-space:normal">{escape(value)}</td></tr>'
    )


def _draw_cells(values: Iterable[Any], *, tag: str) -> str:
    return "".join(f'<{tag} style="{_CELL}">{escape(_format(value))}</{tag}>' for value in values)


def _format(value: Any) -> str:  # noqa: ANN401 - whatever a column holds
    text = "" if value is None else str(value)
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"

"""The shares of a sample that a person wants each group to have: a CSV file."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.errors import InputError, UsageError

SHARE = "share"


def read_target_shares(
    path: Path, column: str, values: Sequence[str | None]
) -> NDArray[np.float64]:
    """Return the wanted share of each value of a column, 0 for those that the file leaves out.

    The file has a column of that name and a column ``share`` of numbers >= 0, which need not add up
    to 1. Nothing in the first column means null.

    Args:
        path: The file.
        column: Whose values get shares.
        values: (G) the values that there are.

    Raises:
        InputError: There is no such file, or it cannot be read.
        UsageError: A column is absent, a share is no number >= 0, or a value is not there.
    """
    shares = _read_rows(path, column)
    known = {"" if value is None else value: place for place, value in enumerate(values)}
    strangers = [value for value in shares if value not in known]
    if strangers:
        raise UsageError(
            f"{path} wants a share for {column} {strangers[0]!r}, which has no image to draw",
            hint=f"leave it out, or name a value that column {column} has",
        )
    weights = np.zeros(len(values))
    for value, share in shares.items():
        weights[known[value]] = share
    return weights


def _read_rows(path: Path, column: str) -> dict[str, float]:
    """Return the shares of a file by value.

    Raises:
        InputError: There is no such file, or it cannot be read.
        UsageError: A column is absent, or a share is no number >= 0.
    """
    if not path.is_file():
        raise InputError(
            f"no file of shares at {path}",
            hint="use --quota equal, proportional or complexity, or name a CSV file",
        )
    hint = f"the first line is `{column},{SHARE}`, each other one a value and a number"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file: {error}", hint=hint) from None
    if not rows or not {column, SHARE} <= set(rows[0]):
        raise UsageError(f"{path} has no columns {column} and {SHARE}", hint=hint)
    return {row[column] or "": _parse_share(row[SHARE], path, hint) for row in rows}


def _parse_share(text: str | None, path: Path, hint: str) -> float:
    """Return the number that a text stands for.

    Raises:
        UsageError: It is no number >= 0.
    """
    try:
        share = float(text or "")
    except ValueError:
        share = -1.0
    if not 0 <= share < math.inf:
        raise UsageError(f"{path} has the share {text!r}, not a number of at least 0", hint=hint)
    return share

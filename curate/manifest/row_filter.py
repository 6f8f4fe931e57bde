"""Filter rows of a manifest by an expression in SQL that can read nothing else.

``eval`` would run anything; DuckDB parses an expression of column names, compares and cannot leave
its memory once external access is locked.
"""

import re
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from curate.errors import UsageError, first_line
from curate.manifest.rows import Rows

_HINT = "such as \"split = 'train' and keep\", with column names of the manifest"


def matching(rows: Rows, expression: str) -> NDArray[np.bool_]:
    """Return which rows an expression holds for; where it is null it does not.

    Only the columns that it names are read.

    Args:
        rows: Where it is evaluated.
        expression: Such as ``split = 'train' and keep``.

    Raises:
        UsageError: It cannot be parsed, or names a column that is not there or one of two that
            differ in case only.
    """
    import duckdb

    _refuse_twins(rows, expression)

    with duckdb.connect(config={"enable_external_access": "false"}) as connection:
        connection.execute("set lock_configuration = true")
        connection.register("manifest", rows.dataset())
        number = _unused_name(rows)
        query = (
            f"select {number} from (select *, row_number() over () - 1 as {number} from manifest) "
            f"as manifest where ({expression}\n)"
        )
        try:
            # alone first: an error is told of what was written, not of the brackets around it
            connection.extract_statements(f"select * from manifest where {expression}")
            if len(connection.extract_statements(query)) != 1:
                raise UsageError(f"{expression!r} is no expression", hint=_HINT)
            numbers = connection.execute(query).fetchnumpy()[number]
        except duckdb.Error as error:
            message = f"{expression!r} cannot be used: {first_line(error)}"
            raise UsageError(message, hint=_HINT) from None
    is_match = np.zeros(len(rows), bool)
    is_match[np.asarray(numbers, np.int64)] = True
    return is_match


def _refuse_twins(rows: Rows, expression: str) -> None:
    """Check that an expression names no column that another is spelt like but for the case.

    Raises:
        UsageError: It does; DuckDB would take either.
    """
    spelt = Counter(name.lower() for name in rows.schema.names)
    words = {word.lower() for word in re.findall(r"\w+", expression)}
    for name in rows.schema.names:
        if spelt[name.lower()] > 1 and name.lower() in words:
            raise UsageError(
                f"the manifest has several columns that are called {name} but for the case, which "
                "expressions do not tell apart",
                hint="rename one of them",
            )


def _unused_name(rows: Rows) -> str:
    """Return a name that no column has; DuckDB does not tell upper from lower case."""
    names = {name.lower() for name in rows.schema.names}
    name = "_row"
    while name in names:
        name += "_"
    return name

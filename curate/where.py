"""Choose rows of a manifest by an expression, in DuckDB's SQL, which can read nothing else.

``eval`` would run anything; DuckDB parses an expression of column names, compares and cannot leave
its memory once external access is locked.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import UsageError, first_line

_HINT = "such as \"split = 'train' and keep\", with column names of the manifest"


def matching(table: pa.Table, expression: str) -> NDArray[np.bool_]:
    """Return which rows of a table an expression holds for; where it is null it does not.

    Raises:
        UsageError: The expression is none, or names a column that is not there.
    """
    import duckdb

    numbered = table.append_column("_row", pa.array(np.arange(len(table))))
    with duckdb.connect(config={"enable_external_access": "false"}) as connection:
        connection.execute("set lock_configuration = true")
        connection.register("manifest", numbered)
        query = f"select _row from manifest where ({expression}\n)"
        try:
            if len(connection.extract_statements(query)) != 1:
                raise UsageError(f"{expression!r} is no expression", hint=_HINT)
            rows = connection.execute(query).fetchnumpy()["_row"]
        except duckdb.Error as error:
            message = f"{expression!r} cannot be used: {first_line(error)}"
            raise UsageError(message, hint=_HINT) from None
    mask = np.zeros(len(table), bool)
    mask[np.asarray(rows, np.int64)] = True
    return mask

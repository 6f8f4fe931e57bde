"""Protected images: those of which a person says that they always stay."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.errors import UsageError
from curate.manifest.text_column import TextColumn
from curate.sources import Source, list_names, name_source


def find_protected(paths: Sequence[str], prefixes: Sequence[str]) -> NDArray[np.bool_]:
    """Return which paths are, or lie below, one of the prefixes, (N,) bool.

    Args:
        paths: N paths.
        prefixes: Paths of files and folders; "" is the whole source.
    """
    trimmed = tuple(prefix.rstrip("/") for prefix in prefixes)
    texts = TextColumn.of(paths).array
    found = pc.is_in(texts, value_set=pa.array(trimmed, pa.large_string()))
    for prefix in trimmed:
        found = pc.or_(found, pc.starts_with(texts, f"{prefix}/" if prefix else ""))
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)


def resolve_protected(
    named: Sequence[str], source: Source, paths: Sequence[str], links: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the prefixes of a source that a person means, for `find_protected`.

    A file is protected by each of its names.

    Args:
        named: Files and folders: relative to the source or to the working directory, or whole.
        source: Of the images.
        paths: Those of its images.
        links: Paths that are other names of files, and the files' paths.

    Raises:
        UsageError: One names no image.
    """
    prefixes: list[str] = []
    for one in named:
        names = list_names(one, source.roots) if one else []
        meant = [name for name in names if find_protected(paths, [name]).any()]
        if not meant:
            raise UsageError(
                f"nothing to protect: no image of {name_source(source.address)} is {one!r} or "
                "lies below it",
                hint=f"name a file or folder of the source, such as {paths[0]}",
            )
        prefixes += meant
    is_link = find_protected(list(links), prefixes)
    files = [file for file, is_named in zip(links.values(), is_link, strict=True) if is_named]
    return tuple(dict.fromkeys([*prefixes, *files]))


def keep_protected(columns: pa.Table, is_protected: NDArray[np.bool_]) -> pa.Table:
    """Return duplicate columns in which protected names of files stay, as protected files do.

    Args:
        columns: From `curate.copies.report.make_columns`.
        is_protected: (N,) whether the path of a row is.
    """
    is_freed = pc.and_(pa.array(is_protected), pc.fill_null(pc.invert(columns["keep"]), False))  # noqa: FBT003
    for name in ("duplicate_of", "similarity", "keep_reason"):
        place = columns.schema.get_field_index(name)
        columns = columns.set_column(place, name, pc.if_else(is_freed, None, columns[name]))
    place = columns.schema.get_field_index("keep")
    return columns.set_column(place, "keep", pc.or_(columns["keep"], is_freed))

"""The entries of a list: paths or URLs, a line each, or a column of CSV or Parquet."""

from pathlib import Path
from urllib.parse import unquote_to_bytes

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from curate.choices import closest
from curate.errors import InputError, first_line
from curate.files import Utf8Name
from curate.sources.names import escape

TEXT_ENDINGS = (".txt", ".lst", ".list")
LIST_ENDINGS = (*TEXT_ENDINGS, ".csv", ".tsv")
_COLUMNS = (
    "path", "url", "image_path", "image_url", "file", "filename", "file_name", "filepath", "uri",
    "image", "img", "src", "link",
)  # fmt: skip
_LABELS = ("label", "class", "category")
_ESCAPED = "\x02"  # begins an entry whose name is escaped already
_LOOKS_ESCAPED = "%([0-9A-Fa-f]{2})"
_FILE = "file://"
_UTF8 = "utf-8"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_HEAD_BYTES = 1 << 16  # in which a list shows how it is written


def escape_entries(entry: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return entries that are paths with their names escaped, as manifests have them."""
    is_done = pc.starts_with(entry, _ESCAPED)
    escaped = pc.replace_substring_regex(entry, _LOOKS_ESCAPED, r"%25\1")
    return pc.if_else(is_done, pc.utf8_ltrim(entry, _ESCAPED), escaped)


def as_paths(entry: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return entries with the ``file://`` URLs among them as the paths that they stand for."""
    if not pc.any(pc.starts_with(entry, _FILE, ignore_case=True)).as_py():
        return entry
    texts = (_as_path(text) for text in entry.to_pylist())
    return pa.chunked_array([pa.array(texts, pa.string())])


def _as_path(text: str) -> str:
    if not text.lower().startswith(_FILE):
        return text
    host, slash, path = text[len(_FILE) :].partition("/")
    return _as_text(unquote_to_bytes(f"{slash}{path}")) if host in ("", "localhost") else text


def is_list_name(name: str) -> bool:
    """Return whether a file is, by its name, a list of images."""
    return name.lower().endswith(LIST_ENDINGS)


def read_column_names(file: Path) -> list[str]:
    """Return the names of the columns of a CSV, TSV or Parquet file.

    Raises:
        InputError: It is none.
    """
    place = Utf8Name(file)  # lives until the file is read
    try:
        if file.suffix.lower() == ".parquet":
            return list(pq.read_schema(str(place)).names)
        delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
        options = pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        encoding = pa_csv.ReadOptions(encoding=_find_encoding(file))
        with pa_csv.open_csv(str(place), read_options=encoding, parse_options=options) as reader:
            return list(reader.schema.names)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{file} cannot be read: {first_line(error)}", hint="name a whole CSV or Parquet file"
        ) from None


def read_entries(file: Path, column: str | None) -> pa.Table:
    """Return the entries of a list: ``entry``, ``label`` and ``row``, the line from 0; none twice.

    Args:
        file: Text with an entry a line, CSV or TSV with a header, or Parquet.
        column: Of the entries; None finds it by its name.

    Raises:
        InputError: The list cannot be read, or has no such column.
    """
    try:
        table = _read_table(file, column)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{file} cannot be read as a list of images: {first_line(error)}",
            hint="write a path or URL a line into a .txt, or name a column: list.csv#url",
        ) from None
    table = table.append_column("row", pa.array(range(len(table)), pa.int64()))
    entry = as_paths(pc.utf8_trim_whitespace(pc.fill_null(table["entry"], "")))
    table = table.set_column(0, "entry", entry).filter(pc.not_equal(entry, ""))
    first = table.group_by("entry").aggregate([("row", "min")])["row_min"]
    return table.filter(pc.is_in(table["row"], value_set=first.combine_chunks()))


def _read_table(file: Path, column: str | None) -> pa.Table:
    name = file.name.lower()
    if file.stat().st_size == 0:
        return pa.table({"entry": pa.nulls(0, pa.string()), "label": pa.nulls(0, pa.string())})
    place = Utf8Name(file)  # lives until the file is read
    if name.endswith(TEXT_ENDINGS):
        return _read_lines(file)
    if name.endswith(".parquet"):
        wanted = _find_columns(file, read_column_names(file), column)
        table = pq.read_table(str(place), columns=list(wanted.values()))
    else:
        delimiter = "\t" if name.endswith(".tsv") else ","
        options = pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        wanted = _find_columns(file, read_column_names(file), column)
        convert = pa_csv.ConvertOptions(
            include_columns=list(wanted.values()),
            column_types=dict.fromkeys(wanted.values(), pa.string()),
        )
        table = pa_csv.read_csv(
            str(place),
            read_options=pa_csv.ReadOptions(encoding=_find_encoding(file)),
            parse_options=options,
            convert_options=convert,
        )
    label = table[wanted["label"]] if "label" in wanted else pa.nulls(len(table), pa.string())
    columns = {
        "entry": pc.cast(table[wanted["entry"]], pa.string()),
        "label": pc.cast(label, pa.string()),
    }
    return pa.table(columns)


def _read_lines(file: Path) -> pa.Table:
    """Return the lines of a text, or what zero bytes end in it; names not UTF-8 are escaped."""
    options = pa_csv.ParseOptions(delimiter="\x01", quote_char=False, ignore_empty_lines=False)
    place = Utf8Name(file)  # lives until the file is read
    encoding = _find_encoding(file)
    if encoding == _UTF8 and b"\0" in _read_head(file):
        table = pa.table({"entry": pa.array(file.read_bytes().split(b"\0"), pa.binary())})
    else:
        table = pa_csv.read_csv(
            str(place),
            read_options=pa_csv.ReadOptions(column_names=["entry"], encoding=encoding),
            parse_options=options,
            convert_options=pa_csv.ConvertOptions(column_types={"entry": pa.binary()}),
        )
    try:
        entry = pc.cast(table["entry"], pa.string())
    except pa.ArrowInvalid:
        entry = pa.array(map(_as_text, table["entry"].to_pylist()), pa.string(), size=len(table))
    return pa.table({"entry": entry, "label": pa.nulls(len(table), pa.string())})


def _find_encoding(file: Path) -> str:
    """Return how a text is encoded: UTF-16 where its mark says so, as some of Windows are."""
    return "utf-16" if _read_head(file).startswith(_UTF16_MARKS) else _UTF8


def _read_head(file: Path) -> bytes:
    with file.open("rb") as text:
        return text.read(_HEAD_BYTES)


def _as_text(line: bytes) -> str:
    """Return a line as text; bytes that are not UTF-8 become ``%XX``, as `escape` has them."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return _ESCAPED + escape(line)


def _find_columns(file: Path, names: list[str], column: str | None) -> dict[str, str]:
    """Return the names of the columns ``entry`` and, where there is one, ``label``.

    Raises:
        InputError: There is no column of entries.
    """
    if column is not None and column not in names:
        raise InputError(
            f"{file} has no column {column!r}{closest(column, names)}",
            hint=f"it has: {', '.join(names[:20])}",
        )
    entry = column or next((name for name in _COLUMNS if name in names), None)
    if entry is None:
        raise InputError(
            f"{file} has no column of paths or URLs by its usual name",
            hint=f"name one: {file.name}#COLUMN, of {', '.join(names[:20])}",
        )
    label = next((name for name in _LABELS if name in names), None)
    return {"entry": entry} | ({"label": label} if label else {})

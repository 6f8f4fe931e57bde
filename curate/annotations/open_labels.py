"""Which source of labels a text names: ``folder``, ``regex:PATTERN`` or ``FILE[:COLUMN]``."""

from pathlib import Path

from curate.annotations.base import LabelSource
from curate.annotations.coco import CocoLabels
from curate.annotations.from_names import FolderLabels, NoLabels, PatternLabels, SourceLabels
from curate.annotations.tables import TableLabels
from curate.annotations.voc import VocLabels
from curate.annotations.yolo import YoloLabels, list_label_folders
from curate.choices import Labels, closest
from curate.errors import InputError, UsageError

REGEX = "regex:"
_TABLES = (".csv", ".parquet")
_FORMS = (
    f"{', '.join(Labels)}, regex:PATTERN, a CSV or Parquet file (FILE:COLUMN), COCO's JSON, "
    "YOLO's data.yaml or VOC's folder"
)


def check_labels(text: str) -> None:
    """Check that a text may name a source of labels; whether a file is there is found later.

    Raises:
        UsageError: It is no choice, no pattern that can be compiled and no path of a known kind.
    """
    names = [choice.value for choice in Labels]
    if not isinstance(text, str):
        raise UsageError(f"labels cannot be {text!r}", hint=f"name one of: {_FORMS}")
    if text in names:
        return
    if text.startswith(REGEX):
        PatternLabels(text.removeprefix(REGEX))
        return
    file, _ = split_column(text)
    is_kind = file.suffix.lower() in (*_TABLES, ".json", ".yaml", ".yml")
    if not (is_kind or "/" in text or file.exists()):
        raise UsageError(
            f"labels cannot be {text!r}{closest(text, names)}", hint=f"name one of: {_FORMS}"
        )


def open_labels(text: str) -> LabelSource:
    """Return the source of labels that a text names; a file is looked at.

    Args:
        text: As `check_labels` takes it.

    Raises:
        InputError: The file is not there, or of no known kind.
        UsageError: The text or the column cannot be used.
    """
    check_labels(text)
    if text == Labels.NONE:
        return NoLabels()
    if text == Labels.FOLDER:
        return FolderLabels()
    if text == Labels.SOURCE:
        return SourceLabels()
    if text.startswith(REGEX):
        return PatternLabels(text.removeprefix(REGEX))
    return _open_file(*split_column(text))


def _open_file(file: Path, column: str | None) -> LabelSource:
    """Return the source of labels that a file or folder is.

    Raises:
        InputError: It is not there, or of no known kind.
        UsageError: There is no such column.
    """
    if file.is_dir():
        return VocLabels(file)
    if not file.is_file():
        raise InputError(f"no labels at {file}", hint=f"name one of: {_FORMS}")
    match file.suffix.lower():
        case ".csv" | ".parquet":
            return TableLabels(file, column)
        case ".json":
            return CocoLabels(file)
        case ".yaml" | ".yml":
            return YoloLabels(file)
        case _:
            raise InputError(
                f"{file} is no source of labels that is known", hint=f"name one of: {_FORMS}"
            )


def split_column(text: str) -> tuple[Path, str | None]:
    """Return file and column of ``FILE:COLUMN``; the column is None where none is named.

    >>> split_column("labels.csv:species")
    (PosixPath('labels.csv'), 'species')
    """
    if Path(text).exists():
        return Path(text), None
    file, _, column = text.rpartition(":")
    if file and Path(file).suffix.lower() in _TABLES:
        return Path(file), column
    return Path(text), None


def list_label_files(text: str) -> list[Path]:
    """Return the files and folders that labels are read from, as far as their names are known.

    Args:
        text: As `check_labels` takes it.
    """
    if text in [choice.value for choice in Labels] or text.startswith(REGEX):
        return []
    file, _ = split_column(text)
    is_yolo = file.suffix.lower() in (".yaml", ".yml")
    return [file, *(list_label_folders(file) if is_yolo else [])]

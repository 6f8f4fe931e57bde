"""Where images come from: one file a kind of source."""

from curate.sources.base import (
    DEFAULT_EXCLUDES,
    NO_PLACE,
    Container,
    Listing,
    Lost,
    Place,
    Recall,
    Source,
    SourceFile,
    Unchanged,
)
from curate.sources.entry_names import VIDEO_ENDINGS
from curate.sources.file_list import (
    FILE_SCHEMA,
    PLACE_SCHEMA,
    FileList,
    file_table,
    make_file,
    make_place,
)
from curate.sources.files import NOT_FILES_HINT
from curate.sources.folder import describe_passed_over
from curate.sources.named_paths import Roots, list_names, place_patterns
from curate.sources.names import is_text
from curate.sources.opening import (
    Address,
    OpenSources,
    add_fps,
    check_source,
    is_source,
    is_url,
    name_source,
    open_source,
    real_address,
    split_address,
)

__all__ = [
    "DEFAULT_EXCLUDES",
    "FILE_SCHEMA",
    "NOT_FILES_HINT",
    "NO_PLACE",
    "PLACE_SCHEMA",
    "VIDEO_ENDINGS",
    "Address",
    "Container",
    "FileList",
    "Listing",
    "Lost",
    "OpenSources",
    "Place",
    "Recall",
    "Roots",
    "Source",
    "SourceFile",
    "Unchanged",
    "add_fps",
    "check_source",
    "describe_passed_over",
    "file_table",
    "is_source",
    "is_text",
    "is_url",
    "list_names",
    "make_file",
    "make_place",
    "name_source",
    "open_source",
    "place_patterns",
    "real_address",
    "split_address",
]

"""Where images come from: one file a kind of source."""

from pathlib import Path

from curate.sources.base import DEFAULT_EXCLUDES, Listing, Source, SourceFile
from curate.sources.folder import FolderSource, describe_passed_over, open_address

__all__ = [
    "DEFAULT_EXCLUDES",
    "Listing",
    "Source",
    "SourceFile",
    "describe_passed_over",
    "open_source",
]


def open_source(address: Path | str) -> Source:
    """Return the source of an address: a folder's path, absolute or from here."""
    return FolderSource(open_address(address))

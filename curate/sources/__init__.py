"""Where images come from: one file a kind of source."""

from pathlib import Path

from curate.sources.base import Source, SourceFile
from curate.sources.folder import FolderSource

__all__ = ["Source", "SourceFile", "open_source"]


def open_source(address: Path | str) -> Source:
    """Return the source of an address: a folder's path, absolute or from here."""
    return FolderSource(Path(address))

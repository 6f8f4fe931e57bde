"""The command that is told at the end of another one: it works as it stands, where one stands."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from curate.cli.shown_paths import show_path
from curate.commands import format_command, name_file
from curate.errors import CurateError

if TYPE_CHECKING:
    from curate.manifest.manifest import Manifest

_MOST_DRAWN = 500


def suggest_clusters(model: str, workspace: str | None = None) -> str:
    """Return the command that groups images by a model.

    Args:
        model: Its name, with its weights or without.
        workspace: What the workspace was named by; None where nothing was.

    >>> suggest_clusters("mine@0f3c")
    'curate cluster --out manifest.parquet --model mine'
    """
    name = model.partition("@")[0]
    chosen = [] if name == "default" else ["--model", name]
    return format_command("cluster", "--out", "manifest.parquet", *chosen, workspace=workspace)


def suggest_next(manifest: Path | str, workspace: str | None = None) -> str:
    """Return the command that follows for a manifest in which copies were looked for.

    A sample is drawn where there are clusters and images to draw from; else a report is written,
    which asks for neither.

    Args:
        manifest: What the command before wrote.
        workspace: What the workspace was named by; None where nothing was.
    """
    from curate.manifest.manifest import read_manifest
    from curate.manifest.selection import is_kept

    read, file = read_manifest(Path(manifest)), name_file(show_path(str(manifest)))
    n_kept = int(is_kept(read.rows).sum())
    if "cluster" not in read.rows.schema.names or n_kept == 0:
        return format_command("report", file, workspace=workspace)
    size = str(min(n_kept, _MOST_DRAWN))
    return format_command("sample", file, "--size", size, workspace=workspace)


def suggest_export(manifest: Path | str, workspace: str | None = None) -> str:
    """Return the command that exports the images of a manifest, to a folder that is free.

    Args:
        manifest: What the command before wrote.
        workspace: What the workspace was named by; None where nothing was.
    """
    from curate.manifest.manifest import read_manifest
    from curate.sources import open_source

    read = read_manifest(Path(manifest))
    folders: Sequence[Path] = ()
    are_files = False
    with suppress(CurateError):  # its images may be out of reach now
        source = open_source(read.source)
        folders = source.folders
        are_files = source.root is not None and not _lie_in_containers(read)
    words = [] if are_files else ["--as", "copy"]
    folder = name_file(next(_list_free_folders(folders)))
    return format_command(
        "export", name_file(show_path(str(manifest))), "--to", folder, *words, workspace=workspace
    )


def _lie_in_containers(manifest: "Manifest") -> bool:
    """Return whether some images lie in archives, tables or clips."""
    return "container" in manifest.rows.schema.names


def _list_free_folders(sources: Sequence[Path]) -> Iterator[Path]:
    """Yield names of folders that are not there, and lie in none of the folders of the source."""
    here = Path.cwd()
    around = [place.resolve() for place in sources if here.is_relative_to(place.resolve())]
    base = min(around, key=lambda place: len(place.parts)).parent if around else here
    names = chain(["subset"], (f"subset-{n}" for n in count(2)))
    places = (base / name for name in names)
    return (Path(os.path.relpath(place)) for place in places if not os.path.lexists(place))

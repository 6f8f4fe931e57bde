"""Commands of curate as a shell takes them, for hints, last lines and pages."""

import os
import shlex
from pathlib import Path


def format_command(*words: str | Path, workspace: Path | str | None = None) -> str:
    """Return a command of curate as a shell takes it.

    Args:
        words: What follows ``curate``.
        workspace: What the workspace was named by; None where nothing was.

    >>> format_command("dedup", "my images.parquet", workspace=Path("w"))
    "curate dedup 'my images.parquet' --workspace w"
    """
    named = [] if workspace is None or _is_usual(workspace) else ["--workspace", str(workspace)]
    return shlex.join(["curate", *map(str, words), *named])


def name_file(path: Path | str) -> str:
    """Return a file's name as an argument: one that begins with a dash would be an option.

    >>> name_file("-m.parquet")
    './-m.parquet'
    """
    return f"./{path}" if str(path).startswith("-") else str(path)


def _is_usual(workspace: Path | str) -> bool:
    """Return whether a workspace is the one that the next command takes if none is named."""
    return str(workspace) == os.environ.get("CURATE_WORKSPACE")

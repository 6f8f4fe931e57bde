"""Arguments and options that several commands share, and how their text is read."""

import re
from pathlib import Path
from typing import Annotated

import typer

from curate.choices import Labels
from curate.errors import UsageError

Workspace = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        help="Workspace folder; else CURATE_WORKSPACE, else .curate here.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object to stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Write errors only.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all that is random.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Model = Annotated[
    str | None,
    typer.Option(help="Name of the model; else 'default', or the only one.", show_default=False),
]
LabelsFrom = Annotated[Labels, typer.Option(help="Take labels from the folders' names.")]
SomeImages = Annotated[
    Path | None,
    typer.Argument(
        metavar="IMAGES", help="Folder of images; else the one scanned last.", show_default=False
    ),
]
AManifest = Annotated[
    Path, typer.Argument(metavar="MANIFEST", help="Parquet file that curate wrote.")
]

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def seconds_of(text: str) -> float:
    """Return the seconds in ``90``, ``90s``, ``20m`` or ``1h30m``.

    Raises:
        UsageError: The text says something else, or nothing.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    parts = [float(part or 0) for part in match.groups()] if match else []
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if seconds <= 0:
        raise UsageError(f"{text!r} is no span of time", hint="write 90s, 20m or 1h30m")
    return seconds


def numbers_of(text: str) -> tuple[int, ...]:
    """Return the whole numbers of ``1000,100,10``.

    Raises:
        UsageError: The text says something else.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{text!r} is no list of numbers", hint="write 1000,100,10") from None


def span(seconds: float) -> str:
    """Return seconds as ``8m 02s`` or ``1h 05m``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f}s" if seconds < 10 else f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    return f"{minutes // 60}h {minutes % 60:02d}m"


def size(n_bytes: float) -> str:
    """Return bytes as ``1.2 GB``, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"

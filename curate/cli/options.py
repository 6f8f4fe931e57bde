"""Arguments and options that several commands share; texts and numbers as people write them."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.errors import UsageError

if TYPE_CHECKING:
    from curate.engine.opening import EngineConfig
    from curate.workspace.scan import ScanConfig

Workspace = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        "-w",
        envvar="CURATE_WORKSPACE",
        show_envvar=False,
        metavar="PLACE",
        help="Use this folder as the workspace, or a place in a bucket: s3://, gs:// or az://.",
        show_default="CURATE_WORKSPACE, or .curate here",
    ),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        envvar="CURATE_JSON",
        show_envvar=False,
        help="Write the result to stdout as one JSON object.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", envvar="CURATE_QUIET", show_envvar=False, help="Write nothing but errors."
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0,
        envvar="CURATE_SEED",
        show_envvar=False,
        help="Draw all random numbers from this seed.",
    ),
]
Device = Annotated[str, typer.Option(help="Compute on this device: auto, cpu, cuda or cuda:1.")]
Model = Annotated[
    str | None,
    typer.Option(
        help="Use the model of this name.", show_default="the one named default, or the only one"
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        help="Pass over files and folders of this pattern, such as thumb_* or old/*; may be given "
        "several times, and holds for later scans of the folder.",
        show_default="@eaDir, __MACOSX and the like",
    ),
]
MaxPixels = Annotated[
    int,
    typer.Option(min=1, help="Leave pictures of more pixels unread, with a reason in their row."),
]
LabelsFrom = Annotated[
    str,
    typer.Option(
        help="Take labels from the names of the folders (folder), from what the source says of "
        "each image, such as a .cls in the archive or a column of the table (source), from what "
        "a pattern finds in the paths (regex:PATTERN), from a CSV or Parquet file (FILE:COLUMN), "
        "COCO's JSON, YOLO's data.yaml, VOC's folder; or none."
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        envvar="CURATE_CLUSTER",
        show_envvar=False,
        help="Work on these machines: processes:4 of this one, a Ray started here (local), or one "
        "that runs (auto, HOST:PORT or ray://HOST:PORT).",
        show_default="this process",
    ),
]
Shared = Annotated[
    str | None,
    typer.Option(
        metavar="STORE",
        envvar="CURATE_SHARED",
        show_envvar=False,
        help="With --cluster, have the machines meet in this folder or bucket, which all see.",
        show_default="a folder in the workspace",
    ),
]
SOURCE_HELP = (
    "Where the images are: a folder, searched at any depth; a list of paths or URLs (.txt, .csv, "
    ".parquet); archives (shards/{00..99}.tar); Parquet with images; s3://, gs://, az://, "
    "https://; or several of these."
)
ImagesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="SOURCE...", help=SOURCE_HELP, show_default="the one scanned last"),
]
Fps = Annotated[
    str | None,
    typer.Option(
        help="Take frames of the clips of the source: so many a second, or 'scenes' for one of "
        "each.",
        metavar="N|scenes",
        show_default="no clips",
    ),
]
ManifestArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MANIFEST", help="The manifest, a Parquet or CSV file that curate wrote."
    ),
]

REASONS_SHOWN = 5
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def parse_duration(text: str) -> float:
    """Return the seconds in ``90``, ``90s``, ``20m`` or ``1h30m``.

    Raises:
        UsageError: The text has another form, or the duration is 0.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    parts = [float(part or 0) for part in match.groups()] if match else []
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if seconds <= 0:
        raise UsageError(f"{text!r} is not a duration", hint="write 90s, 20m or 1h30m")
    return seconds


def parse_numbers(text: str) -> tuple[int, ...]:
    """Return the whole numbers of ``1000,100,10``.

    Raises:
        UsageError: The text has another form.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"{text!r} is not a list of whole numbers", hint="write 1000,100,10"
        ) from None


def make_scan_config(exclude: list[str] | None, max_pixels: int) -> "ScanConfig":
    """Return how a command scans, as its options say.

    Args:
        exclude: Patterns; None for those stored.
        max_pixels: Pixels of a picture at most.
    """
    from curate.workspace.scan import ScanConfig

    return ScanConfig(exclude=tuple(exclude) if exclude else None, max_pixels=max_pixels)


def make_engine_config(address: str | None, shared: str | None) -> "EngineConfig | None":
    """Return where the work is done, as the options of a command say; None for this process.

    Raises:
        UsageError: There is a place to meet and nobody who would.
    """
    if address is None:
        if shared not in (None, os.environ.get("CURATE_SHARED")):
            raise UsageError("--shared is of no use alone", hint="add --cluster ADDRESS")
        return None
    from curate.engine.opening import EngineConfig

    return EngineConfig(address=address, shared=shared)


def describe_unreadable(reasons: Mapping[str, int]) -> Iterator[str]:
    """Yield lines that say how many files cannot be read, and why."""
    if not reasons:
        return
    n_files = sum(reasons.values())
    yield f"{count_of(n_files, 'file')} cannot be read:"
    for reason, count in list(reasons.items())[:REASONS_SHOWN]:
        yield f"  {count:6,}  {reason}"
    if len(reasons) > REASONS_SHOWN:
        more = count_of(len(reasons) - REASONS_SHOWN, "more reason")
        yield f"  and {more} (all in the manifest)"

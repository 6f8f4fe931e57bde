"""Review: a page on this machine where a person confirms or overrules what was found."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from curate.argument_types import check_arguments
from curate.errors import ResourceError, UsageError
from curate.field_types import take_types
from curate.manifest.manifest import check_overwritable, read_manifest, write_manifest
from curate.manifest.rows import HeldRows
from curate.pages.images_table import ImagesTable
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent
from curate.review_page.columns import make_review_columns
from curate.review_page.decisions import DecisionLog
from curate.sources.folder import escape_address
from curate.workspace.bucket_address import show_addresses
from curate.workspace.cuts import misses_path
from curate.workspace.integrity import Damaged, read_table
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.sending_rest import REVIEW_SECONDS, sending_rest
from curate.workspace.workspace import Workspace, find_workspace

if TYPE_CHECKING:
    from curate.review_page.server import Review

_ROW = ["path", "hash"]
"""What makes a row of a manifest the same image."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewConfig:
    """What the stage needs to know.

    Attributes:
        port: Of this machine, 1 to 65535; 0 takes a free one.
    """

    port: int = 0

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            UsageError: It is no port.
        """
        take_types(self)
        if not 0 <= self.port <= 65535:
            raise UsageError(f"{self.port} is no port", hint="leave it out: a free one is taken")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewResult(ShownInNotebooks):
    """What the stage did.

    Attributes:
        manifest: The manifest reviewed.
        log: The file of decisions.
        n_groups: Duplicate groups of the manifest.
        n_decided: Those of which every pair is decided; groups of equal files have none.
        n_decisions: Decisions in the log that hold.
        columns: Columns written to the manifest when the page was closed.
    """

    manifest: str
    log: str
    n_groups: int
    n_decided: int
    n_decisions: int
    columns: list[str]


@check_arguments
def review(
    manifest: Path | str,
    config: ReviewConfig | None = None,
    *,
    workspace: Path | str | None = None,
    on_ready: Callable[[str], None] = lambda address: None,
    progress: Progress | None = None,
) -> ReviewResult:
    """Serve the review page of a manifest until it is interrupted.

    Decisions are on the disk at once. `dedup` obeys those on copies; those on clusters, outliers,
    labels and the sample are written to the manifest, as it is then, when the page is closed.

    Args:
        manifest: The manifest.
        config: The stage's settings.
        workspace: Folder of the workspace; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        on_ready: Hears the address, with its token, when the page can be opened.
        progress: Hears of damage that is mended, and of a manifest that changed meanwhile.

    Raises:
        InputError: The manifest or the workspace cannot be used.
        ResourceError: Starlette and uvicorn are not installed, the port is taken, or the disk full.
    """
    config = config or ReviewConfig()
    path = Path(manifest)
    read = read_manifest(path)
    check_overwritable(path)
    space = find_workspace(workspace, progress)
    images = ImagesTable.read(read)
    progress = progress or Silent()
    log = DecisionLog.of_workspace(space.root, progress)
    cache, misses = open_pixels(space, progress), _read_misses(space, path, progress)

    def open_review() -> "Review":
        from curate.review_page.server import Review

        named = escape_address(os.fsencode(manifest))
        place = escape_address(os.fsencode(workspace)) if workspace is not None else None
        return Review(images, log, cache, named, misses, workspace=place)

    with sending_rest(space, progress, seconds=REVIEW_SECONDS):
        n_groups, n_decided = _serve(open_review, config.port, on_ready)
        columns = _fill_columns(path, images, log, progress)
    return ReviewResult(
        manifest=str(manifest),
        log=show_addresses(str(space.reviews)),
        n_groups=n_groups,
        n_decided=n_decided,
        n_decisions=len(log),
        columns=columns,
    )


def _fill_columns(
    path: Path, reviewed: ImagesTable, log: DecisionLog, progress: Progress
) -> list[str]:
    """Write what was decided to a manifest as it is now, and return the names of the columns.

    Other commands may have written it since it was opened: what they wrote stays.

    Raises:
        InputError: It cannot be read any more.
        ResourceError: It cannot be written.
    """
    manifest = read_manifest(path)
    images = ImagesTable.read(manifest)
    columns = make_review_columns(images, log, there=manifest.rows.schema.names)
    if not columns.num_columns:
        return []
    if not images.table.select(_ROW).equals(reviewed.table.select(_ROW)):
        progress.note(
            f"{path} has other images now than when the page was opened: the decisions are "
            "written to those of them that it has"
        )
    filled = HeldRows(columns)
    decided = manifest.with_columns(filled, stage="review", config={}, fills_all=False)
    write_manifest(decided, path)
    return list(columns.column_names)


def _read_misses(space: Workspace, manifest: Path, progress: Progress) -> pa.Table | None:
    """Return the pairs just below the cut of a manifest; None if they are not there, or lost."""
    path = misses_path(space, manifest)
    if not path.is_file():
        return None
    try:
        return read_table(path)
    except Damaged as damage:
        progress.note(
            f"{damage}; pairs below the cut are not shown until `curate dedup` runs again"
        )
        return None


def _serve(
    open_review: Callable[[], "Review"], port: int, on_ready: Callable[[str], None]
) -> tuple[int, int]:
    """Serve until interrupted; return how many groups there are and how many are decided.

    Raises:
        ResourceError: A package is missing, or the port is taken.
    """
    try:
        import uvicorn

        from curate.review_page.server import make_app, make_token
    except ImportError:
        raise ResourceError(
            "the review page needs Starlette and uvicorn",
            hint="pip install 'curate-images[review]'",
        ) from None
    opened = open_review()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise ResourceError(
                f"port {port} cannot be used: {error.strerror}", hint="leave --port out"
            ) from None
        port = listener.getsockname()[1]
        token = make_token()
        app = make_app(opened, token=token, port=port)
        settings = uvicorn.Config(app, log_level="error", lifespan="off", server_header=False)
        listener.listen(64)
        on_ready(f"http://127.0.0.1:{port}/?token={token}")
        with suppress(KeyboardInterrupt):
            uvicorn.Server(settings).run(sockets=[listener])
    return len(opened.queue), opened.queue.n_decided

"""Show: images of a workspace by path, for a notebook."""

from collections.abc import Sequence
from pathlib import Path

from curate.argument_types import check_arguments
from curate.pages.notebook import ShownImages
from curate.pages.pictures import Pictures
from curate.progress import Silent
from curate.retrieval.catalogue_images import find_images
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.workspace import find_workspace

_SIDE = 128  # px


@check_arguments
def show(
    paths: Sequence[str] | str,
    *,
    lines: Sequence[str] | None = None,
    workspace: Path | str | None = None,
) -> ShownImages:
    """Return images that a notebook shows.

    Args:
        paths: As a manifest has them, or from here or whole; one alone may be given as it is.
        lines: Text below each, as many; None takes the paths.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.

    Raises:
        UsageError: The workspace has no readable image of a path.
        ValueError: There are more or fewer lines than paths.
    """
    paths = [paths] if isinstance(paths, str) else [str(path) for path in paths]
    if lines is not None and len(lines) != len(paths):
        raise ValueError(f"need a line for each of {len(paths)} paths, got {len(lines)}")
    space = find_workspace(workspace)
    pictures = Pictures(open_pixels(space, Silent()))
    contents = [image.content_hash for image in find_images(space, paths)]
    sources = pictures.pack(contents, side=_SIDE)
    return ShownImages(sources=sources, lines=list(lines if lines is not None else paths))

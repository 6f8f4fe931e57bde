"""Search: the images of a workspace that are like query images, or copies of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from curate.argument_types import check_arguments
from curate.choices import SearchBy, check_device, find_choice
from curate.copies.config import DedupConfig
from curate.errors import InputError, UsageError
from curate.field_types import take_types
from curate.images.contact_sheet import Tile, check_sheet, draw_sheet, write_sheet
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent, task
from curate.retrieval.by_copies import ByCopies
from curate.retrieval.by_features import ByFeatures
from curate.retrieval.catalogue_images import find_images
from curate.retrieval.query_images import Query, list_queries, read_queries
from curate.retrieval.results import Found, Hits, Placement
from curate.workspace.models import require_device
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.scan import mend_catalogue
from curate.workspace.workspace import Workspace, find_workspace

__all__ = ["Answer", "Found", "Placement", "SearchConfig", "SearchResult", "search"]

_BATCH = 512  # query images read and searched at a time, some 0.2 MB each
_COLUMNS = 11  # tiles in a row of the sheet
_MOST_ROWS = 300  # of the sheet: a JPEG ends at 65,535 px
_WHOLE = 0.95  # share of an image from which on no part of it is outlined


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchConfig:
    """What the stage needs to know.

    Attributes:
        k: Images found for each query image at most, >= 1.
        model: By features: name of the model; None takes ``default`` or the only one.
        device: By features: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        seed: By copies: as for `curate.dedup`, whose work is used if it had the same seed.
    """

    k: int = 20
    model: str | None = None
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the range and the device's name.

        Raises:
            UsageError: ``k`` is below 1, or no device has the name.
        """
        take_types(self)
        check_device(self.device)
        if self.k < 1:
            raise UsageError(f"k must be at least 1, got {self.k}", hint="use -k 20")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What was found for one query image.

    Attributes:
        query: Its file, or its path in the workspace.
        found: Best first. By features one file for each content; by copies every file, if any.
        n_more: By copies: copies beyond the ``k`` best.
    """

    query: str
    found: list[Found]
    n_more: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult(ShownInNotebooks):
    """What the stage found.

    Attributes:
        by: ``features`` or ``copies``.
        model: By features: name and weights of the model; else None.
        threshold: By copies: least probability that counted; else None.
        n_searched: Images searched: by features of different content, by copies all files.
        answers: One for each query image.
        unreadable: Query images of a folder that cannot be read, and why.
        sheet: The contact sheet, or None.
    """

    by: str
    model: str | None
    threshold: float | None
    n_searched: int
    answers: list[Answer]
    unreadable: dict[str, str]
    sheet: str | None


@check_arguments
def search(  # noqa: PLR0913 - one question, several places for the answer
    queries: Path | str | Sequence[Path | str] = (),
    config: SearchConfig | None = None,
    *,
    by: SearchBy | Literal["features", "copies"] = SearchBy.FEATURES,
    like: str | Sequence[str] = (),
    sheet: Path | str | None = None,
    workspace: Path | str | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Find the images of the workspace that are like some pictures, or copies of them.

    >>> curate.search(["holiday.jpg"], by="copies").answers[0].found  # doctest: +SKIP

    Args:
        queries: Image files, which need not be of the workspace, or folders of them; one alone may
            be given as it is.
        config: The stage's settings.
        by: ``features``: nearest first by what the model sees, which always finds something.
            ``copies``: only images of equal bytes, equal pixels, or on which the picture can be
            laid, also mirrored, cropped or encoded again, with the probability and how it lies on
            them. No model is needed. What `curate.dedup` found out about the images is used; if
            it has not looked at them all, this is done first.
        like: Images of the workspace, by their paths in the manifest, from here or whole, or one
            of them; others are found.
        sheet: A contact sheet to write: each picture, then what was found.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Hears how it gets on.

    Raises:
        InputError: A picture cannot be read, a folder has none, the sheet cannot be written, the
            workspace has no images, or, by features, no model.
        UsageError: No picture is named, the workspace has no image of that path, or ``by`` is
            none of the two.
        ResourceError: The workspace is to be written, and the lock is held or the disk is full.
    """
    config = config or SearchConfig()
    progress = progress or Silent()
    method = find_choice(by, SearchBy, name="by")
    queries = [queries] if isinstance(queries, Path | str) else list(queries)
    like = [like] if isinstance(like, str) else list(like)
    if not queries and not like:
        raise UsageError(
            "no picture is named", hint="name image files or a folder, or a path with --like"
        )
    if sheet is not None:
        check_sheet(Path(sheet))
    space = find_workspace(workspace, progress)
    mend_catalogue(space, progress)
    sources = list_queries(queries, like, find_images(space, like))
    index = _open_index(space, method, config, progress)
    cache = open_pixels(space, progress)
    answers: list[Answer] = []
    unreadable: dict[str, str] = {}
    drawing = _Drawing(cache) if sheet is not None else None
    shown = progress if len(sources) > _BATCH else Silent()
    with task(shown, "searching", len(sources)):
        for start in range(0, len(sources), _BATCH):
            batch = sources[start : start + _BATCH]
            images, reasons = read_queries(batch, cache)
            hits = index.find(images, config.k)
            answers += map(_make_answer, images, hits)
            unreadable |= reasons
            if drawing is not None:
                drawing.add(images, hits)
            shown.advance(len(batch))
    if sheet is not None and drawing is not None:
        drawing.write(Path(sheet), progress)
    return SearchResult(
        by=method.value,
        model=index.model,
        threshold=index.threshold,
        n_searched=index.n_searched,
        answers=answers,
        unreadable=unreadable,
        sheet=str(sheet) if sheet is not None else None,
    )


def _open_index(
    space: Workspace, method: SearchBy, config: SearchConfig, progress: Progress
) -> ByFeatures | ByCopies:
    """Return what finds images.

    Raises:
        InputError: The workspace has no images, or there is no model.
        ResourceError: The device is not there.
    """
    if method is SearchBy.COPIES:
        return ByCopies(space, DedupConfig(seed=config.seed), progress)
    if not space.models():
        raise InputError(
            f"{space} has no trained model",
            hint="train one with `curate train IMAGES`; copies need none: add --by copies",
        )
    require_device(config.device)
    return ByFeatures(space, model=config.model, device=config.device, progress=progress)


def _make_answer(query: Query, hits: Hits) -> Answer:
    return Answer(query=query.name, found=hits.found, n_more=hits.n_more)


class _Drawing:
    """The contact sheet: each query image, then what was found for it."""

    def __init__(self, cache: PixelCache) -> None:
        self._cache = cache
        self._groups: list[list[Tile]] = []
        self._n_rows = self._n_queries = 0

    def add(self, queries: Sequence[Query], hits: Sequence[Hits]) -> None:
        """Draw more query images, as long as there is room."""
        for query, hit in zip(queries, hits, strict=True):
            self._n_queries += 1
            self._n_rows += 1 + len(hit.found) // _COLUMNS
            if self._n_rows <= _MOST_ROWS:
                self._groups.append(self._make_tiles(query, hit))

    def _make_tiles(self, query: Query, hit: Hits) -> list[Tile]:
        tiles = [Tile(query.pixels, (Path(query.name).name, "query"), is_marked=True)]
        images = self._cache.read(hit.content_hashes)
        for one, pixels in zip(hit.found, images, strict=True):
            caption = f"{one.match} {one.similarity:.3f}" if one.match else f"{one.similarity:.3f}"
            part = one.placement if one.placement and one.placement.covers < _WHOLE else None
            box = part.box if part else None
            tiles.append(Tile(pixels, (Path(one.path).name, caption), box=box))
        return tiles

    def write(self, path: Path, progress: Progress) -> None:
        """Write the sheet, and say if it does not show all query images."""
        write_sheet(path, draw_sheet(self._groups, columns=_COLUMNS))
        if len(self._groups) < self._n_queries:
            progress.note(
                f"the sheet shows the first {len(self._groups):,} of {self._n_queries:,} pictures"
            )

"""Search: the images of a workspace that are nearest to some pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.contact import Tile, draw_sheet, write_sheet
from curate.decode import Pixels, Unreadable, decode_file
from curate.embeddings import Vectors
from curate.errors import InputError, UsageError
from curate.features import Model, embed_missing, encoder_of, find_model
from curate.neighbors import search as nearest_rows
from curate.pixels import PixelCache, squashed
from curate.records import Progress, Silent, Status
from curate.workspace import Workspace, find_workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchConfig:
    """What the stage needs to know.

    Attributes:
        k: Images found for each picture, >= 1.
        model: Name of the model; None takes ``default`` or the only one.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    k: int = 20
    model: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            UsageError: ``k`` is below 1.
        """
        if self.k < 1:
            raise UsageError(f"k must be at least 1, got {self.k}", hint="use -k 20")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One image that was found.

    Attributes:
        path: Whole path of the file.
        similarity: Cosine to the picture.
    """

    path: str
    similarity: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What was found for one picture.

    Attributes:
        query: The picture.
        found: Nearest first; one file for each content.
    """

    query: str
    found: list[Found]


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """What the stage found.

    Attributes:
        model: Name and weights of the model.
        n_searched: Different images searched.
        answers: One for each picture.
        sheet: The contact sheet, or None.
    """

    model: str
    n_searched: int
    answers: list[Answer]
    sheet: str | None


def search(
    queries: Sequence[Path | str],
    config: SearchConfig | None = None,
    *,
    sheet: Path | str | None = None,
    workspace: Path | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Find the images of the workspace that are nearest to some pictures, by the model's features.

    Args:
        queries: Image files, which need not be of the workspace.
        config: The stage's settings.
        sheet: A contact sheet to write: each picture, then what was found.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Hears how it gets on.

    Raises:
        InputError: A picture cannot be read, or the workspace has no images or no model.
    """
    config = config or SearchConfig()
    space = find_workspace(workspace)
    model = find_model(space, config.model)
    pictures = [_picture(Path(query)) for query in queries]
    table = _distinct_images(space)
    hashes = table["hash"].to_pylist()
    vectors = _vectors(space, model, hashes, config, progress or Silent())
    encoder = encoder_of(model, config.device)
    similarity, rows = nearest_rows(
        vectors, _encoded(encoder, pictures), min(config.k, len(hashes))
    )
    files = [
        f"{source}/{path}"
        for source, path in zip(table["source"].to_pylist(), table["path"].to_pylist(), strict=True)
    ]
    answers = [
        Answer(
            query=str(query),
            found=[
                Found(path=files[row], similarity=round(float(cosine), 4))
                for row, cosine in zip(own.tolist(), cosines, strict=True)
            ],
        )
        for query, own, cosines in zip(queries, rows, similarity, strict=True)
    ]
    if sheet is not None:
        cache = PixelCache(space.pixels)
        groups = [
            [Tile(picture, (Path(answer.query).name, "query"), is_marked=True)]
            + [
                Tile(pixels, (Path(one.path).name, f"{one.similarity:.3f}"))
                for pixels, one in zip(
                    cache.read([hashes[row] for row in own.tolist()]), answer.found, strict=True
                )
            ]
            for picture, answer, own in zip(pictures, answers, rows, strict=True)
        ]
        write_sheet(Path(sheet), draw_sheet(groups, columns=11))
    return SearchResult(
        model=model.identity,
        n_searched=len(hashes),
        answers=answers,
        sheet=str(sheet) if sheet is not None else None,
    )


def _picture(path: Path) -> Pixels:
    """Return a picture's pixels.

    Raises:
        InputError: It cannot be read.
    """
    found = decode_file(path)
    if isinstance(found, Unreadable):
        raise InputError(f"{path} cannot be read: {found.reason}", hint="name an image file")
    return found.pixels


def _distinct_images(space: Workspace) -> pa.Table:
    """Return source, path and hash of each different readable content of the catalogue.

    Raises:
        InputError: There is none.
    """
    if not space.catalogue.is_file():
        raise InputError(f"{space.root} has no images", hint="start with `curate train IMAGES`")
    table = pq.read_table(space.catalogue, columns=["source", "path", "hash", "status"])
    table = table.filter(pc.equal(table["status"], Status.OK.value))
    _, first = np.unique(np.array(table["hash"].to_pylist()), return_index=True)
    return table.take(pa.array(np.sort(first)))


def _vectors(
    space: Workspace, model: Model, hashes: list[str], config: SearchConfig, progress: Progress
) -> Vectors:
    with space.writing():
        done = embed_missing(space, model, hashes, device=config.device, progress=progress)
    return done.store.load(hashes).embeddings


def _encoded(encoder: Any, pictures: list[Pixels]) -> Vectors:  # noqa: ANN401 - torch comes late
    squares = [squashed(pixels, encoder.image_size).transpose(2, 0, 1) for pixels in pictures]
    return np.asarray(encoder.encode(np.stack(squares)).embeddings, np.float32)

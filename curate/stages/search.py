"""Search: the images of a workspace that are nearest to some pictures."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class _Query:
    """One picture that is looked for.

    Attributes:
        name: As it was asked for.
        pixels: (h, w, 3) uint8.
        vector: (D,) float32, unit.
        content: Hash of the image of the workspace that it is, which is not found again; or None.
    """

    name: str
    pixels: Pixels
    vector: Vectors
    content: str | None


def search(
    queries: Sequence[Path | str] = (),
    config: SearchConfig | None = None,
    *,
    like: Sequence[str] = (),
    sheet: Path | str | None = None,
    workspace: Path | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Find the images of the workspace that are nearest to some pictures, by the model's features.

    Args:
        queries: Image files, which need not be of the workspace.
        config: The stage's settings.
        like: Images of the workspace, by their paths in the manifest; the others most like them
            are found.
        sheet: A contact sheet to write: each picture, then what was found.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Hears how it gets on.

    Raises:
        InputError: A picture cannot be read, or the workspace has no images or no model.
        UsageError: No picture is named, or the workspace has no image of that path.
    """
    config = config or SearchConfig()
    if not queries and not like:
        raise UsageError("no picture is named", hint="name image files, or a path with --like")
    space = find_workspace(workspace)
    model = find_model(space, config.model)
    pictures = [_picture(Path(query)) for query in queries]
    contents = _contents_of(space, like)
    table = _distinct_images(space)
    hashes = table["hash"].to_pylist()
    vectors = _vectors(space, model, hashes, config, progress or Silent())
    row_of = {content: row for row, content in enumerate(hashes)}
    known = [row_of.get(_content(Path(query)), -1) for query in queries]
    unknown = [pixels for pixels, row in zip(pictures, known, strict=True) if row < 0]
    encoded = iter(_encoded(model, unknown, config.device))
    asked = [
        _Query(str(query), pixels, vectors[row] if row >= 0 else next(encoded), None)
        for query, pixels, row in zip(queries, pictures, known, strict=True)
    ] + [
        _Query(path, pixels, vectors[row_of[content]], content)
        for path, content, pixels in zip(
            like, contents, PixelCache(space.pixels).read(contents), strict=True
        )
    ]
    answers = _answers(asked, vectors, table, config.k)
    if sheet is not None:
        _draw(Path(sheet), asked, answers, PixelCache(space.pixels))
    return SearchResult(
        model=model.identity,
        n_searched=len(hashes),
        answers=[answer for answer, _ in answers],
        sheet=str(sheet) if sheet is not None else None,
    )


def _answers(
    asked: list[_Query], vectors: Vectors, table: pa.Table, k: int
) -> list[tuple[Answer, list[str]]]:
    """Return what was found for each query, and the contents of it."""
    n_wanted = min(k + 1, len(table))  # one more, in case a query finds itself
    similarity, rows = nearest_rows(vectors, np.stack([one.vector for one in asked]), n_wanted)
    places = table.select(["source", "path", "hash"])
    answers = []
    for query, own, cosines in zip(asked, rows, similarity, strict=True):
        near = places.take(pa.array(own)).to_pylist()
        found = [
            (
                Found(path=f"{one['source']}/{one['path']}", similarity=round(float(c), 4)),
                one["hash"],
            )
            for one, c in zip(near, cosines, strict=True)
            if one["hash"] != query.content
        ][:k]
        answer = Answer(query=query.name, found=[one for one, _ in found])
        answers.append((answer, [content for _, content in found]))
    return answers


def _draw(
    path: Path, asked: list[_Query], answers: list[tuple[Answer, list[str]]], cache: PixelCache
) -> None:
    groups = [
        [Tile(query.pixels, (Path(query.name).name, "query"), is_marked=True)]
        + [
            Tile(pixels, (Path(one.path).name, f"{one.similarity:.3f}"))
            for pixels, one in zip(cache.read(contents), answer.found, strict=True)
        ]
        for query, (answer, contents) in zip(asked, answers, strict=True)
    ]
    write_sheet(path, draw_sheet(groups, columns=11))


def _contents_of(space: Workspace, paths: Sequence[str]) -> list[str]:
    """Return the content hashes of images of the workspace, by path; of two, the newest source's.

    Raises:
        UsageError: One is not there, or could not be read.
    """
    if not paths or not space.catalogue.is_file():
        return []
    table = pq.read_table(
        space.catalogue,
        columns=["source", "path", "hash"],
        filters=[("path", "in", list(paths)), ("status", "=", Status.OK.value)],
    )
    sources = space.facts()["sources"]
    found = sorted(table.to_pylist(), key=lambda row: sources.index(row["source"]))
    content_of = {row["path"]: row["hash"] for row in found}
    for path in paths:
        if path not in content_of:
            raise UsageError(
                f"the workspace has no readable image {path!r}",
                hint="name a path as the manifest has it, or an image file without --like",
            )
    return [content_of[path] for path in paths]


def _content(path: Path) -> str:
    """Return a file's content hash: what the workspace holds need not be embedded again."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


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


def _encoded(model: Model, pictures: list[Pixels], device: str) -> Vectors:
    """Return the embeddings of pictures, (N, D); without pictures no network is loaded."""
    if not pictures:
        return np.empty((0, 0), np.float32)
    encoder = encoder_of(model, device)
    squares = [squashed(pixels, encoder.image_size).transpose(2, 0, 1) for pixels in pictures]
    return np.asarray(encoder.encode(np.stack(squares)).embeddings, np.float32)

"""The map: images as points on a plane, alike ones near each other."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.choices import MapBy
from curate.errors import ResourceError
from curate.pages.images_table import ImagesTable
from curate.pages.pictures import Pictures
from curate.pages.shown_text import show_text
from curate.pages.thumbnails import as_data_uri, draw_sprites, encode_webp, shrink
from curate.workspace.embedding_store import EmbeddingStore

_SPRITE_SIDE = 40
_SPRITE_COLUMNS = 32
_COLOUR_SIDE = 6
"""Images without features are placed by 6 x 6 colours: light, colour and layout."""
_UMAP_NEIGHBORS = 15
_LEAST_WITHIN = 0.95
"""Share of the images that the fences must leave on the map."""
_FENCE = 2.0
"""Interquartile ranges beyond the quartiles at which the map ends; a normal distribution has one in
1,500 outside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageMap:
    """A map of P images.

    Attributes:
        rows: (P,) int64, rows of the manifest.
        places: (P, 2) float64, in [0, 1].
        is_beyond: (P,) bool, lies beyond the map's edge and is drawn at it.
        by: How they were placed, for the caption.
        n_images: Images that could be shown; of more than P, some at even steps are.
        sheets: Sprite sheets as ``data:`` addresses, 1024 images each, in order.
        colours: For each column, its different values and (P,) the number of each image's, -1
            for none.
    """

    rows: NDArray[np.int64]
    places: NDArray[np.float64]
    is_beyond: NDArray[np.bool_]
    by: str
    n_images: int
    sheets: list[str]
    colours: dict[str, tuple[list[str], list[int]]]

    def as_json(self, paths: NDArray[np.object_]) -> dict[str, Any]:
        """Return what the page's script draws."""
        grid = np.round(self.places * 4095).astype(int)
        return {
            "x": grid[:, 0].tolist(),
            "y": grid[:, 1].tolist(),
            "beyond": np.flatnonzero(self.is_beyond).tolist(),
            "path": [show_text(path) for path in paths[self.rows].tolist()],
            "side": _SPRITE_SIDE,
            "columns": _SPRITE_COLUMNS,
            "sheets": self.sheets,
            "colours": [
                {"name": name, "values": values, "code": code}
                for name, (values, code) in self.colours.items()
            ],
        }


def draw_map(
    images: ImagesTable,
    store: EmbeddingStore | None,
    pictures: Pictures,
    *,
    by: MapBy,
    n_points: int,
    seed: int,
) -> ImageMap | None:
    """Return a map of the readable images whose pixels are cached; None if they are fewer than 3.

    Args:
        images: The manifest's images.
        store: Of their embeddings; None, or one that lacks some, places them by colour.
        pictures: Where pixels come from.
        by: How the plane is found.
        n_points: Images on the map at most.
        seed: Of the layout.

    Raises:
        ResourceError: UMAP is wanted and not installed.
    """
    readable = np.flatnonzero(images.is_readable)
    chosen = readable[_even_steps(len(readable), n_points)]
    small = pictures.read_each(
        list(dict.fromkeys(images.hashes[chosen].tolist())), lambda p: shrink(p, _SPRITE_SIDE)
    )
    rows = np.array([row for row in chosen.tolist() if images.hashes[row] in small], np.int64)
    if len(rows) < 3:
        return None
    hashes = images.hashes[rows].tolist()
    vectors, said = _load_vectors(store, hashes, small)
    places, is_beyond = fit_to_square(_project(vectors, by, seed))
    page = _SPRITE_COLUMNS**2
    sheets = [
        draw_sprites(
            [small[h] for h in hashes[start : start + page]],
            side=_SPRITE_SIDE,
            columns=_SPRITE_COLUMNS,
        )
        for start in range(0, len(hashes), page)
    ]
    return ImageMap(
        rows=rows,
        places=places,
        is_beyond=is_beyond,
        by=f"{said}, by {by.value.upper()}",
        n_images=len(readable),
        sheets=[as_data_uri(encode_webp(sheet)) for sheet in sheets],
        colours=_list_colours(images, rows),
    )


def _even_steps(n: int, most: int) -> NDArray[np.int64]:
    return np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)


def _load_vectors(
    store: EmbeddingStore | None, hashes: list[str], small: dict[str, NDArray[np.uint8]]
) -> tuple[NDArray[np.float32], str]:
    if store is not None and not store.missing(hashes):
        return store.load(hashes).embeddings, "placed by the trained model's features"
    size = (_COLOUR_SIDE, _COLOUR_SIDE)
    rows = [cv2.resize(small[h], size, interpolation=cv2.INTER_AREA).ravel() for h in hashes]
    return np.asarray(rows, np.float32) / np.float32(255), "placed by colour and layout"


def _project(vectors: NDArray[np.float32], by: MapBy, seed: int) -> NDArray[np.float64]:
    """Return a place for each vector, (P, 2).

    Raises:
        ResourceError: UMAP is wanted and not installed.
    """
    if by is MapBy.UMAP:
        return _project_by_umap(vectors, seed)
    from sklearn.decomposition import PCA

    far = np.linalg.norm(vectors - np.median(vectors, axis=0), axis=1)
    ordinary = vectors[far <= _find_fences(far)[1]]  # an outlier would have an axis to itself
    enough = ordinary if len(ordinary) > 2 else vectors
    fitted = PCA(2, random_state=seed).fit(enough)
    return np.asarray(fitted.transform(vectors), np.float64)


def fit_to_square(
    plane: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return places in the unit square, (P, 2), and which lie beyond it and are put at its edge.

    Args:
        plane: (P, 2) float64, P >= 1.
    """
    low, high = np.transpose([_find_fences(axis) for axis in plane.T])
    is_beyond = ((plane < low) | (plane > high)).any(axis=1)
    return np.clip((plane - low) / np.maximum(high - low, 1e-9), 0, 1), is_beyond


def _find_fences(values: NDArray[np.floating]) -> tuple[float, float]:
    """Return least and largest of some values, far ones left out (Tukey's fences)."""
    first, third = np.percentile(values, [25, 75])
    reach = _FENCE * (third - first)
    within = values[(values >= first - reach) & (values <= third + reach)]
    if len(within) < _LEAST_WITHIN * len(values):  # half of the images alike leave no quartiles
        within = np.percentile(values, [1, 99])
    return float(within.min()), float(within.max())


def _project_by_umap(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    try:
        from umap import UMAP
    except ImportError:
        raise ResourceError(
            "UMAP is not installed", hint="pip install 'curate-images[map]', or use --map pca"
        ) from None
    n_neighbors = min(_UMAP_NEIGHBORS, len(vectors) - 1)
    init = "spectral" if len(vectors) > _UMAP_NEIGHBORS else "random"
    reducer = UMAP(n_neighbors=n_neighbors, init=init, random_state=seed, n_jobs=1)
    return np.asarray(reducer.fit_transform(vectors), np.float64)


def _list_colours(
    images: ImagesTable, rows: NDArray[np.int64]
) -> dict[str, tuple[list[str], list[int]]]:
    columns = {name: images.texts(name)[rows] for name in ("cluster", "label", "split")}
    if images.has("keep"):
        columns["kept"] = np.where(images.is_kept[rows], "stays", "copy").astype(object)
    colours = {}
    for name, texts in columns.items():
        known = [str(text) for text in texts.tolist() if text is not None]
        if not known:
            continue
        key = (lambda text: (len(text), text)) if name == "cluster" else str
        values = sorted(set(known), key=key)
        number = {value: place for place, value in enumerate(values)}
        code = [-1 if text is None else number[str(text)] for text in texts.tolist()]
        colours[name] = (values, code)
    return colours

"""Pair table: pairs of images with their evidence, an Arrow table that a notebook shows."""

from typing import Any

import pyarrow as pa

from curate.pages.notebook import ShownPair, draw_pairs
from curate.pages.pictures import Pictures
from curate.progress import Silent
from curate.retrieval.catalogue_images import find_known_images
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.workspace import find_workspace

_SIDE = 128  # px
_MOST_PAIRS = 12


class PairTable:
    """Pairs of images with their evidence, a row each.

    It answers as the Arrow table that it holds does (``pairs["similarity"]``, ``pairs.filter()``,
    ``len(pairs)``), and whatever reads Arrow takes it, such as ``pyarrow.table(pairs)``. In a
    notebook it shows its first pairs with what ties them.

    Attributes:
        table: The Arrow table itself.
    """

    def __init__(self, table: pa.Table, *, workspace: str, source: str) -> None:
        """Hold a table.

        Args:
            table: As ``--pairs`` writes it.
            workspace: Where the pixels are.
            source: What its paths are relative to.
        """
        self.table = table
        self._workspace, self._source = workspace, source

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, key: str | int) -> Any:  # noqa: ANN401 - as the table does
        return self.table[key]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the table does
        if name.startswith("__"):  # what Python asks of a copy that is not filled yet
            raise AttributeError(name)
        return getattr(self.table, name)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give the table to whatever reads Arrow."""
        return self.table.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        """Return the first pairs, side by side, with their evidence."""
        rows = self.table.slice(0, _MOST_PAIRS).to_pylist()
        space = find_workspace(self._workspace)
        paths = [path for row in rows for path in (row["path"], row["other_path"])]
        images = find_known_images(space, paths, source=self._source)
        contents = [image.content_hash if image is not None else None for image in images]
        sources = Pictures(open_pixels(space, Silent())).pack(contents, side=_SIDE)
        pairs = [
            ShownPair(
                sources=sources[2 * place : 2 * place + 2],
                names=(row["path"], row["other_path"]),
                line=describe_pair(row),
                box=row["box"],
            )
            for place, row in enumerate(rows)
        ]
        shown = f", the first {len(rows)}" if len(rows) < len(self) else ""
        return draw_pairs(pairs, title=f"{len(self):,} pair{'s' * (len(self) != 1)}{shown}")


def describe_pair(row: dict[str, Any]) -> str:
    """Return what ties a pair in a line, such as ``near 98.2 %, mirrored, turned 90°``."""
    turned = round(row["rotation"])
    left, top, right, bottom = row["box"]
    share = (right - left) * (bottom - top)
    facts = [
        f"{row['match']} {100 * row['similarity']:.1f} %",
        "mirrored" if row["mirrored"] else "",
        f"turned {turned}°" if turned else "",
        f"scale {row['scale']:.2g}" if abs(row["scale"] - 1) >= 0.05 else "",
        f"covers {100 * share:.0f} %" if share < 0.95 else "",
    ]
    return ", ".join(filter(None, facts))

"""Members: images of a pair or a group as the page shows them, and what was said of them."""

from typing import Any

from curate.pages.images_table import ImagesTable
from curate.pages.shown_text import show_text
from curate.review_page.decisions import Decision, DecisionLog, Verdict, pair_key


class Members:
    """The images of a manifest beside the one that stays."""

    def __init__(self, images: ImagesTable, log: DecisionLog) -> None:
        """Read the columns that the page shows."""
        self._hashes, self._paths, self._log = images.hashes, images.paths, log
        self._label, self._split = images.texts("label"), images.texts("split")
        self._sizes = {name: images.codes(name) for name in ("width", "height", "bytes")}

    def describe(
        self,
        row: int,
        kept: int,
        *,
        match: str | None = None,
        probability: float | None = None,
        reason: str | None = None,
    ) -> dict[str, Any]:
        """Return what the page shows of an image.

        Args:
            row: The image.
            kept: The one it is compared with.
            match: What ties them, or None.
            probability: That they are copies, or None if none is stated.
            reason: Why the other one stays, or None.
        """
        verdict = self.find_verdict(row, kept)
        return {
            "row": row,
            "path": show_text(self._paths[row]),
            "is_same_content": self._hashes[row] == self._hashes[kept],
            "match": match,
            "probability": probability,
            "reason": reason,
            "label": self._label[row],
            "split": self._split[row],
            "width": int(self._sizes["width"][row]),
            "height": int(self._sizes["height"][row]),
            "bytes": int(self._sizes["bytes"][row]),
            "verdict": verdict.value if verdict is not None else None,
        }

    def find_verdict(self, row: int, kept: int) -> Verdict | None:
        """Return what was said of a pair, or None."""
        decision = self._log.get("pair", *pair_key(self._hashes[kept], self._hashes[row]))
        return decision.verdict if decision is not None else None

    def decide(self, row: int, kept: int, verdict: Verdict, probability: float | None) -> Decision:
        """Return the decision on a pair.

        Args:
            row: The image.
            kept: The one it is compared with.
            verdict: ``copy`` or ``different``.
            probability: That was stated, or None.
        """
        return Decision(
            subject="pair",
            hashes=pair_key(self._hashes[kept], self._hashes[row]),
            verdict=verdict,
            probability=probability,
        )


def next_open(after: int, n: int, decided: set[int]) -> int | None:
    """Return the next of n places, around the end, that is not decided; None if all are."""
    ahead = ((after + step) % n for step in range(1, n + 1))
    return next((place for place in ahead if place not in decided), None)

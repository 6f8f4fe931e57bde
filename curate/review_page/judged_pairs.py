"""Judged pairs: the decisions of a workspace as the search for copies and the report use them."""

from pathlib import Path

from curate.copies.judged import Judged
from curate.progress import Progress
from curate.review_page.decisions import DecisionLog, Verdict


def read_judged(root: Path, progress: Progress | None = None) -> Judged:
    """Return what a person decided on copies in a workspace.

    Args:
        root: Folder of the workspace.
        progress: Hears of decisions that are damaged.
    """
    log = DecisionLog.of_workspace(root, progress)
    pairs = log.of("pair")
    return Judged(
        copies=frozenset(_pair(one.hashes) for one in pairs if one.verdict is Verdict.COPY),
        different=frozenset(_pair(one.hashes) for one in pairs if one.verdict is Verdict.DIFFERENT),
        chosen=frozenset(one.hashes[0] for one in log.of("image") if one.verdict is Verdict.KEEP),
    )


def read_judged_probabilities(
    root: Path, progress: Progress | None = None
) -> tuple[list[float], list[bool]]:
    """Return the stated probability of each judged pair, and whether a person called it a copy.

    Args:
        root: Folder of the workspace.
        progress: Hears of decisions that are damaged.
    """
    log = DecisionLog.of_workspace(root, progress)
    pairs = [one for one in log.of("pair") if one.probability is not None]
    return (
        [float(one.probability or 0) for one in pairs],
        [one.verdict is Verdict.COPY for one in pairs],
    )


def _pair(hashes: tuple[str, ...]) -> tuple[str, str]:
    first, second = hashes
    return first, second

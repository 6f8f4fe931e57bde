"""What decisions of `curate review` do to precision and recall, beyond the pairs they are on.

    python tests/benchmarks/review_decisions.py IMAGES TRUTH.csv [--precision 0.99]

TRUTH has the columns ``path`` and ``original``: images of one original are copies. A reviewer who
is never wrong walks the queue of the page, the most doubtful group first, and decides each image
against the kept one; after each step `curate dedup` runs again. Told by step, over all pairs of
images that share a group: precision, recall and false pairs; over those that nobody decided the
same, and the mean stated probability of pairs with the kept image beside the share of them that are
copies. Then the same where decisions are only obeyed and the probability is not fitted again, which
is a weight of 0; ``--weights 20`` lets a judged pair weigh as much as 20 candidates.
``--nearly`` walks the pairs just below the cut in place of the groups, the likeliest first.
"""

import argparse
import tempfile
from collections import Counter
from itertools import combinations
from pathlib import Path
from unittest.mock import patch

import numpy as np
from folder_evidence import read_truth

from curate.copies.rungs.near_search import NearSearch
from curate.manifest.manifest import read_manifest
from curate.pages.images_table import ImagesTable
from curate.review_page.decisions import DecisionLog, Verdict, pair_key
from curate.review_page.members import Members
from curate.review_page.nearly_copies import NearlyCopies
from curate.review_page.queue import ReviewQueue
from curate.stages.dedup import DedupConfig, dedup
from curate.workspace.cuts import misses_path
from curate.workspace.integrity import read_table
from curate.workspace.workspace import REVIEWS, Workspace


def decide(manifest, log, truth, n, misses):
    """Append decisions until n are in the log; return how many are.

    They are on the most doubtful groups; on the likeliest pairs below the cut where ``misses`` are
    given.
    """
    images = ImagesTable.read(read_manifest(manifest))
    members = Members(images, log)
    queue = ReviewQueue(images, members, log)
    if misses is not None:
        queue = NearlyCopies(images, members, misses)
    original = [truth.get(path, path) for path in images.paths.tolist()]
    for place in range(len(queue)):
        kept = queue.describe(place)["members"][0]["row"]
        for row in queue.members(place):
            if len(log.of("pair")) >= n:
                return n
            if row != kept:
                is_copy = original[row] == original[kept]
                log.append(
                    queue.judge(place, [row], Verdict.COPY if is_copy else Verdict.DIFFERENT)
                )
    return len(log.of("pair"))


def measure(manifest, decided, truth):
    """Return precision, recall, false pairs, and stated and observed share, without some pairs."""
    images = ImagesTable.read(read_manifest(manifest))
    original = np.array([truth.get(path, path) for path in images.paths.tolist()], object)
    hashes, group = images.hashes, images.codes("group")

    def pairs_by(codes):
        rows_of = {}
        for row in np.flatnonzero(images.is_readable).tolist():
            if codes[row] not in (-1, None):
                rows_of.setdefault(codes[row], []).append(row)
        pairs = (pair for rows in rows_of.values() for pair in combinations(rows, 2))
        return {(a, b) for a, b in pairs if pair_key(hashes[a], hashes[b]) not in decided}

    found, true = pairs_by(group), pairs_by(original)
    row_of = {path: row for row, path in enumerate(images.paths.tolist())}
    stated, is_copy = [], []
    similarity, kept_path = images.numbers("similarity"), images.texts("duplicate_of")
    for row in np.flatnonzero(images.is_dropped & np.isfinite(similarity)).tolist():
        kept = row_of[kept_path[row]]
        if pair_key(hashes[row], hashes[kept]) not in decided:
            stated.append(similarity[row])
            is_copy.append(original[row] == original[kept])
    return (
        len(found & true) / max(len(found), 1),
        len(found & true) / max(len(true), 1),
        len(found - true),
        float(np.mean(stated)) if stated else 1.0,
        float(np.mean(is_copy)) if is_copy else 1.0,
    )


def run(images, truth, steps, config, root, *, weight, is_nearly):
    """Print a line for each step."""
    log = DecisionLog.of_workspace(root)
    out = root.parent / f"m-{root.name}.parquet"
    dedup(images, config, out=out, workspace=root)
    print(f"a judged pair weighs as much as {weight} candidates", flush=True)
    print("                      all pairs                 those that nobody decided")
    print(
        "decisions  different  precision  recall  false  precision  recall  false  stated  observed"
    )
    for n in (0, *steps):
        if n:
            misses = read_table(misses_path(Workspace(root), out)) if is_nearly else None
            n = decide(out, log, truth, n, misses)
            with patch.object(NearSearch, "_find_judged", weigh(NearSearch._find_judged, weight)):
                dedup(out, config, out=out, workspace=root)
        said = Counter(one.verdict for one in log.of("pair"))
        decided = {one.hashes for one in log.of("pair")}
        whole, rest = measure(out, set(), truth), measure(out, decided, truth)
        told = [f"{one[0]:9.4f}  {one[1]:6.4f}  {one[2]:5}" for one in (whole, rest)]
        print(
            f"{n:9}  {said[Verdict.DIFFERENT]:9}  {'  '.join(told)}  "
            f"{rest[3]:6.4f}  {rest[4]:8.4f}",
            flush=True,
        )


def weigh(find, weight):
    """Return what finds judged pairs, each as often as it weighs; none at 0."""

    def find_weighed(search, findings, evidence):
        judged = find(search, findings, evidence)
        if judged is None or weight == 0:
            return None
        return tuple(np.repeat(part, weight, axis=0) for part in judged)

    return find_weighed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--precision", type=float, default=0.99)
    parser.add_argument("--steps", type=int, nargs="+", default=[20, 50, 100])
    parser.add_argument("--weights", type=int, nargs="+", default=[1, 0])
    parser.add_argument("--column", default="original")
    parser.add_argument("--nearly", action="store_true", help="walk the pairs below the cut")
    asked = parser.parse_args()
    truth = read_truth(asked.truth, asked.column)
    config = DedupConfig(precision=asked.precision)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "workspace"
        for weight in asked.weights:
            (root / REVIEWS).unlink(missing_ok=True)  # what was searched stays known
            run(
                asked.images,
                truth,
                asked.steps,
                config,
                root,
                weight=weight,
                is_nearly=asked.nearly,
            )


if __name__ == "__main__":
    main()

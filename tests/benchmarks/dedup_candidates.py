"""Show what each source of candidate pairs brings, and what it costs.

    python tests/benchmarks/dedup_candidates.py FOLDER WORKSPACE

A folder is as for ``dedup_quality.py``. The workspace is made if it is not there; if it holds a
trained model (``curate train FOLDER/images --workspace WORKSPACE``), its neighbours are a source.
A true pair is covered if it is a candidate itself; groups need fewer than all of them.
"""

import argparse
import csv
import itertools
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from curate.copies.candidates import Candidates, PointIndex, from_hashes, from_points
from curate.copies.exact import same_bytes, same_pixels
from curate.copies.features import Features, working_copy
from curate.copies.semantic import likely_pairs
from curate.copies.tables import Vectors
from curate.copies.verify import BY_POINTS, Verifier
from curate.features import embed_missing, find_model, nearest_prototype, prototypes_of
from curate.lineup import line_up
from curate.records import Labels, Silent
from curate.scan import scan
from curate.workspace import Workspace


def true_pairs(folder, paths):
    """Return the pairs of rows that show the same original."""
    with (folder / "truth.csv").open(newline="") as source:
        original = {row["path"]: row["original"] for row in csv.DictReader(source)}
    members = defaultdict(list)
    for row, path in enumerate(paths):
        members[original[path]].append(row)
    return {pair for rows in members.values() for pair in itertools.combinations(rows, 2)}


def by_model(space, hashes, rows):
    """Return the candidates of the trained model."""
    model = find_model(space, None)
    done = embed_missing(space, model, hashes, device="cpu", progress=Silent())
    found = done.store.load(hashes)
    assigned = nearest_prototype(found.projections, prototypes_of(model))
    vectors = Vectors(embeddings=found.embeddings, prototype=assigned)
    a, b = likely_pairs(vectors, rows, least=0.8)
    return Candidates(a=a, b=b, way=np.full(len(a), BY_POINTS))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("workspace", type=Path)
    options = parser.parse_args()
    space = Workspace(options.workspace.absolute())
    with space.writing():
        found = scan(options.folder / "images", space, Silent())
        lineup = line_up(found.manifest(Labels.NONE), None, space, Silent())
    images, reader = lineup.images, lineup.reader
    heads = np.unique(same_bytes(images))
    rows = np.unique(same_pixels(images, reader, heads))
    hashes = [images.content_hash[row] for row in rows.tolist()]
    truth = true_pairs(options.folder, [images.path[row] for row in rows.tolist()])

    def points():
        index = PointIndex.trained(features, np.arange(len(rows)), seed=0)
        return from_points(features, index, np.zeros(0, np.int64), np.arange(len(rows)))

    start = time.process_time()
    features = Features.of([working_copy(pixels) for pixels in reader.read(hashes)])
    extracting = time.process_time() - start
    sources = {
        "hashes": lambda: from_hashes(images.phash[rows], np.ones(len(rows), bool)),
        "points": points,
    }
    if space.models():
        sources["model"] = lambda: by_model(space, hashes, np.arange(len(rows)))
    verifier = Verifier(features, lambda asked: reader.read([hashes[row] for row in asked]))
    print(f"{len(rows)} images of different pixels, {len(truth)} true pairs")
    print(f"finding points: {extracting:.1f} CPU s")
    print(
        f"{'source':16}{'pairs/image':>12}{'covered':>9}{'only by it':>11}{'CPU s':>8}{'to verify':>10}"
    )
    covered = {}
    for name, source in sources.items():
        start = time.process_time()
        pairs = source().along(np.arange(len(rows)))
        seconds = time.process_time() - start
        start = time.process_time()
        verifier.examined(pairs.a, pairs.b, pairs.way)
        verifying = time.process_time() - start
        both = set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True))
        covered[name] = (both & truth, len(pairs) / len(rows), seconds, verifying)
    for name, (pairs, per_image, seconds, verifying) in covered.items():
        rest = set().union(*(other[0] for key, other in covered.items() if key != name))
        print(
            f"{name:16}{per_image:12.2f}{len(pairs) / len(truth):9.4f}"
            f"{len(pairs - rest) / len(truth):11.4f}{seconds:8.1f}{verifying:10.1f}"
        )
    together = set().union(*(item[0] for item in covered.values()))
    print(f"{'together':28}{len(together) / len(truth):9.4f}")


if __name__ == "__main__":
    main()

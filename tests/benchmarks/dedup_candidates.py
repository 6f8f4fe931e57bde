"""Show what each source of candidate pairs brings, and what it costs.

    python tests/benchmarks/dedup_candidates.py FOLDER WORKSPACE [--partners 2 4 8 12]

A folder is as for ``dedup_quality.py``. The workspace is made if it is not there; if it holds a
trained model (``curate train FOLDER/images --workspace WORKSPACE``), its neighbours are a source.
A true pair is covered if it is a candidate itself; groups need fewer than all of them. With
``--partners`` there is a row for each number of pairs that an image keeps, and one for all of them.
"""

import argparse
import csv
import itertools
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from curate.algorithms.neighbors import nearest_prototype
from curate.copies.candidates.from_embeddings import pair_by_embeddings
from curate.copies.candidates.from_hashes import HashedImages, pair_by_hashes
from curate.copies.candidates.from_keypoints import (
    VOTE_PARAMS,
    KeypointIndex,
    locate_in,
    pair_by_keypoints,
    select_most_voted,
    vote,
)
from curate.copies.candidates.pairs import Candidates, order_pairs
from curate.copies.candidates.thumbnails import make_thumbnail
from curate.copies.inputs import read_inputs
from curate.copies.probability.classifier import FIRST_LOOK
from curate.copies.records import Vectors
from curate.copies.rungs.same_pixels import find_same_pixels
from curate.copies.verification.findings import BY_KEYPOINTS
from curate.copies.verification.keypoints import Keypoints, make_working_copy
from curate.copies.verification.verifier import Verifier
from curate.progress import Silent
from curate.workspace.embedding import embed_missing
from curate.workspace.models import find_model, prototypes_of
from curate.workspace.scan import scan
from curate.workspace.workspace import Workspace


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
    a, b = pair_by_embeddings(vectors, rows)
    return Candidates(a=a, b=b, method=np.full(len(a), BY_KEYPOINTS))


def by_keypoints(keypoints, rows):
    """Return the candidates that keypoints give."""
    index = KeypointIndex.train(keypoints, rows, seed=0)
    return pair_by_keypoints(keypoints, index, rows[:0], rows)


def by_most_voted(keypoints, rows, partners):
    """Return the candidates that keypoints give if each image keeps so many pairs."""
    index = KeypointIndex.train(keypoints, rows, seed=0)
    pair_by_keypoints(keypoints, index, rows[:0], rows)  # fills the index
    votes = vote(keypoints, rows, index, locate_in(keypoints, rows), VOTE_PARAMS.n_neighbors)
    return select_most_voted(votes, partners)


def timed(function):
    """Return what a function returns, and the CPU seconds it took."""
    start = time.process_time()
    return function(), time.process_time() - start


def scanned(images, space):
    """Return the images of a folder, and those of different pixels."""
    with space.writing():
        manifest = scan(images, space, Silent()).manifest()
        inputs = read_inputs(manifest, None, space, Silent())
    _, first = np.unique(np.array(inputs.images.content_hash), return_index=True)
    return inputs, np.unique(find_same_pixels(inputs.images, inputs.reader, np.sort(first)))


def show(sources, verifier, n, truth):
    """Print a row per source."""
    print(f"{'source':16}{'pairs/image':>12}{'covered':>9}{'only by it':>11}", end="")
    print(f"{'CPU s':>8}{'to verify':>10}")
    covered, costs = {}, {}
    for name, source in sources.items():
        pairs, seconds = timed(lambda source=source: order_pairs(source(), np.arange(n)))
        _, verifying = timed(lambda p=pairs: verifier.verify(p.a, p.b, p.method))
        covered[name] = set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) & truth
        costs[name] = (len(pairs) / n, seconds, verifying)
    for name, (per_image, seconds, verifying) in costs.items():
        rest = set().union(*(found for key, found in covered.items() if key != name))
        print(
            f"{name:16}{per_image:12.2f}{len(covered[name]) / len(truth):9.4f}"
            f"{len(covered[name] - rest) / len(truth):11.4f}{seconds:8.1f}{verifying:10.1f}"
        )
    print(f"{'together':28}{len(set().union(*covered.values())) / len(truth):9.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--partners", type=int, nargs="+", default=[])
    options = parser.parse_args()
    space = Workspace(options.workspace.absolute())
    inputs, rows = scanned(options.folder / "images", space)
    images, reader, everyone = inputs.images, inputs.reader, np.arange(len(rows))
    hashes = [images.content_hash[row] for row in rows.tolist()]
    truth = true_pairs(options.folder, [images.path[row] for row in rows.tolist()])
    greys = [make_working_copy(pixels) for pixels in reader.read(hashes)]
    keypoints, extracting = timed(lambda: Keypoints.of(greys))
    hashed = HashedImages(
        phash=images.phash[rows], thumbnail=np.array([make_thumbnail(grey) for grey in greys])
    )
    print(f"{len(rows)} images of different pixels, {len(truth)} true pairs")
    print(f"finding keypoints: {extracting:.1f} CPU s")
    sources = {
        "hashes": lambda: pair_by_hashes(hashed, np.ones(len(rows), bool)),
        "keypoints": lambda: by_keypoints(keypoints, everyone),
    }
    for partners in [*options.partners, len(rows)] if options.partners else []:
        sources[f"most voted {partners}"] = lambda n=partners: by_most_voted(keypoints, everyone, n)
    if space.models():
        sources["model"] = lambda: by_model(space, hashes, everyone)
    verifier = Verifier(
        keypoints, lambda some: reader.read([hashes[row] for row in some]), FIRST_LOOK
    )
    show(sources, verifier, len(rows), truth)


if __name__ == "__main__":
    main()

"""Measure the join of all near pairs of many vectors: recall, time, memory.

    python tests/benchmarks/join_scale.py [--rows 1000000] [--least 0.9] [--queries 2000]

The vectors lie in clusters of uneven size, as embeddings of photos do; one in ten is a near
duplicate of another one, at a cosine between 0.85 and 1. Recall is measured on rows that are
compared with all others.
"""

import argparse
import resource
import time

import numpy as np

from curate.algorithms.neighbors import pairs_above

BLOCK = 65_536


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def made_vectors(n, width, rng):
    """Return (n, width) float32 unit rows."""
    n_clusters = max(1, n // 200)
    centres = rng.normal(size=(n_clusters, width)).astype(np.float32)
    weights = rng.pareto(1.5, n_clusters) + 0.1
    vectors = np.empty((n, width), np.float32)
    for start in range(0, n, BLOCK):
        part = vectors[start : start + BLOCK]
        cluster = rng.choice(n_clusters, len(part), p=weights / weights.sum())
        part[:] = centres[cluster] + rng.normal(0, 0.7, part.shape).astype(np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    copies = rng.permutation(n)[: n // 10]
    for start in range(0, len(copies), BLOCK):
        rows = copies[start : start + BLOCK]
        cosine = rng.uniform(0.85, 1, (len(rows), 1)).astype(np.float32)
        origin = vectors[rng.integers(0, n, len(rows))]
        aside = rng.normal(size=origin.shape).astype(np.float32)
        aside -= (aside * origin).sum(axis=1, keepdims=True) * origin
        aside /= np.linalg.norm(aside, axis=1, keepdims=True)
        vectors[rows] = cosine * origin + np.sqrt(1 - cosine**2) * aside
    return vectors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--least", type=float, default=0.9, help="cosine")
    parser.add_argument("--queries", type=int, default=2000, help="rows that measure recall")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    vectors = made_vectors(options.rows, options.width, rng)
    before = peak()
    wall, cpu = time.perf_counter(), time.process_time()
    parts = list(pairs_above(vectors, options.least))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    after = peak()
    a, b = (np.concatenate([part[side] for part in parts]) for side in range(2))
    found = set(zip(a.tolist(), b.tolist(), strict=True))
    assert len(found) == len(a), "a pair came twice"
    n_true = n_found = 0
    for query in rng.choice(options.rows, options.queries, replace=False).tolist():
        near = np.nonzero(vectors @ vectors[query] >= options.least)[0]
        for other in near[near != query].tolist():
            n_true += 1
            n_found += (min(query, other), max(query, other)) in found
    print(
        f"{options.rows:,} x {options.width}: {len(a):,} pairs of cosine {options.least} and more "
        f"in {wall:.0f} s ({cpu:.0f} CPU s); recall {n_found / max(n_true, 1):.4f} of {n_true:,}; "
        f"peak {after / vectors.nbytes:.2f} times the vectors ({vectors.nbytes / 1e6:.0f} MB), "
        f"{before / vectors.nbytes:.2f} before"
    )


if __name__ == "__main__":
    main()

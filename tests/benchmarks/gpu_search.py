"""Measure the search for nearest neighbours on a GPU beside the CPU's: time, and what is found.

    python tests/benchmarks/gpu_search.py [--rows 200000,1000000] [--k 20] [--width 128]

Needs a CUDA device that FAISS can use. The vectors are those of `join_scale.py`. Both search the
same inverted lists, learned before the clock runs; the clock counts the filling of the index and
the search of all rows. Agreement is the share of neighbours that both found.
"""

import argparse
import os
import time

import faiss
import numpy as np
from join_scale import made_vectors

from curate.algorithms.neighbors import SearchParams, build_index, nearest


def find(vectors, k, centroids, device):
    """Return the neighbours of all rows, and seconds."""
    began = time.perf_counter()
    found = nearest(vectors, k, centroids=centroids, device=device)
    return found.index, time.perf_counter() - began


def learn_lists(vectors, k):
    """Return the centroids of the inverted lists that a search would learn."""
    index = build_index(vectors, k, device="cpu", params=SearchParams(exact_below=1))
    return index.quantizer.reconstruct_n(0, index.nlist)


def main():
    """Print a row for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="200000,1000000")
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--width", type=int, default=128)
    arguments = parser.parse_args()
    print(f"FAISS {faiss.__version__}, {faiss.get_num_gpus()} GPU, {os.cpu_count()} CPU cores\n")
    print("| rows | CPU, s | GPU, s | CPU : GPU | agreement |")
    print("| --- | --- | --- | --- | --- |")
    for n_rows in map(int, arguments.rows.split(",")):
        vectors = made_vectors(n_rows, arguments.width, np.random.default_rng(1))
        centroids = learn_lists(vectors, arguments.k)
        build_index(vectors[:70_000], arguments.k, device="cuda")  # its first call takes seconds
        there, gpu = find(vectors, arguments.k, centroids, "cuda")
        here, cpu = find(vectors, arguments.k, centroids, "cpu")
        same = np.mean([len(np.intersect1d(*rows)) for rows in zip(here, there, strict=True)])
        print(
            f"| {n_rows:,} | {cpu:.1f} | {gpu:.1f} | {cpu / gpu:.1f} | {same / arguments.k:.4f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""Two nodes of one core against one process with two: scan, embed and dedup of the same images.

    python -m tests.benchmarks.engine_speed [IMAGES] --n 2000 --rounds 2

The nodes are those of a Ray cluster on this machine; images, workspace and shared store lie on its
disk, as on a network drive. A model is trained once. `curate cluster` (scan, embed) and
`curate dedup` run in turn in one process and on the cluster, each in a new workspace; manifests
must be equal. Told: seconds of wall, and the ratio of the sums: of this run only.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.benchmarks.engine_kills import CHAIN, PORTS, PROGRAM, ROOT, SHARED, Nodes

N_TRAINING = 64
"""Images that the model is trained on: what it knows does not matter here."""


def run_chain(folder, models, source, env, more=()):
    """Run the chain in a new workspace; return its seconds and the manifests."""
    shutil.copytree(models, folder / ".curate/models")
    seconds = {}
    for name, _, line in CHAIN:
        began = time.monotonic()
        words = [*line.format(source=source).split(), *more, "-q"]
        subprocess.run([*PROGRAM, *words], cwd=folder, env=env, check=True)
        seconds[name] = time.monotonic() - began
    return seconds, [(folder / name).read_bytes() for _, name, _ in CHAIN]


def prepare(root, images, n, env):
    """Link the images and train a model; return where both are."""
    files = sorted(path for path in images.rglob("*") if path.is_file())
    for path in files[:n]:
        place = root / "images" / path.relative_to(images)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    (root / "model/few").mkdir(parents=True)
    for path in files[:N_TRAINING]:
        shutil.copy(path, root / "model/few")
    train = "train few --image-size 96 --epochs 1 --prototypes 8 --device cpu -q"
    subprocess.run([*PROGRAM, *train.split()], cwd=root / "model", env=env, check=True)
    return root / "images", root / "model/.curate/models"


def compare(root, source, models, env, n_rounds):
    """Run both in turn; print seconds and their ratio."""
    walls, wanted = Counter(), None
    nodes = Nodes(root / "nodes", env)
    try:
        for number in range(n_rounds):
            for kind in ("one", "cluster"):
                more = ("--cluster", f"127.0.0.1:{PORTS[1]}") if kind == "cluster" else ()
                seconds, found = run_chain(root / f"{kind}{number}", models, source, env, more)
                walls[kind] += sum(seconds.values())
                wanted = wanted or found
                told = {step: round(one, 1) for step, one in seconds.items()}
                print(number, kind, told, "same bytes" if found == wanted else "OTHER", flush=True)
    finally:
        nodes.stop()
    print(f"wall: cluster / one = {walls['cluster'] / walls['one']:.2f}")


def main():
    """Run what the options say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    env.pop("OMP_NUM_THREADS", None)
    with tempfile.TemporaryDirectory(prefix="engine-speed-") as name:
        source, models = prepare(Path(name), options.images, options.n, env)
        compare(Path(name), source, models, env, options.rounds)


if __name__ == "__main__":
    main()

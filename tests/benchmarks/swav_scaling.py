"""What a second process brings: images/s of training with one process and with several.

    python tests/benchmarks/swav_scaling.py FOLDER [--processes 2] [--epochs 4] [--set NAME=VALUE]

Trains on the images of FOLDER with one process and with several under ``torchrun``, each with one
thread on a CPU or one GPU, the same joint batch, in turns, twice. Printed are the medians over the
epochs after the first, and their ratio over the number of processes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 2


def rates(options, n_processes):
    """Return images/s of each epoch after the first."""
    launcher = [sys.executable, "-m"]
    if n_processes > 1:
        launcher += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(n_processes)]
        launcher += ["-m"]
    settings = [f"epochs={options.epochs}", *options.set]
    with tempfile.TemporaryDirectory() as out:
        command = [*launcher, "swav_train", str(options.folder), "--out", out]
        command += [word for setting in settings for word in ("--set", setting)]
        subprocess.run(
            command, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        lines = (Path(out) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["images_per_second"] for line in lines[1:]]


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    found = {1: [], options.processes: []}
    for _ in range(ROUNDS):
        for n_processes, seen in found.items():
            seen += rates(options, n_processes)
    alone = statistics.median(found[1])
    print("| processes | images/s | of ideal |")
    print("| --- | --- | --- |")
    for n_processes, seen in found.items():
        rate = statistics.median(seen)
        print(f"| {n_processes} | {rate:.0f} | {rate / alone / n_processes:.2f} |")


if __name__ == "__main__":
    main()

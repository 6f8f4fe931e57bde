"""Kill commands of the chain at random moments; the same commands must go on and end the same.

    python -m tests.benchmarks.kills --kills 200

In each round a fresh workspace goes through the chain. A command is started, killed with SIGKILL
after a random part of the time it takes, and started again until it was killed as often as the
round wants; then it must end with exit code 0. The last manifests must be those of a chain that
nobody killed, and `curate info --verify` must find nothing damaged.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tests.conftest import make_folder

PROGRAM = [sys.executable, "-c", "from curate.cli.app import main; main()"]
CHAIN = {
    "train": "train {images} --epochs 6 --image-size 32 --batch-size 8 --prototypes 6 --device cpu",
    "cluster": "cluster --out m.parquet --labels folder",
    "dedup": "dedup m.parquet --out d.parquet",
    "sample": "sample d.parquet --size 9 --out s.parquet",
    "split": "split d.parquet --ratios train=0.6,test=0.4 --out p.parquet",
    "export": "export s.parquet --to out --as copy",
}
_MANIFESTS = ("m.parquet", "d.parquet", "s.parquet", "p.parquet")


class Chain:
    """One workspace in a folder of its own."""

    def __init__(self, folder: Path, images: Path) -> None:
        folder.mkdir()
        self.folder, self._images = folder, images

    def start(self, line: str) -> subprocess.Popen[bytes]:
        """Start a command."""
        words = [word.format(images=self._images) for word in line.split()]
        with (self.folder / "stderr").open("wb") as errors:
            return subprocess.Popen([*PROGRAM, *words], cwd=self.folder, stderr=errors)

    def finish(self, line: str) -> str | None:
        """Run a command to its end; return what it says if it fails."""
        process = self.start(line)
        if process.wait() == 0:
            return None
        return (self.folder / "stderr").read_text()

    def has_exported(self) -> bool:
        """Return whether the folder of the export is there: whole, so that no second one may be."""
        return (self.folder / "out").exists()

    def results(self) -> dict[str, object]:
        """Return the rows of the manifests, and the bytes of the files exported."""
        rows = {
            name: json.dumps(pq.read_table(self.folder / name).to_pylist(), default=str)
            for name in _MANIFESTS
        }
        files = sorted(path for path in (self.folder / "out").rglob("*") if path.is_file())
        return rows | {str(path.relative_to(self.folder)): path.read_bytes() for path in files}


def measure_seconds(chain: Chain) -> dict[str, float]:
    """Run a chain that nobody kills; return how long each command takes."""
    seconds = {}
    for name, line in CHAIN.items():
        began = time.monotonic()
        failure = chain.finish(line)
        assert failure is None, failure
        seconds[name] = time.monotonic() - began
    return seconds


def run_killed(
    chain: Chain, seconds: dict[str, float], rng: np.random.Generator, *, kills: int
) -> Counter[str]:
    """Run a chain, each command killed some times; return how often each really was.

    Args:
        chain: A fresh one.
        seconds: From `measure_seconds`.
        rng: Says when.
        kills: Of each command.
    """
    n_killed: Counter[str] = Counter()
    for name, line in CHAIN.items():
        for _ in range(kills):
            if chain.has_exported():
                break
            process = chain.start(line)
            try:
                process.wait(timeout=seconds[name] * rng.uniform(0.1, 1.0))
                if process.returncode != 0:
                    said = (chain.folder / "stderr").read_text()
                    raise AssertionError(f"{name} failed after a kill: {said}")
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                n_killed[name] += 1
        failure = None if chain.has_exported() else chain.finish(line)
        assert failure is None, f"{name} failed after a kill: {failure}"
    failure = chain.finish("info --verify")
    assert failure is None, f"damage after kills: {failure}"
    return n_killed


def main() -> None:
    """Print how often each command was killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--each", type=int, default=3, help="Kills of a command in one round.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    report: Callable[..., None] = print
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as root:
        images = make_folder(Path(root) / "images")
        whole = Chain(Path(root) / "whole", images)
        seconds = measure_seconds(whole)
        wanted = whole.results()
        counts: Counter[str] = Counter()
        n_rounds = n_wrong = 0
        while counts.total() < options.kills:
            chain = Chain(Path(root) / f"{n_rounds:03d}", images)
            counts += run_killed(chain, seconds, rng, kills=options.each)
            n_rounds += 1
            found = chain.results()
            n_wrong += found != wanted
            report(
                f"round {n_rounds}: {counts.total()} kills, {n_wrong} rounds ended otherwise",
                flush=True,
            )
        for name in CHAIN:
            report(f"{name:8} {counts[name]:4} kills")
        report(f"{counts.total()} kills in {n_rounds} rounds: {n_wrong} ended otherwise")


if __name__ == "__main__":
    main()

"""Time a file and peak memory of the whole chain over many tiny files.

    python tests/benchmarks/many_files.py [--sizes 2500 10000 40000] [--level near] [--side 24]
                                           [--folder DIR]

Makes folders of pictures of 24 px, one in twenty a copy under other bytes, runs train, cluster,
dedup, sample, split, export and report over them, each as a process of its own on a terminal of its
own with a model of a few steps, and prints milliseconds of CPU a file, the peak of the resident
memory and the longest silence of each stage, and what the largest size costs a file beside the one
before. Files are made anew for each size; nothing is left.
"""

import argparse
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from curate.cli.app import main; main()"]
A_FOLDER = 1000
MB = 1 << 20
TRAIN = "--epochs 1 --image-size 32 --batch-size 64 --prototypes 20 --device cpu".split()


@dataclass(frozen=True)
class Cost:
    """What a stage cost."""

    wall: float
    cpu: float
    peak: int
    silence: float


def make_files(folder: Path, n: int, side: int) -> None:
    """Write n small pictures, one in twenty a copy of the one before in another format."""
    rng = np.random.default_rng(0)
    pixels = np.zeros((side, side, 3), np.uint8)
    for number in range(n):
        inside = folder / f"{number // A_FOLDER:04d}"
        inside.mkdir(parents=True, exist_ok=True)
        if number % 20 == 19:
            Image.fromarray(pixels).save(inside / f"{number:07d}.bmp")
            continue
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
        pixels = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))
        Image.fromarray(pixels).save(inside / f"{number:07d}.png", compress_level=1)


def run_stage(words: list[str], folder: Path) -> Cost:
    """Run a command on a terminal; return what it took."""
    start = time.perf_counter()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    silence, said = follow(ours)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}\n{said}")
    wall = time.perf_counter() - start
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, silence)


def follow(terminal: int) -> tuple[float, str]:
    """Return the longest time in seconds in which a terminal was not written to, and its end."""
    last, longest, said = time.perf_counter(), 0.0, b""
    while True:
        select.select([terminal], [], [])
        try:
            part = os.read(terminal, 1 << 16)
        except OSError:  # what Linux says when the other side is closed
            part = b""
        now = time.perf_counter()
        if now - last > longest:
            longest = now - last
            if os.environ.get("SHOW_SILENCE"):
                print(f"    {longest:.1f} s before {part[-200:]!r}", flush=True)
        if not part:
            os.close(terminal)
            return longest, said.decode(errors="replace")
        last, said = now, (said + part)[-2000:]


def run_chain(root: Path, n: int, level: str, side: int) -> dict[str, Cost]:
    """Return what each stage cost over n files."""
    make_files(root / "images", n, side)
    stages = {
        "train": ["train", "images", *TRAIN],
        "cluster": ["cluster", "--out", "m.parquet"],
        "dedup": ["dedup", "m.parquet", "--level", level],
        "again": ["dedup", "m.parquet", "--level", level],
        "sample": ["sample", "m.parquet", "--size", str(n // 10), "--out", "s.parquet"],
        "split": ["split", "m.parquet", "--stratify", "cluster"],
        "export": ["export", "s.parquet", "--to", "out"],
        "report": ["report", "m.parquet", "--out", "report.html"],
    }
    return {name: run_stage(words, root) for name, words in stages.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[2500, 10_000, 40_000])
    parser.add_argument("--level", default="near")
    parser.add_argument("--side", type=int, default=24, help="px")
    parser.add_argument("--folder", default=None, help="where the files are made")
    options = parser.parse_args()
    costs: dict[int, dict[str, Cost]] = {}
    for n in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            costs[n] = run_chain(Path(folder), n, options.level, options.side)
        print(f"{n:,} files")
        for name, cost in costs[n].items():
            print(
                f"  {name:8} {1000 * cost.cpu / n:8.3f} CPU ms a file {1000 * cost.wall / n:8.3f} "
                f"wall, peak {cost.peak / MB:6.0f} MB, silent for {cost.silence:4.1f} s",
                flush=True,
            )
    if len(options.sizes) > 1:
        less, more = options.sizes[-2:]
        for name in costs[more]:
            ratio = (costs[more][name].cpu / more) / (costs[less][name].cpu / less)
            grown = (costs[more][name].peak - costs[less][name].peak) / (more - less)
            print(
                f"{name:8} a file x {ratio:.2f} from {less:,} to {more:,}; {grown:,.0f} B more each"
            )


if __name__ == "__main__":
    main()

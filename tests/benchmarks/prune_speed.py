"""How long `curate prune` takes a file, by how many are announced with one write to the disk.

    python tests/benchmarks/prune_speed.py [--files 2000] [--folder DIR]

Moves that many files of 20 kB and brings them back, three times each, with 1, 16 and 256 files
announced at once; prints the median milliseconds a file and the ratio to 256.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from curate.choices import Removal
from curate.progress import Silent
from curate.removal.actions import make_action
from curate.removal.content import hash_file
from curate.removal.disk import Disk
from curate.removal.journal import open_journal, read_journal
from curate.removal.plan import Leaving
from curate.removal.prune_files import Pruning
from curate.removal.restore_files import restore_files


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--folder", default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder).resolve()
        (root / "source").mkdir()
        rng = np.random.default_rng(0)
        (root / "source" / "kept.jpg").write_bytes(raw := rng.bytes(20_000))
        files = [root / "source" / f"{number:06d}.jpg" for number in range(options.files)]
        for file in files:
            file.write_bytes(raw)
        content = str(hash_file(files[0]))
        leaving = [
            Leaving(
                path=file.name, file=file, hash=content, bytes=20_000, match="bytes",
                kept=root / "source" / "kept.jpg", kept_hash=content,
            )
            for file in files
        ]  # fmt: skip
        timings: dict[int, list[float]] = {1: [], 16: [], 256: []}
        for turn in range(3):
            for size, seconds in timings.items():
                seconds.append(_time_a_move(root, leaving, size, turn))
        medians = {size: statistics.median(seconds) for size, seconds in timings.items()}
        for size, seconds in medians.items():
            per_file = 1000 * seconds / options.files
            print(f"{size:4} at once: {per_file:.2f} ms a file, {seconds / medians[256]:.1f}x")


def _time_a_move(root: Path, leaving: list[Leaving], size: int, turn: int) -> float:
    journal = root / f"{size}-{turn}.jsonl"
    disk = Disk()
    start = time.perf_counter()
    with open_journal(journal, {"source": str(root), "folders": []}, disk) as written:
        pruning = Pruning(
            make_action(Removal.MOVE, disk),
            written,
            root=root / "source",
            to=root / "away",
            takes_sidecars=False,
            announced_at_once=size,
        )
        pruning.run(leaving, Silent())
    seconds = time.perf_counter() - start
    assert pruning.tally.n_files == len(leaving)
    restore_files(read_journal(journal)[1], emptied=[], disk=disk, progress=Silent())
    return seconds


if __name__ == "__main__":
    main()

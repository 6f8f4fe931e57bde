"""Size and time of the report, and how soon the review page is ready, on folders of many images.

    python tests/benchmarks/report_size.py PHOTOS [N ...]
    python tests/benchmarks/report_size.py PHOTOS --all-grouped N

PHOTOS is any folder of photographs; N images (1000 20000 100000) are made of pieces of them, each
with a content of its own, in clusters and splits with labels, a tenth of them in groups of two to
five, N / 100 of them unreadable; with ``--all-grouped`` every image is in a group, and only the
review is opened. Nothing but the numbers is kept.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest, read_manifest, write_manifest
from curate.manifest.rows import HeldRows
from curate.pages.images_table import ImagesTable
from curate.review_page.decisions import DecisionLog
from curate.review_page.server import Review
from curate.stages.report import report
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_shards import ShardWriter, pack

SIDE = 192  # px, short side


def load_pieces(folder: Path, n: int = 400) -> list:
    """Return packed pieces of photographs."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    pieces = []
    for file in files[:n]:
        with Image.open(file) as image:
            image = image.convert("RGB")
            image.thumbnail((SIDE * 4 // 3, SIDE * 4 // 3))
            pieces.append(pack(np.asarray(image)))
    return pieces


def make_folder(root: Path, n: int, pieces: list, *, n_grouped: int) -> Path:
    """Write a workspace of n images, of which some are in groups, and its manifest."""
    rng = np.random.default_rng(n)
    (root / "pixels").mkdir(parents=True)
    writer = ShardWriter(root / "pixels")
    for row in range(n):
        writer.add({"hash": f"{row:064x}", "status": "ok"}, pieces[row % len(pieces)])
        if writer.is_full:
            writer.flush()
    writer.flush()
    bad = rng.random(n) < 0.01
    group = np.full(n, -1)
    first, number = 0, 0
    while first < n_grouped:
        size = int(rng.integers(2, 6))
        group[first : first + size] = number
        first, number = first + size, number + 1
    group[bad] = -1
    starts = np.flatnonzero(np.r_[True, np.diff(group) != 0] & (group >= 0))
    paths = [f"folder_{row % 97:02d}/a rather ordinary name {row:07d}.jpg" for row in range(n)]
    head = {int(group[start]): int(start) for start in starts}
    dropped = (group >= 0) & ~np.isin(np.arange(n), starts)
    rows = pa.table(
        {
            **{name: pa.nulls(n, SCAN_COLUMNS.field(name).type) for name in SCAN_COLUMNS.names},
        }
    )
    filled = {
        "path": paths,
        "hash": [f"{row:064x}" for row in range(n)],
        "bytes": rng.integers(20_000, 900_000, n),
        "width": np.full(n, 640),
        "height": np.full(n, 480),
        "status": np.where(bad, "unreadable", "ok").tolist(),
        "reason": [
            f"damaged: kind {row % 7}" if is_bad else None for row, is_bad in enumerate(bad)
        ],
        "label": [f"label {row % 23}" for row in range(n)],
        "issues": [["dark"] if row % 50 == 0 else [] for row in range(n)],
        "cluster": np.minimum(rng.geometric(0.01, n), 999),
        "cluster_similarity": rng.random(n).astype(np.float32),
        "outlier": rng.random(n).astype(np.float32),
        "medoid": np.arange(n) % 100 == 0,
        "label_suspect": (rng.random(n) ** 4).astype(np.float32),
        "group": pa.array(group, mask=group < 0),
        "match": [
            ("near" if row % 3 else "bytes") if is_in else None for row, is_in in enumerate(dropped)
        ],
        "duplicate_of": [
            paths[head[int(group[row])]] if is_in else None for row, is_in in enumerate(dropped)
        ],
        "similarity": pa.array(1 - rng.random(n) ** 4 / 20, mask=~dropped),
        "keep": ~dropped & ~bad,
        "split": np.where(np.arange(n) % 10 < 8, "train", "test").tolist(),
    }
    for name, values in filled.items():
        column = pa.array(values)
        if name in rows.column_names:
            field = SCAN_COLUMNS.field(name)
            rows = rows.set_column(rows.column_names.index(name), field, column.cast(field.type))
        else:
            rows = rows.append_column(name, column)
    path = root / "m.parquet"
    write_manifest(Manifest(rows=HeldRows(rows), source="/images"), path)
    return path


def open_review(path: Path, root: Path) -> tuple[Review, float]:
    """Return the review of a manifest and the seconds until it is ready."""
    begin = time.perf_counter()
    images = ImagesTable.read(read_manifest(path))
    log, cache = DecisionLog.of_workspace(root), PixelCache(root / "pixels")
    opened = Review(images, log, cache, "m.parquet")
    opened.count()
    return opened, time.perf_counter() - begin


def measure_review(n: int, pieces: list) -> None:
    """Print how soon the review of n images is ready that are all in groups."""
    with tempfile.TemporaryDirectory() as scratch:
        path = make_folder(Path(scratch), n, pieces, n_grouped=n)
        opened, ready = open_review(path, Path(scratch))
        first, later = (time_part(opened, len(opened.queue) // share) for share in (2, 3))
        print(
            f"{n:,} images in {len(opened.queue):,} groups: ready after {ready:.2f} s, 60 groups "
            f"of it take {1000 * first:.1f} ms the first time, {1000 * later:.1f} ms from then on"
        )


def time_part(opened: Review, place: int) -> float:
    """Return the seconds that 60 groups of the queue take."""
    begin = time.perf_counter()
    opened.list_groups("copies", place, 60)
    return time.perf_counter() - begin


def main() -> None:
    """Print a line for each size."""
    pieces = load_pieces(Path(sys.argv[1]))
    if sys.argv[2:3] == ["--all-grouped"]:
        measure_review(int(sys.argv[3]), pieces)
        return
    sizes = [int(word) for word in sys.argv[2:]] or [1000, 20_000, 100_000]
    print(
        "images  groups  report, MB  report, s  review ready, s  a page of it, ms  peak memory, GB"
    )
    for n in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            path = make_folder(Path(scratch), n, pieces, n_grouped=n // 10)
            begin = time.perf_counter()
            done = report(path, out=Path(scratch) / "r.html", workspace=Path(scratch))
            seconds = time.perf_counter() - begin
            opened, ready = open_review(path, Path(scratch))
            listed = time_part(opened, len(opened.queue) // 2)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(
                f"{n:7,} {done.n_groups:7,} {done.bytes / 1e6:8.1f} {seconds:11.1f} {ready:12.2f} "
                f"{1000 * listed:14.1f} {peak:14.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

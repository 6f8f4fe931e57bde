"""What each command that works on manifests alone takes at ten million rows: time and peak memory.

    python tests/benchmarks/manifest_scale.py [--rows 10000000] [--folder DIR]

Writes a made manifest (a twentieth of it copies) of files that are links to a thousand, runs the
commands one by one and prints a table. ``table_engines.py`` beside it compares the table layer with
other engines. The catalogue that ``info`` reads has the manifest's rows.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from curate.choices import Status
from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest, write_manifest
from curate.manifest.rows import HeldRows
from curate.workspace.workspace import Workspace

CURATE = Path(sys.executable).with_name("curate")

FOLDER_FILES = 1000


def make_images(source: Path, n_rows: int) -> None:
    """Make as many files as a manifest has rows: links to one folder of empty ones."""
    (source / "files").mkdir(parents=True)
    for number in range(FOLDER_FILES):
        (source / "files" / f"{number:03d}.jpg").touch()
    for number in range(-(-n_rows // FOLDER_FILES)):
        (source / f"{number:06d}").symlink_to("files")


def make_manifest(n_rows: int, source: Path) -> Manifest:
    """Return a manifest of made images, a tenth of them in duplicate groups.

    Args:
        n_rows: How many.
        source: Their folder.
    """
    rng = np.random.default_rng(0)
    numbers = np.arange(n_rows)
    digits = np.frombuffer(rng.bytes(n_rows * 8), np.uint64)
    hashes = pa.array(np.char.mod("%016x", digits), pa.string())
    folders = pa.array(np.char.mod("%06d/", numbers // FOLDER_FILES), pa.string())
    names = pa.array(np.char.mod("%03d.jpg", numbers % FOLDER_FILES), pa.string())
    paths = pa.compute.binary_join_element_wise(folders, names, "")
    fine = rng.zipf(1.2, n_rows) % 10_000
    group = np.where(rng.random(n_rows) < 0.1, rng.integers(0, n_rows // 20, n_rows), -1)
    columns = {
        "path": paths,
        "hash": pa.compute.binary_join_element_wise(hashes, hashes, hashes, hashes, ""),
        "bytes": rng.integers(1_000, 5_000_000, n_rows),
        "width": np.full(n_rows, 640, np.int32),
        "height": np.full(n_rows, 480, np.int32),
        "format": pa.array(np.full(n_rows, "JPEG")),
        "status": pa.array(np.full(n_rows, Status.OK.value)),
        "label": pa.array(rng.choice(np.array(["cat", "dog", "bird"]), n_rows)),
    }
    scanned = [
        pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.nulls(n_rows, field.type)
        for field in SCAN_COLUMNS
    ]
    table = pa.table(scanned, schema=SCAN_COLUMNS)
    added = {
        "cluster": pa.array(fine, pa.int32()),
        "cluster_similarity": rng.random(n_rows, np.float32),
        "medoid": np.arange(n_rows)
        == np.unique(fine, return_index=True)[1][np.unique(fine, return_inverse=True)[1]],
        "cluster_100": pa.array(fine % 100, pa.int32()),
        "outlier": rng.random(n_rows, np.float32),
        "group": pa.array(group, pa.int32(), mask=group < 0),
        "keep": rng.random(n_rows) > 0.05,
    }
    for name, values in added.items():
        table = table.append_column(name, pa.array(values))
    return Manifest(rows=HeldRows(table), source=str(source))


def write_manifest_file(path: Path, n_rows: int, source: Path) -> None:
    """Write a manifest of made images: what a process of its own does."""
    write_manifest(make_manifest(n_rows, source), path)


def run_in_process(function: Callable[..., None], *arguments: object) -> None:
    """Call a function in a process of its own: peak memory of a command counts its parent's too."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()


def measure_command(arguments: list[str]) -> tuple[float, float, float, int]:
    """Run a command; return seconds, those it computed, peak memory in GB and its exit status."""
    start = time.perf_counter()
    quiet = os.open(os.devnull, os.O_WRONLY)
    child = os.posix_spawn(
        CURATE,
        [str(CURATE), *arguments],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, quiet, 1)],
    )
    _, status, usage = os.wait4(child, 0)
    os.close(quiet)
    seconds, computed = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    return seconds, computed, usage.ru_maxrss / 1e6, os.waitstatus_to_exitcode(status)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        root = Path(name)
        m, space = root / "m.parquet", ["-w", str(root / "w"), "-q"]
        make_images(root / "images", options.rows)
        run_in_process(write_manifest_file, m, options.rows, root / "images")
        with Workspace(root / "w").writing():
            Workspace(root / "w").remember()
        tenth = str(options.rows // 10)
        split = root / "split.parquet"
        commands = {
            "sample --by cluster_100,cluster": [
                "sample", str(m), "--size", tenth, "--by", "cluster_100,cluster",
                "--out", str(root / "s.parquet"),
            ],
            "sample --stratify label --within central": [
                "sample", str(m), "--size", tenth, "--stratify", "label", "--within", "central",
                "--out", str(root / "s.parquet"),
            ],
            "split --stratify cluster": [
                "split", str(m), "--stratify", "cluster", "--out", str(split)
            ],
            "split --stable": ["split", str(split), "--stable", "--out", str(split)],
            "diff": ["diff", str(m), str(split)],
            "merge": ["merge", str(m), str(split), "--columns", "split", "--out", str(split)],
            "info": ["info"],
            "info --clusters": ["info", str(m), "--clusters"],
            "export --as list": ["export", str(m), "--as", "list", "--to", str(root / "list")],
            "sample to CSV": ["sample", str(m), "--size", tenth, "--out", str(root / "s.csv")],
        }  # fmt: skip
        print(f"{options.rows:,} rows, {m.stat().st_size / 1e6:,.0f} MB\n")
        print("| command | seconds | of them computing | peak memory, GB |")
        print("| --- | --- | --- | --- |", flush=True)
        for title, arguments in commands.items():
            seconds, computed, gigabytes, code = measure_command([*arguments, *space])
            failed = f" (exit {code})" if code else ""
            print(
                f"| {title}{failed} | {seconds:.0f} | {computed:.0f} | {gigabytes:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

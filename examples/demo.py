"""The whole chain on a folder of images, one command after the other, and what it found.

    python examples/demo.py [IMAGES]

Without IMAGES it works on photographs that come with two Python packages (see demo_photos.py), in
which copies are planted, so that it can also say how many of them were found. All it writes lies in
the folder ``demo`` here; the images are not touched.
"""

import csv
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

DEMO = Path("demo")
BUDGET = "60s"


def run(*arguments: str) -> None:
    """Show a command and run it in the demo's folder."""
    print(f"\n$ curate {' '.join(arguments)}", flush=True)
    curate = Path(sys.executable).with_name("curate")
    done = subprocess.run([curate, *arguments], cwd=DEMO, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def make_photos() -> Path:
    """Make the folder of photographs."""
    shutil.rmtree(DEMO, ignore_errors=True)
    maker = Path(__file__).with_name("demo_photos.py")
    subprocess.run([sys.executable, maker, DEMO], check=True)
    return Path("images")


def tell_groups() -> None:
    """Tell what the manifest knows now."""
    table = pq.read_table(DEMO / "manifest.parquet")
    n_clusters = pc.count_distinct(table["cluster"]).as_py()
    n_groups = pc.count_distinct(table["group"]).as_py()
    n_copies = pc.sum(pc.is_valid(table["duplicate_of"])).as_py()
    n_taken = pc.sum(pq.read_table(DEMO / "sample.parquet")["selected"]).as_py()
    print(
        f"\n{len(table)} images: {n_clusters} clusters, {n_groups} groups of copies, "
        f"{n_copies} images that need not be kept, a balanced sample of {n_taken}"
    )


def tell_planted() -> None:
    """Compare the groups with the copies that were planted."""
    table = pq.read_table(DEMO / "manifest.parquet", columns=["path", "group"]).to_pydict()
    group_of = dict(zip(table["path"], table["group"], strict=True))
    with (DEMO / "planted.csv").open(newline="") as source:
        planted = list(csv.DictReader(source))
    found: dict[str, list[bool]] = defaultdict(list)
    family = {path: path for path in group_of}
    for row in planted:
        group = group_of[row["copy"]]
        found[row["alteration"]].append(group is not None and group == group_of[row["original"]])
        family[row["copy"]] = row["original"]
    families: dict[int, set[str]] = defaultdict(set)
    for path, group in group_of.items():
        if group is not None:
            families[group].add(family[path])
    n_wrong = sum(len(members) > 1 for members in families.values())
    n_found = sum(map(sum, found.values()))
    print(f"copies planted: {len(planted)}, found: {n_found}, groups that mix images: {n_wrong}")
    for alteration, hits in found.items():
        print(f"  {alteration:12} {sum(hits):2} of {len(hits)}")


def main() -> None:
    """Run the chain."""
    begin = time.monotonic()
    given = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else None
    DEMO.mkdir(exist_ok=True)
    images = given or make_photos()
    run("train", str(images), "--budget", BUDGET)
    run("cluster", "--out", "manifest.parquet", "--labels", "folder")
    run("dedup", "manifest.parquet")
    table = pq.read_table(DEMO / "manifest.parquet", columns=["keep"])
    size = min(100, pc.sum(table["keep"]).as_py())
    run("sample", "manifest.parquet", "--size", str(size), "--out", "sample.parquet")
    run("split", "manifest.parquet", "--stratify", "cluster")
    run("report", "manifest.parquet", "--out", "report.html")
    tell_groups()
    if given is None:
        tell_planted()
    print(f"manifests: {DEMO / 'manifest.parquet'} and {DEMO / 'sample.parquet'}")
    print(f"look at it: {(DEMO / 'report.html').absolute().as_uri()}")
    print(f"took {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()

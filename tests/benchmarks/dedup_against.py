"""Plant leaks and look whether `curate dedup --against` tells them all, and no others.

    python tests/benchmarks/dedup_against.py FOLDER...

A folder is as for ``dedup_quality.py``. Its originals are one data set; their copies, and the
images that are copies of nothing, are the other.
"""

import argparse
import csv
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from curate.stages.dedup import DedupConfig, dedup


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    for folder in parser.parse_args().folders:
        with (folder / "truth.csv").open(newline="") as source:
            truth = {row["path"]: row for row in csv.DictReader(source)}
        with tempfile.TemporaryDirectory(dir=folder) as work:
            for path, row in truth.items():
                side = "theirs" if row["kind"] == "original" else "mine"
                place = Path(work) / side / path
                place.parent.mkdir(parents=True, exist_ok=True)
                os.link(folder / "images" / path, place)
            start = time.process_time()
            out = Path(work) / "m.parquet"
            dedup(
                Path(work) / "mine",
                DedupConfig(),
                out=out,
                against=Path(work) / "theirs",
                workspace=Path(work) / "workspace",
            )
            seconds = time.process_time() - start
            rows = pq.read_table(out, columns=["path", "duplicate_of"]).to_pylist()
        told = {row["path"]: row["duplicate_of"] for row in rows if row["duplicate_of"]}
        leaks = {
            path for path, row in truth.items() if row["kind"] not in ("original", "distractor")
        }
        missed = Counter(truth[path]["kind"] for path in leaks - set(told))
        home = {row["original"]: path for path, row in truth.items() if row["kind"] == "original"}
        astray = sum(
            not told[path].endswith("/" + home[truth[path]["original"]])
            for path in leaks & set(told)
        )
        print(
            f"{folder}: {len(leaks)} leaks in {len(rows)} images, {sum(missed.values())} missed "
            f"{dict(missed)}, {astray} tied to another image, {len(set(told) - leaks)} falsely "
            f"accused; {seconds:.1f} CPU s"
        )


if __name__ == "__main__":
    main()

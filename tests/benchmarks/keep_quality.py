"""Measure which of an original and a worse copy of it stays.

    python tests/benchmarks/keep_quality.py FOLDER
    python tests/benchmarks/keep_quality.py --copybench FOLDER

FOLDER holds pairs of files KIND_NUMBER_orig.EXT and KIND_NUMBER_worse.EXT, such as
``../shared/field/keep.py`` writes: screenshots, captions, letterboxes, enlarged copies, watermarks,
grey ones, lossless copies of bad JPEGs, collages. Told are, for each kind, how many originals stay
and their copies go, how many go, and how many pairs are left alone; and the reasons given. Of
a folder of copybench (``images/`` and ``truth.csv``) it is told how many originals that are in a
group with copies go, for which kinds of copies, and the reasons given.
"""

import argparse
import csv
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from curate.manifest.manifest import read_manifest
from curate.stages.dedup import dedup


def find_rows(folder):
    """Return what dedup says of each image of a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "manifest.parquet"
        dedup(folder, out=out, workspace=Path(scratch) / "workspace")
        return read_manifest(out).rows.read().to_pylist()


def judge(folder):
    """Return the outcome and the reason for each pair, by kind."""
    rows = {row["path"]: row for row in find_rows(folder)}
    found = defaultdict(list)
    for path, original in sorted(rows.items()):
        if "_orig" not in path:
            continue
        stem = path.split("_orig")[0]
        worse = next(row for name, row in rows.items() if name.startswith(f"{stem}_worse"))
        kind = stem.rpartition("_")[0]
        if original["keep"] and worse["keep"]:
            found[kind].append(("left alone", ""))
        else:
            outcome = "stays" if original["keep"] else "goes"
            found[kind].append((outcome, original["keep_reason"] or worse["keep_reason"]))
    return found


def judge_copybench(folder):
    """Return how many originals are in groups, for what kinds of copies some go, and why."""
    kinds = {row["path"]: row["kind"] for row in csv.DictReader((folder / "truth.csv").open())}
    rows = find_rows(folder / "images")
    originals = [r for r in rows if kinds[r["path"]] == "original" and r["group"] is not None]
    gone = Counter(kinds[r["duplicate_of"]] for r in originals if not r["keep"])
    groups = {r["group"] for r in originals}
    there = Counter(kinds[r["path"]] for r in rows if r["group"] in groups)
    reasons = Counter(r["keep_reason"] for r in originals if not r["keep"])
    return len(originals), gone, there, reasons


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--copybench", action="store_true")
    options = parser.parse_args()
    if options.copybench:
        n_groups, gone, there, reasons = judge_copybench(options.folder)
        print(f"{gone.total()} of {n_groups} originals go:")
        print(", ".join(f"{kind} {n} of {there[kind]}" for kind, n in gone.most_common()))
        print(", ".join(f"{reason} {n}" for reason, n in reasons.most_common()))
        return
    total = Counter()
    for kind, outcomes in judge(options.folder).items():
        counts = Counter(outcome for outcome, _ in outcomes)
        reasons = sorted({reason for _, reason in outcomes if reason})
        total.update(counts)
        print(f"{kind:16}{dict(counts)}  {', '.join(reasons)}")
    print(f"{'all':16}{dict(total)}")


if __name__ == "__main__":
    main()

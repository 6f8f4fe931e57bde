"""Compare copy finders on folders whose copies are known.

    python tests/benchmarks/dedup_quality.py FOLDER... [--peers PYTHON] [--only curate fastdup]

A folder holds ``images/`` and ``truth.csv`` with the columns path, original, kind and family: two
images are copies if they have the same ``original``. Each finder runs in a process of its own;
peers by the Python of an environment that has them (imagededup, fastdup, cleanvision).
Curate runs at its defaults, cold and then warm. A peer is shown at the threshold that is best for
it on this very folder, which no user would know; the time is that of a
single threshold, less the start of the process and, for all but the first, what earlier ones left.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

NOT_COPIES = ("original", "distractor")


def curate_groups(images, work):
    from curate.manifest.manifest import read_manifest
    from curate.stages.dedup import DedupConfig, dedup

    for setting in ("cold", "warm"):
        out = work / "manifest.parquet"
        dedup(images, DedupConfig(), out=out, workspace=work / "workspace")
        table = read_manifest(out).rows.read()
        rows = zip(table["path"].to_pylist(), table["group"].to_pylist(), strict=True)
        yield setting, {path: group for path, group in rows if group is not None}


def hash_groups(name):
    def groups(images, work):
        import imagededup.methods

        hasher = getattr(imagededup.methods, name)(verbose=False)
        encodings = hasher.encode_images(str(images), recursive=True)
        for distance in (2, 4, 6, 8, 10, 12):
            found = hasher.find_duplicates(encoding_map=encodings, max_distance_threshold=distance)
            yield f"distance {distance}", components(found)

    return groups


def fastdup_groups(images, work):
    import fastdup

    for threshold in (0.8, 0.85, 0.9, 0.95):
        finder = fastdup.create(work_dir=str(work / str(threshold)), input_dir=str(images))
        finder.run(ccthreshold=threshold, threshold=threshold, overwrite=True)
        table, _ = finder.connected_components()
        names = [str(Path(name).resolve().relative_to(images)) for name in table["filename"]]
        sizes = Counter(table["component_id"])
        rows = zip(names, table["component_id"], strict=True)
        yield f"threshold {threshold}", {name: group for name, group in rows if sizes[group] > 1}


def cleanvision_groups(images, work):
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(images))
    lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, verbose=False)
    groups = {}
    for kind in ("exact_duplicates", "near_duplicates"):
        for number, members in enumerate(lab.info[kind]["sets"]):
            names = [str(Path(name).resolve().relative_to(images)) for name in members]
            groups |= dict.fromkeys(names, f"{kind} {number}")
    yield "defaults", groups


FINDERS = {
    "curate": curate_groups,
    "imagededup PHash": hash_groups("PHash"),
    "imagededup DHash": hash_groups("DHash"),
    "fastdup": fastdup_groups,
    "cleanvision": cleanvision_groups,
}


def components(neighbors):
    """Turn lists of duplicates into groups by transitive closure."""
    parent = {name: name for name in neighbors}

    def root(name):
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for name, others in neighbors.items():
        for other in others:
            parent[root(other)] = root(name)
    sizes = Counter(map(root, neighbors))
    return {name: root(name) for name in neighbors if sizes[root(name)] > 1}


def scores(truth, groups):
    """Return pair precision, recall, F1, and per family the share of copies found in full."""
    sizes = {"true": Counter(), "found": Counter(), "both": Counter()}
    members = defaultdict(set)
    for path, row in truth.items():
        sizes["true"][row["original"]] += 1
        if path in groups:
            sizes["found"][groups[path]] += 1
            sizes["both"][groups[path], row["original"]] += 1
            members[groups[path]].add(row["original"])
    true, found, both = (
        sum(n * (n - 1) // 2 for n in sizes[name].values()) for name in ("true", "found", "both")
    )
    home = {row["original"]: groups.get(p) for p, row in truth.items() if row["kind"] == "original"}
    families = defaultdict(list)
    for path, row in truth.items():
        if row["kind"] not in NOT_COPIES:
            group = groups.get(path)
            at_home = group is not None and group == home[row["original"]]
            families[row["family"]].append(at_home and len(members[group]) == 1)
    shares = {name: sum(hits) / len(hits) for name, hits in sorted(families.items())}
    precision, recall = both / max(found, 1), both / max(true, 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-12), shares


def answer(name, images, work):
    """Run one finder in this process; print a line of JSON per setting."""
    wall, cpu = time.perf_counter(), sum(os.times()[:4])
    for setting, groups in FINDERS[name](images, work):
        found = {
            "at": setting,
            "s": time.perf_counter() - wall,
            "cpu": sum(os.times()[:4]) - cpu,
            "groups": {path: str(group) for path, group in groups.items()},
        }
        sys.stdout.write("\n" + json.dumps(found) + "\n")
        wall, cpu = time.perf_counter(), sum(os.times()[:4])


def asked(name, python, images):
    """Run one finder in a process of its own: its answers, and its peak memory in GB."""
    with tempfile.TemporaryDirectory() as work, (Path(work) / "out").open("w+") as out:
        command = [python, __file__, images, "--answer", name, "--work", work]
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        answers = [json.loads(line) for line in out if line.startswith('{"at":')]
    return answers, usage.ru_maxrss / 1e6


def compare(folder, finders, peers):
    images = (folder / "images").resolve()
    with (folder / "truth.csv").open(newline="") as source:
        truth = {row["path"]: row for row in csv.DictReader(source)}
    print(f"{folder}: {len(truth)} images")
    for name in finders:
        answers, peak = asked(name, sys.executable if name == "curate" else peers, images)
        if not answers:
            print(f"  {name:18}left out: it does not run by this Python")
            continue
        found = [(scores(truth, each["groups"]), each) for each in answers]
        shown = found if name == "curate" else [max(found, key=lambda item: item[0][2])]
        for (precision, recall, f1, shares), each in shown:
            print(
                f"  {name:18}{each['at']:15} precision {precision:.4f}  recall {recall:.4f}  "
                f"F1 {f1:.4f}  {each['s']:6.1f} s  "
                f"{each['cpu']:6.1f} CPU s  {peak:.2f} GB"
            )
            print("    " + "  ".join(f"{key} {share:.3f}" for key, share in shares.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--peers", default=sys.executable, help="the Python that has the peers")
    parser.add_argument("--only", nargs="*", choices=list(FINDERS), default=list(FINDERS))
    parser.add_argument("--answer", choices=list(FINDERS), help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        answer(options.answer, options.folders[0], options.work)
        return
    for folder in options.folders:
        compare(folder, options.only, options.peers)


if __name__ == "__main__":
    main()

"""Compare copy finders on folders whose copies are known.

    python tests/benchmarks/dedup_quality.py FOLDER... [--only curate]

A folder holds ``images/`` and ``truth.csv`` with the columns path, original, kind and family: two
images are copies if they have the same ``original``. Finders that cannot be imported are left out;
peers belong in an environment of their own. A peer is shown at each of a few thresholds, as no user
would know the best one.
"""

import argparse
import csv
import resource
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

NOT_COPIES = ("original", "distractor")


def curate_groups(images, work):
    from curate.manifest import read_manifest
    from curate.stages.dedup import DedupConfig, dedup

    out = work / "manifest.parquet"
    dedup(images, DedupConfig(), out=out, workspace=work / "workspace")
    table = read_manifest(out).table
    rows = zip(table["path"].to_pylist(), table["group"].to_pylist(), strict=True)
    yield "defaults", {path: group for path, group in rows if group is not None}


def hash_groups(name):
    def groups(images, work):
        import imagededup.methods

        hasher = getattr(imagededup.methods, name)(verbose=False)
        encodings = hasher.encode_images(str(images), recursive=True)
        for distance in (4, 8, 10, 12):
            found = hasher.find_duplicates(encoding_map=encodings, max_distance_threshold=distance)
            yield f"distance {distance}", components(found)

    return groups


def fastdup_groups(images, work):
    import fastdup

    for threshold in (0.8, 0.9, 0.95):
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


def compare(folder, finders):
    images = (folder / "images").resolve()
    with (folder / "truth.csv").open(newline="") as source:
        truth = {row["path"]: row for row in csv.DictReader(source)}
    print(f"{folder}: {len(truth)} images")
    for name in finders:
        with tempfile.TemporaryDirectory() as work:
            start = time.perf_counter()
            try:
                for setting, groups in FINDERS[name](images, Path(work)):
                    seconds = time.perf_counter() - start
                    precision, recall, f1, shares = scores(truth, groups)
                    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
                    print(
                        f"  {name:18}{setting:16} precision {precision:.4f}  recall {recall:.4f}"
                        f"  F1 {f1:.4f}  {seconds:6.1f} s  {peak:.2f} GB"
                    )
                    print("    " + "  ".join(f"{key} {share:.3f}" for key, share in shares.items()))
                    start = time.perf_counter()
            except ImportError as error:
                print(f"  {name:18}left out: {error}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--only", nargs="*", choices=list(FINDERS), default=list(FINDERS))
    options = parser.parse_args()
    for folder in options.folders:
        compare(folder, options.only)


if __name__ == "__main__":
    main()

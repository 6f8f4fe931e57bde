"""What a workspace in a bucket costs: requests, bytes and seconds, beside one in a folder.

    python -m tests.benchmarks.bucket_workspace /path/to/photos

Runs of `curate dedup` on the same images, each a process of its own: twice with a workspace in a
folder; twice with one in a bucket of rclone's S3 server on this machine, the second time without
any change; and on another machine, which has no mirror yet. Besides, `curate info` there. Requests
are the calls of obstore: what it tries again, and parts of large objects, are not counted apart.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.sources.servers import rclone_server

ROOT = Path(__file__).resolve().parents[2]
WORKSPACE = "s3://bucket/workspace"
CODE = """
import atexit, json, os
from collections import Counter
from pathlib import Path
import obstore

counts = Counter()

def counted(name, call):
    def counting(*args, **options):
        counts[name] += 1
        result = call(*args, **options)
        if name == "get":
            counts["bytes"] += result.meta["size"]
        return result
    return counting

for name in ("put", "get", "head", "list", "delete"):
    setattr(obstore, name, counted(name, getattr(obstore, name)))
atexit.register(lambda: Path(os.environ["COUNTS"]).write_text(json.dumps(counts)))
from curate.cli.app import main
main()
"""


def run(words, env):
    """Run a command quietly; return its seconds, and what it asked of the bucket."""
    start = time.monotonic()
    command = [sys.executable, "-c", CODE, *words, "--quiet"]
    env = os.environ | {"PYTHONPATH": str(ROOT), "COUNTS": "counts.json"} | env
    subprocess.run(command, env=env, check=True)
    return time.monotonic() - start, json.loads(Path("counts.json").read_text())


def measure(images, folder):
    """Print a line for each run."""
    buckets = folder / "buckets"
    (buckets / "bucket").mkdir(parents=True)
    with rclone_server(buckets) as url:
        keys = {"AWS_ACCESS_KEY_ID": "root", "AWS_SECRET_ACCESS_KEY": "root"}
        env = keys | {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": url}
        dedup = ["dedup", str(images), "--out"]
        for title, machine, words in (
            ("folder", "a", [*dedup, "folder.parquet", "--workspace", "folder"]),
            ("folder, again", "a", [*dedup, "folder.parquet", "--workspace", "folder"]),
            ("bucket, first", "a", [*dedup, "bucket.parquet", "--workspace", WORKSPACE]),
            ("bucket, again", "a", [*dedup, "bucket.parquet", "--workspace", WORKSPACE]),
            ("bucket, other machine", "b", [*dedup, "bucket.parquet", "--workspace", WORKSPACE]),
            ("info", "a", ["info", "--workspace", WORKSPACE]),
        ):
            before = count_bytes(buckets)
            seconds, counts = run(words, env | {"CURATE_SCRATCH": str(folder / machine)})
            n_up, n_down = count_bytes(buckets) - before, counts.pop("bytes", 0)
            requests = ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
            print(f"{title}: {seconds:.1f} s; {requests or 'no requests'}; "
                  f"{n_up / 1e6:.1f} MB up, {n_down / 1e6:.1f} MB down", flush=True)  # fmt: skip
    same = Path("folder.parquet").read_bytes() == Path("bucket.parquet").read_bytes()
    print(f"manifests are the same: {same}")


def count_bytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    images = parser.parse_args().images.absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        measure(images, Path(folder))


if __name__ == "__main__":
    main()

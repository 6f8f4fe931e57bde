"""What a workspace in a bucket costs: requests, bytes and seconds, beside one in a folder.

    python -m tests.benchmarks.bucket_workspace /path/to/photos

Four runs of `curate dedup` on the same images, each a process of its own: with a workspace in a
folder; with one in a bucket of rclone's S3 server on this machine; the same again, when nothing has
changed; and on another machine, which has no mirror yet. Besides, `curate info` there.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.sources.servers import Faults, faulty_proxy, rclone_server

WORKSPACE = "s3://bucket/workspace"
ROOT = Path(__file__).resolve().parents[2]
CODE = "from curate.cli.app import main; main()"


def run(words, env):
    """Run a command quietly; return its seconds."""
    start = time.monotonic()
    command = [sys.executable, "-c", CODE, *words, "--quiet"]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)} | env, check=True)
    return time.monotonic() - start


def measure(images, folder):
    """Print a line for each run."""
    buckets = folder / "buckets"
    (buckets / "bucket").mkdir(parents=True)
    faults = Faults()
    with rclone_server(buckets) as url, faulty_proxy(url, faults) as proxy:
        keys = {"AWS_ACCESS_KEY_ID": "root", "AWS_SECRET_ACCESS_KEY": "root"}
        env = keys | {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": proxy}
        dedup = ["dedup", str(images), "--out"]
        for title, machine, words in (
            ("folder", "a", [*dedup, "folder.parquet", "--workspace", "folder"]),
            ("folder, again", "a", [*dedup, "folder.parquet", "--workspace", "folder"]),
            ("bucket, first", "a", [*dedup, "bucket.parquet", "--workspace", WORKSPACE]),
            ("bucket, again", "a", [*dedup, "bucket.parquet", "--workspace", WORKSPACE]),
            ("bucket, other machine", "b", [*dedup, "bucket.parquet", "--workspace", WORKSPACE]),
            ("info", "a", ["info", "--workspace", WORKSPACE]),
        ):
            faults.n_requests.clear()
            faults.ranges.clear()
            before = count_bytes(buckets)
            seconds = run(words, env | {"CURATE_SCRATCH": str(folder / machine)})
            requests = ", ".join(f"{n} {name}" for name, n in sorted(faults.n_requests.items()))
            n_down = sum(n_bytes for _, _, n_bytes in faults.ranges)
            n_up = count_bytes(buckets) - before
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

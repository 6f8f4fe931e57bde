"""A Ray cluster of two nodes of one core on this machine, each with folders of its own.

    python tests/engine/ray_host.py PORT FOLDER [--gpus N]

With ``--gpus`` the head says that it has some. The second node is started again when it dies; when
the head does, all ends. Ends with its input.
"""

import sys
import time
from pathlib import Path
from threading import Thread


def add_node(cluster, folder, name, **more):
    place = Path(folder) / name
    place.mkdir(parents=True, exist_ok=True)
    env = {"CURATE_SCRATCH": str(place / "scratch"), "TMPDIR": str(place)}
    return cluster.add_node(
        num_cpus=1, env_vars=env, object_store_memory=100 << 20, include_dashboard=False, **more
    )


def main():
    from ray.cluster_utils import Cluster

    port, folder = int(sys.argv[1]), sys.argv[2]
    cluster = Cluster()
    n_gpus = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    head = add_node(cluster, folder, "head", gcs_server_port=port, num_gpus=n_gpus)
    other = add_node(cluster, folder, "other")
    print("ready", flush=True)
    over = Thread(target=sys.stdin.read, daemon=True)
    over.start()
    while over.is_alive() and not head.dead_processes():
        time.sleep(0.5)
        if other.dead_processes():
            cluster.remove_node(other, allow_graceful=False)
            other = add_node(cluster, folder, "other")
    cluster.shutdown()


if __name__ == "__main__":
    main()

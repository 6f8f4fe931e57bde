import os
import socket
import subprocess
import sys
from pathlib import Path

import torch

from swav_train import distributed
from swav_train.sync_batch_norm import synchronise_batch_norm

SCRIPT = Path(__file__).parent / "two_processes.py"
ROOT = SCRIPT.parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_two_processes_do_what_one_does_with_the_joint_batch(tmp_path):
    """Codes, batch norm, one step, and a whole training; the script holds the comparisons."""
    shared = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    children = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(tmp_path)],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [child.communicate(timeout=120)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0], "\n".join(outputs)
    assert (tmp_path / "model.json").exists()
    assert not (tmp_path / "checkpoint").exists()


def test_a_single_process_is_its_own_group():
    rows = torch.rand(3, 2)
    assert distributed.world_size() == 1
    assert distributed.rank() == 0
    assert distributed.gather_rows(rows) is rows
    assert distributed.sum_over_processes(rows) is rows
    assert distributed.broadcast_value(0.25) == 0.25
    distributed.barrier()
    with distributed.process_group("cpu"):
        assert not distributed.is_distributed()
    network = torch.nn.BatchNorm2d(3)
    assert synchronise_batch_norm(network, "cpu") is network

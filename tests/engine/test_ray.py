import socket
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from curate.engine.base import FailureKind, Task
from curate.engine.lease import Lease
from curate.engine.ray_cluster import RayCluster
from curate.engine.shards import Engine
from curate.engine.store import open_store
from curate.errors import ResourceError
from curate.progress import Silent
from tests.conftest import Notes

pytest.importorskip("ray", reason="Ray is not installed: pip install 'curate-images[ray]'")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A Ray of two cores, started here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", ":".join(filter(None, sys.path)))
        patch.setenv("RAY_TMPDIR", "/tmp")  # sockets in there have short names only
        back_end = RayCluster("local", Notes(), n_local=2)
        yield back_end
        back_end.close()


def squares(cluster, folder, *, is_stateful, **settings):
    store = open_store(str(folder))
    lease = Lease(store, Silent())
    engine = Engine(store, cluster, Silent(), lease)
    task = Task(opener="tests.engine.workers:open_squares", settings=settings)
    tables = [pa.table({"number": range(k, k + 4)}) for k in range(0, 12, 4)]
    run = engine.map_with_worker if is_stateful else engine.map_shards
    results = list(run(task, tables))
    engine.barrier()
    lease.release()
    rows = [row for one in results for row in one.rows["square"].to_pylist()]
    return rows, [failure for one in results for failure in one.failed.values()]


def test_shards_run_on_ray_and_one_that_kills_its_worker_is_found(cluster, tmp_path):
    rows, failed = squares(cluster, tmp_path, is_stateful=True, kills=[6])
    assert rows == [number**2 for number in range(12) if number != 6]
    assert [one.kind for one in failed] == [FailureKind.DIED]


def test_the_command_survives_its_ray(cluster, tmp_path):
    rows, _ = squares(cluster, tmp_path / "a", is_stateful=False)
    cluster._child._process.kill()
    again, failed = squares(cluster, tmp_path / "b", is_stateful=False)
    assert again == rows == [number**2 for number in range(12)]
    assert failed == []
    assert cluster._progress.notes[0] == "Ray has died here; it is started again"


@pytest.fixture
def gpu_node(monkeypatch, tmp_path_factory):
    """A Ray of two cores that says it has a GPU, as the address of its head."""
    monkeypatch.setenv("PYTHONPATH", ":".join(filter(None, sys.path)))
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host = Path(__file__).with_name("ray_host.py")
    command = [sys.executable, host, str(port), tmp_path_factory.mktemp("nodes"), "--gpus", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert b"ready" in process.stdout.readline()
        yield f"127.0.0.1:{port}"
        process.stdin.close()


def test_workers_that_use_gpus_get_one_each_and_others_see_none(gpu_node, tmp_path):
    cluster = RayCluster(gpu_node, Notes(), n_local=1)
    store = open_store(str(tmp_path))
    lease = Lease(store, Silent())
    engine = Engine(store, cluster, Silent(), lease)
    tables = [pa.table({"number": [number]}) for number in range(6)]
    seen = {}
    for uses_gpu in (True, False):
        task = Task(
            opener="tests.engine.workers:open_gpus",
            settings={"uses": uses_gpu},
            uses_gpu=uses_gpu,
        )
        results = list(engine.map_with_worker(task, tables))
        seen[uses_gpu] = {name for one in results for name in one.rows["seen"].to_pylist()}
        assert cluster.n_workers == (1 if uses_gpu else 2)
        engine.barrier()
    lease.release()
    cluster.close()
    assert seen == {True: {"0"}, False: {""}}


def test_a_cluster_that_is_not_there_is_told():
    with pytest.raises(ResourceError, match=r"127\.0\.0\.1:9 cannot be reached: Connection"):
        RayCluster("127.0.0.1:9", Silent(), n_local=1)


def test_ray_waits_until_it_is_asked_for():
    code = "import sys, curate.stages.dedup; print('ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

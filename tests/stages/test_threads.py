"""The same manifests whatever the number of threads and processors."""

import os
import shutil
import subprocess
import sys

import pytest

CODE = """
import os, sys
os.sched_setaffinity(0, {int(one) for one in sys.argv[1].split(",")})
from curate import ClusterConfig, DedupConfig, SampleConfig, cluster, dedup, sample
cluster("images", ClusterConfig(levels=(3,), labels="folder"), out="m.parquet")
dedup("m.parquet", DedupConfig(level="semantic"), pairs="p.parquet")
sample("m.parquet", SampleConfig(size=9, within="diverse"), out="s.parquet")
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system pins no processes")
def test_threads_and_processors_do_not_change_a_manifest(trained, tmp_path):
    processors = sorted(os.sched_getaffinity(0))
    runs = []
    for threads, cores in (("1", processors[:1]), ("2", processors[:2]), ("2", processors[:1])):
        shutil.rmtree(tmp_path / ".curate", ignore_errors=True)
        shutil.copytree(trained / ".curate", tmp_path / ".curate")
        shutil.copytree(trained / "images", tmp_path / "images", dirs_exist_ok=True)
        shutil.rmtree(tmp_path / ".curate" / "embeddings", ignore_errors=True)
        for old in tmp_path.glob("*.parquet"):
            old.unlink()
        names = ",".join(map(str, cores))
        environment = os.environ | {"OMP_NUM_THREADS": threads}
        environment.pop("CURATE_WORKSPACE", None)
        command = [sys.executable, "-c", CODE, names]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
        runs.append({path.name: path.read_bytes() for path in tmp_path.glob("*.parquet")})
    assert sorted(runs[0]) == ["m.parquet", "p.parquet", "s.parquet"]
    assert runs[0] == runs[1] == runs[2]

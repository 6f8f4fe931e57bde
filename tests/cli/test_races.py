"""Two commands on one output at the same moment: both end well, and one result is there, whole."""

import os
import shutil
import subprocess
import sys

import pytest

from curate import cluster, dedup
from curate.images.contact_sheet import is_own_sheet
from curate.manifest.manifest import read_manifest

WORKER = """
import sys, time
from curate.cli.app import main
import curate.stages.sample, curate.stages.sheet, curate.stages.split, curate.stages.merge
import curate.stages.dedup, curate.stages.export, duckdb, pyarrow.csv
print("ready", flush=True)
sys.stdin.readline()
main(sys.argv[1:])
"""
ROUNDS = 2  # one for an output that is new, one for one that is there


@pytest.fixture
def place(trained, tmp_path):
    for name in ("images", ".curate"):
        shutil.copytree(trained / name, tmp_path / name)
    space = tmp_path / ".curate"
    cluster(tmp_path / "images", out=tmp_path / "m.parquet", workspace=space)
    dedup(tmp_path / "m.parquet", workspace=space)
    shutil.copytree(space, tmp_path / "other", dirs_exist_ok=True)
    return tmp_path


def race(place, *lines):
    """Start commands at one moment; return their exit codes."""
    environment = os.environ | {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    environment.pop("CURATE_WORKSPACE", None)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, *line.split(), "-q"],
            cwd=place,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in lines
    ]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    outputs = [worker.communicate() for worker in workers]
    assert not any("Traceback" in err for _, err in outputs), outputs
    return [worker.returncode for worker in workers]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_of_two_manifests_one_is_there_with_all_that_belongs_to_it(place, ending):
    for round_ in range(ROUNDS):
        out = f"out{round_ % 2}{ending}"  # new, and there already
        lines = [
            f"sample m.parquet --size {size} --seed {size} --out {out}" for size in (3, 5, 7)
        ] + [f"split m.parquet --out {out}"]
        assert race(place, *lines) == [0] * 4
        manifest = read_manifest(place / out)
        stage = "split" if "split" in manifest.stages else "sample"
        if stage == "sample":
            drawn = sum(manifest.rows.read(["selected"])["selected"].to_pylist())
            assert drawn == manifest.stages["sample"]["size"]
        else:
            assert None in set(manifest.rows.read(["split"])["split"].to_pylist())
    left = {path.name for path in place.iterdir()}
    assert not [name for name in left if name.endswith(".partial")]


@pytest.mark.slow
def test_of_two_sheets_or_folders_of_sheets_one_is_there(place):
    for _ in range(ROUNDS):
        lines = [f"sheet m.parquet --limit {n} --out s.jpg" for n in (1, 9, 20)]
        assert race(place, *lines) == [0] * 3
        assert is_own_sheet(place / "s.jpg")
        lines = [
            f"dedup m.parquet --out {name}.parquet --sheet drawn -w {space}"
            for name, space in (("a", ".curate"), ("b", "other"))
        ]
        assert race(place, *lines) == [0] * 2
        assert [path.name for path in (place / "drawn").iterdir()] == ["groups-001.jpg"]


@pytest.mark.slow
def test_of_two_exports_one_is_there_whole_and_the_other_says_so(place):
    n_images = len(os.listdir(place))
    for round_ in range(ROUNDS):
        lines = [f"export m.parquet --to out{round_} --as {form}" for form in ("copy", "symlink")]
        codes = race(place, *lines)
        assert sorted(codes) in ([0, 2], [0, 3]), codes
        form = lines[codes.index(0)].split()[-1]
        files = [path for path in (place / f"out{round_}").rglob("*") if not path.is_dir()]
        assert len(files) == 24
        assert {path.is_symlink() for path in files} == {form == "symlink"}
    assert len(os.listdir(place)) == n_images + ROUNDS

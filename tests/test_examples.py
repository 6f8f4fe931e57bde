"""The examples run as their first lines say."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(name, *arguments, cwd):
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_model_is_loaded_by_plain_timm(trained, tmp_path):
    model, image = trained / ".curate/models/default", trained / "images/red/000.png"
    assert "features, norm" in run("use_with_timm.py", model, image, cwd=tmp_path)


def test_a_manifest_is_read_by_pandas_polars_and_duckdb(trained, tmp_path):
    from curate import cluster

    cluster(trained / "images", out=tmp_path / "m.parquet", workspace=trained / ".curate")
    said = run("read_manifest.py", tmp_path / "m.parquet", cwd=tmp_path)
    assert "pandas: 28 rows, 26 readable" in said
    assert "polars: " in said
    assert "stages cluster, scan" in said


def test_the_demos_folder_has_its_copies_planted(tmp_path):
    import csv

    run("demo_photos.py", tmp_path / "demo", cwd=tmp_path)
    with (tmp_path / "demo" / "planted.csv").open(newline="") as source:
        rows = list(csv.DictReader(source))
    images = tmp_path / "demo" / "images"
    assert len(rows) == 70
    assert all((images / row["copy"]).is_file() for row in rows)
    assert all((images / row["original"]).is_file() for row in rows)
    assert len(list(images.rglob("*.jpg"))) > 350

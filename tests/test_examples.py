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


@pytest.mark.parametrize(
    "name", ["read_manifest.py", "use_with_timm.py", "demo_photos.py", "ray_train.py"]
)
def test_an_example_without_arguments_says_what_it_takes(name, tmp_path):
    command = [sys.executable, EXAMPLES / name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage: " in done.stderr
    assert "Traceback" not in done.stderr


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


@pytest.mark.slow
def test_the_notebook_walks_the_whole_job(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    client = pytest.importorskip("nbclient", reason="nbclient is not installed")
    notebook = nbformat.read(EXAMPLES / "walk_through.ipynb", as_version=4)
    assert all(cell.get("outputs") or cell.cell_type == "markdown" for cell in notebook.cells[2:])
    (tmp_path / "demo_photos.py").write_text((EXAMPLES / "demo_photos.py").read_text())
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES.parent))
    run_notebook = client.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    run_notebook.execute()
    shown = str([cell.get("outputs") for cell in notebook.cells])
    assert "DedupResult" in shown
    assert "data:image/webp" in shown
    assert (tmp_path / "notebook_demo" / "report.html").is_file()

"""The wheel has all that the program needs, and works without the repository."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from curate.version import __version__

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_a_wheel_works_without_the_repository(tmp_path):
    source = tmp_path / "source"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("needs a checkout to know what belongs to it")
    names = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    for name in names:
        if name.startswith(("curate/", "swav_train/")) or "/" not in name:
            place = source / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes((ROOT / name).read_bytes())
    build = (
        "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)],
        cwd=source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "No module named 'setuptools'" in done.stderr:
        pytest.skip("needs setuptools")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert __version__ in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    data = [name for name in names if name.startswith(("curate/", "swav_train/"))]
    assert not [name for name in data if name not in packed]
    code = (
        "import curate, curate.cli.app as app; print(curate.__file__)\n"
        "from curate.copies.probability.classifier import CopyClassifier\n"
        "assert [getattr(curate, name) for name in curate.__all__]\n"
        "app.main(['--version'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert str(tmp_path / "site") in ran.stdout
    assert f"curate {__version__}" in ran.stdout


def read_requirements(lines):
    """Return name and version of requirements, by name, as far as they hold on Linux x86-64."""
    found = {}
    for line in lines:
        requirement, _, marker = line.partition(";")
        if "!=" not in marker and not line.startswith("#"):
            name = re.match(r"[\w-]+", requirement)[0]
            found[name] = requirement.strip()
    return found


def test_the_install_without_cuda_has_all_that_curate_needs_but_pytorch_and_faiss_for_gpus():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = read_requirements(project["dependencies"])
    cpu = read_requirements((ROOT / "requirements-cpu.txt").read_text().splitlines())
    assert cpu.pop("faiss-cpu") == "faiss-cpu>=1.10"
    for name in ("torch", "torchvision", "faiss-gpu"):
        assert needed.pop(name)
    assert cpu == needed


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_nothing_is_said_against_the_docker_files(name):
    hadolint = shutil.which("hadolint", path=Path(sys.executable).parent) or shutil.which(
        "hadolint"
    )
    if hadolint is None:
        pytest.skip("needs hadolint")
    done = subprocess.run([hadolint, ROOT / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("mkdocstrings")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1",
             "DISABLE_MKDOCS_2_WARNING": "true"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    commands = (tmp_path / "site/reference/commands/index.html").read_text()
    assert 'id="curate-dedup"' in commands
    assert "SplitResult" in (tmp_path / "site/reference/python/index.html").read_text()

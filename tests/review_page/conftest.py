import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from curate.stages.dedup import dedup
from tests.conftest import picture, save

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def reviewed(tmp_path):
    """Return a folder of 22 pairs of copies, deduplicated."""
    for seed in range(22):
        save(tmp_path / "images" / f"{seed:02d}.png", picture(seed, width=160, height=120))
        save(
            tmp_path / "images" / f"{seed:02d}_again.jpg",
            picture(seed, width=160, height=120),
            quality=80,
        )
    dedup(tmp_path / "images", out=tmp_path / "m.parquet", workspace=tmp_path / ".curate")
    return tmp_path


@contextmanager
def serve(folder):
    """Run `curate review` and give the process and its address."""
    code = "from curate.cli.app import main; main()"
    command = [sys.executable, "-c", code, "review", "m.parquet", "--no-open"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in process.stderr:
            found = re.match(r"review: (http://\S+)", line)
            if found:
                yield process, found[1]
                return
        raise AssertionError("the server did not start")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)

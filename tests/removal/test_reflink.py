"""Copies share their blocks on a file system that can do so; needs root and the tools of Btrfs."""

import os
import re
import shutil
import subprocess

import pytest

from curate import PruneConfig, prune
from curate.choices import Removal
from tests.removal.scenes import snapshot, write_copies

N_BYTES = 1 << 20


@pytest.fixture
def btrfs(tmp_path):
    """An empty Btrfs of 128 MB in a file, mounted."""
    missing = [name for name in ("mkfs.btrfs", "mount", "filefrag") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root and {', '.join(missing) or 'nothing else'}")
    image, place = tmp_path / "disk.img", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(128 << 20)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True, capture_output=True)
    mounted = subprocess.run(
        ["mount", "-o", "loop", image, place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def blocks_of(file):
    """Return where the parts of a file lie on the disk."""
    told = subprocess.run(["filefrag", "-v", file], check=True, capture_output=True, text=True)
    return re.findall(r"^ +\d+: +\d+\.\. +\d+: +(\d+)\.\. +(\d+):", told.stdout, re.MULTILINE)


@pytest.mark.slow
def test_copies_share_blocks_and_stay_files_of_their_own(btrfs):
    source = btrfs / "source"
    source.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (source / name).write_bytes(b"0123456789abcdef" * (N_BYTES // 16))
    os.utime(source / "b.jpg", ns=(5, 7_000_000_000))
    os.sync()
    assert blocks_of(source / "a.jpg") != blocks_of(source / "b.jpg")
    manifest = write_copies(btrfs / "m.parquet", source, {"b.jpg": "a.jpg"})
    before = snapshot(source)
    result = prune(manifest, PruneConfig(action=Removal.REFLINK, is_plan=False))
    os.sync()
    assert (result.n_images, result.bytes) == (1, N_BYTES)
    assert blocks_of(source / "a.jpg") == blocks_of(source / "b.jpg") != []
    assert snapshot(source) == before
    assert (source / "a.jpg").stat().st_ino != (source / "b.jpg").stat().st_ino
    assert (source / "b.jpg").stat().st_mtime_ns == 7_000_000_000
    (source / "b.jpg").write_text("changed")
    assert snapshot(source)["a.jpg"] == before["a.jpg"]

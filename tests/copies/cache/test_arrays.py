import os
from zlib import crc32

import numpy as np
import pytest

from curate.copies.cache import arrays
from curate.copies.cache.arrays import check_arrays, read_arrays, sum_file, write_arrays
from curate.workspace.integrity import Damaged


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "some.npz"
    write_arrays(path, value=np.arange(5))
    return path


def test_what_was_written_is_read(path):
    check_arrays(path)
    assert read_arrays(path)["value"].tolist() == [0, 1, 2, 3, 4]


def test_a_file_that_has_changed_is_summed_anew(path):
    check_arrays(path)
    with path.open("r+b") as file:
        file.seek(40)
        file.write(b"damaged")
    os.utime(path, ns=(1, 1))
    with pytest.raises(Damaged, match="checksum"):
        check_arrays(path)
    assert read_arrays(path) is None


def test_a_file_that_has_not_changed_is_summed_once(path, monkeypatch):
    first = sum_file(path, start=3)
    monkeypatch.setattr(arrays, "crc32", lambda *_: pytest.fail("it was read again"))
    assert sum_file(path, start=3) == first == crc32(path.read_bytes(), 3)

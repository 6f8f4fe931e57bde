import os

import pytest

from curate import machine
from curate.errors import UsageError
from curate.machine import Limits, count_decoders, parse_bytes, read_memory_quota, set_limits


@pytest.fixture
def limited(monkeypatch):
    """Take limits, and let none stay for other tests."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    yield set_limits
    set_limits(Limits())


def test_the_tightest_group_of_a_container_counts(tmp_path):
    inner = tmp_path / "groups" / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (inner.parent / "memory.max").write_text("2147483648\n")
    membership = tmp_path / "cgroup"
    membership.write_text("0::/outer/inner\n")
    assert read_memory_quota(tmp_path / "groups", membership) == 2 << 30


def test_a_container_that_sees_its_group_as_the_root_is_limited_too(tmp_path):
    (tmp_path / "memory.max").write_text("1073741824\n")
    membership = tmp_path / "cgroup"
    membership.write_text("0::/docker/0123\n")
    assert read_memory_quota(tmp_path, membership) == 1 << 30


def test_the_older_groups_limit_too(tmp_path):
    group = tmp_path / "memory" / "job"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("536870912\n")
    membership = tmp_path / "cgroup"
    membership.write_text("4:memory:/job\n1:cpu:/\n")
    assert read_memory_quota(tmp_path, membership) == 512 << 20
    assert read_memory_quota(tmp_path, tmp_path / "nowhere") is None


def test_one_job_is_one_thread_everywhere(limited):
    limited(Limits(jobs=1))
    assert machine.count_cores() == count_decoders() == 1
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_little_memory_gives_few_threads_but_always_one(limited):
    limited(Limits(memory_bytes=100 << 20))
    assert count_decoders() == 1
    limited(Limits(memory_bytes=1 << 40))
    assert count_decoders() == machine.count_cores()


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("2G", 2 << 30),
        ("1500 MB", 1500 << 20),
        ("2GiB", 2 << 30),
        ("1.5g", 3 << 29),
        ("700000", 700000),
    ],
)
def test_amounts_of_memory_are_read(text, n_bytes):
    assert parse_bytes(text) == n_bytes


@pytest.mark.parametrize("text", ["", "much", "-1G", "0", "G", "2X"])
def test_other_texts_are_no_amount(text):
    with pytest.raises(UsageError):
        parse_bytes(text)

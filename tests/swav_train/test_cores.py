import pytest

from swav_train.cores import count_cores, read_cpu_quota


def group(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def membership(tmp_path):
    def write(text):
        path = tmp_path / "membership"
        path.write_text(text)
        return path

    return write


def test_the_tightest_quota_of_a_group_and_those_above_it_counts(tmp_path, membership):
    root = tmp_path / "cgroup"
    group(root / "pod", cpu__max="150000 100000\n")
    group(root / "pod" / "box", cpu__max="400000 100000\n")
    assert read_cpu_quota(root, membership("0::/pod/box\n")) == 1.5


def test_a_container_sees_its_own_group_as_the_root(tmp_path, membership):
    root = tmp_path / "cgroup"
    group(root, cpu__max="50000 100000\n")
    assert read_cpu_quota(root, membership("0::/the/name/on/the/host\n")) == 0.5


def test_older_groups_have_a_quota_too(tmp_path, membership):
    group(tmp_path / "cpu" / "box", cpu__cfs_quota_us="300000\n", cpu__cfs_period_us="100000\n")
    lines = "5:memory:/box\n4:cpu,cpuacct:/box\n"
    assert read_cpu_quota(tmp_path, membership(lines)) == 3.0


@pytest.mark.parametrize("limit", ["max 100000\n", None])
def test_no_quota_is_no_limit(tmp_path, membership, limit):
    if limit is not None:
        group(tmp_path, cpu__max=limit)
    assert read_cpu_quota(tmp_path, membership("0::/\n")) is None


def test_there_is_one_core_at_least_and_no_more_than_the_quota(tmp_path, membership):
    group(tmp_path, cpu__max="10000 100000\n")
    assert count_cores(cgroups=tmp_path, membership=membership("0::/\n")) == 1
    assert count_cores(cgroups=tmp_path / "none", membership=tmp_path / "none") >= 1

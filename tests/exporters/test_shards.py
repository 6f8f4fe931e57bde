from contextlib import ExitStack

import pytest

from curate.exporters.shards import Shards


@pytest.fixture
def write(tmp_path):
    """A function that writes parts to shards of at most so many bytes, one file open at a time."""

    def fill(parts, max_bytes):
        with ExitStack() as resources:
            shards = Shards(tmp_path, ".bin", resources, max_bytes=max_bytes)
            writers = []
            for part in parts:
                writer = shards.writer(lambda path: path.open("wb"))
                writers += [writer] if writer not in writers else []
                assert [w.closed for w in writers] == [True] * (len(writers) - 1) + [False]
                writer.write(part)
                shards.count(len(part))
        assert all(writer.closed for writer in writers)
        return {path.name: path.read_bytes() for path in sorted(tmp_path.iterdir())}

    return fill


def test_a_shard_ends_after_the_part_that_fills_it(write):
    shards = write([b"aa", b"bb", b"cc"], max_bytes=3)
    assert shards == {"000000.bin": b"aabb", "000001.bin": b"cc"}


def test_a_part_that_is_larger_than_a_shard_fills_one(write):
    assert list(write([b"aaaa", b"bbbb"], max_bytes=1)) == ["000000.bin", "000001.bin"]


def test_without_parts_there_is_no_shard(write):
    assert write([], max_bytes=1) == {}

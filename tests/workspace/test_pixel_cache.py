import numpy as np
import pytest

from curate.errors import InputError
from curate.images.resize import squash_to_square
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_shards import FACTS, RAW_BYTES, ShardWriter, pack, read_facts
from tests.conftest import picture


def digest(number):
    return f"{number:064x}"


def fill(folder, sizes, *, per_shard=100):
    writer = ShardWriter(folder)
    for number, (width, height) in enumerate(sizes):
        facts = dict.fromkeys(FACTS.names) | {"hash": digest(number), "status": "ok"}
        writer.add(facts, pack(picture(number, width=width, height=height)))
        if (number + 1) % per_shard == 0:
            writer.flush()
    writer.flush()
    return PixelCache(folder)


def test_icons_come_back_to_the_bit(tmp_path):
    cache = fill(tmp_path, [(32, 32)] * 5, per_shard=2)
    asked = [3, 0, 4, 3]
    for number, pixels in zip(asked, cache.read([digest(n) for n in asked]), strict=True):
        assert np.array_equal(pixels, picture(number, width=32, height=32))


def test_larger_images_are_compressed_and_look_the_same(tmp_path):
    cache = fill(tmp_path, [(341, 256)])
    assert (tmp_path / "000001.bin").stat().st_size < RAW_BYTES * 4
    difference = cache.read([digest(0)])[0].astype(int) - picture(0, width=341, height=256)
    assert np.abs(difference).mean() < 4


def test_a_writer_goes_on_after_the_shards_that_are_there(tmp_path):
    fill(tmp_path, [(32, 32)] * 2)
    writer = ShardWriter(tmp_path)
    writer.add({"hash": digest(9), "status": "ok"}, pack(picture(9, width=32, height=32)))
    writer.flush()
    cache = PixelCache(tmp_path)
    assert len(read_facts(tmp_path)) == 3
    assert np.array_equal(cache.read([digest(9)])[0], picture(9, width=32, height=32))


def test_a_shard_that_was_never_finished_is_not_seen(tmp_path):
    fill(tmp_path, [(32, 32)] * 2)
    (tmp_path / "000002.bin").write_bytes(b"half a shard")
    assert len(read_facts(tmp_path)) == 2


def test_an_image_that_is_not_there_is_an_error_with_a_way_out(tmp_path):
    cache = fill(tmp_path, [(32, 32)])
    with pytest.raises(InputError, match="lacks"):
        cache.read([digest(7)])
    with pytest.raises(InputError, match="lacks"):
        PixelCache(tmp_path / "none").read([digest(0)])


def test_squares_are_the_whole_image_squashed(tmp_path):
    cache = fill(tmp_path, [(96, 48), (32, 32)])
    out = np.empty((2, 3, 32, 32), np.uint8)
    cache.squares([digest(0), digest(1)], 32, out=out)
    assert np.array_equal(out[1].transpose(1, 2, 0), picture(1, width=32, height=32))
    wanted = squash_to_square(picture(0, width=96, height=48), 32)
    assert np.abs(out[0].transpose(1, 2, 0).astype(int) - wanted).mean() < 4


def test_batches_of_squares_come_in_order_and_whole(tmp_path):
    cache = fill(tmp_path, [(32, 32)] * 7)
    batches = list(cache.square_batches([digest(n) for n in range(7)], 32, batch_size=3))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert np.array_equal(batches[1][0].transpose(1, 2, 0), picture(3, width=32, height=32))


def test_a_damaged_shard_is_told_with_a_way_out(tmp_path):
    fill(tmp_path, [(32, 32)])
    (tmp_path / "000001.parquet").write_bytes(b"half a shard")
    with pytest.raises(InputError, match="is damaged"):
        PixelCache(tmp_path)

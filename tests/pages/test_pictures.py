import base64
import io

import numpy as np
import pytest
from PIL import Image

from curate.pages.pictures import Pictures
from curate.pages.thumbnails import draw_sprites, encode_webp, shrink
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_shards import ShardWriter, pack


def write_cache(folder, images):
    folder.mkdir()
    writer = ShardWriter(folder)
    for name, pixels in images.items():
        writer.add({"hash": name, "status": "ok"}, pack(pixels))
    writer.flush()
    return PixelCache(folder)


def hash_of(number):
    return f"{number:064x}"


def unpack(address):
    head, _, body = address.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


@pytest.mark.parametrize(
    ("shape", "side", "expected"),
    [
        ((40, 80, 3), 20, (10, 20, 3)),
        ((80, 40, 3), 20, (20, 10, 3)),
        ((10, 10, 3), 20, (10, 10, 3)),
        ((1, 4000, 3), 100, (1, 100, 3)),
    ],
)
def test_the_long_side_is_shrunk_nothing_is_enlarged_and_nothing_vanishes(shape, side, expected):
    assert shrink(np.zeros(shape, np.uint8), side).shape == expected


def test_a_packed_image_has_the_colours_and_the_size_asked_for(tmp_path):
    shade = np.full((60, 120, 3), (200, 30, 90), np.uint8)
    pictures = Pictures(write_cache(tmp_path / "pixels", {hash_of(1): shade}))
    (address,) = pictures.pack([hash_of(1)], side=32)
    image = unpack(address)
    assert image.size == (32, 16)
    off = np.abs(np.asarray(image.convert("RGB")).astype(int) - (200, 30, 90))
    assert off.max() <= 6


def test_images_that_the_cache_lacks_are_none_in_their_places(tmp_path):
    shade = np.zeros((8, 8, 3), np.uint8)
    pictures = Pictures(write_cache(tmp_path / "pixels", {hash_of(1): shade}))
    packed = pictures.pack([None, hash_of(2), hash_of(1), hash_of(1)], side=8)
    assert packed[:2] == [None, None]
    assert packed[2] == packed[3] is not None


def test_one_damaged_image_does_not_take_its_neighbours_along(tmp_path):
    rng = np.random.default_rng(0)
    images = {hash_of(n): rng.integers(0, 256, (30, 40, 3), np.uint8) for n in range(5)}
    cache = write_cache(tmp_path / "pixels", images)
    (shard,) = (tmp_path / "pixels").glob("*.bin")
    raw = bytearray(shard.read_bytes())
    raw[len(raw) // 2] ^= 255
    shard.write_bytes(raw)
    read = Pictures(cache).read(list(images))
    assert len(read) == 4
    assert hash_of(2) not in read


def test_sprites_of_any_shape_stay_in_their_cells():
    wide, tall = np.full((1, 90, 3), 255, np.uint8), np.full((90, 1, 3), 255, np.uint8)
    sheet = draw_sprites([wide, tall, wide], side=10, columns=2)
    assert sheet.shape == (20, 20, 3)
    assert (sheet[4:6, :10] == 255).any()
    assert (sheet[:10, 10] == 128).all()


def test_a_webp_file_is_one():
    assert encode_webp(np.zeros((4, 4, 3), np.uint8))[8:12] == b"WEBP"

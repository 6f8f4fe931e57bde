import numpy as np

from curate.choices import MapBy
from curate.pages.images_table import ImagesTable
from curate.pages.pictures import Pictures
from curate.pages.thumbnails import draw_sprites
from curate.report_page.image_map import draw_map
from curate.workspace.pixel_cache import PixelCache, ShardWriter, pack
from tests.report_page.conftest import make_table


def write_cache(folder, n):
    writer = ShardWriter(folder)
    for row in range(n):
        shade = np.full((30, 40, 3), 10 * row % 256, np.uint8)
        writer.add({"hash": f"{row:064x}", "status": "ok"}, pack(shade))
    folder.mkdir()
    writer.flush()
    return PixelCache(folder)


def test_a_large_folder_is_sampled_at_even_steps_and_the_map_says_of_how_many(tmp_path):
    images = ImagesTable(make_table(50))
    pictures = Pictures(write_cache(tmp_path / "pixels", 50))
    drawn = draw_map(images, None, pictures, by=MapBy.PCA, n_points=10, seed=0)
    assert len(drawn.rows) == 10
    assert drawn.n_images == 50
    assert np.diff(drawn.rows).max() <= 6


def test_images_alike_lie_near_each_other(tmp_path):
    images = ImagesTable(make_table(20))
    pictures = Pictures(write_cache(tmp_path / "pixels", 20))
    drawn = draw_map(images, None, pictures, by=MapBy.PCA, n_points=20, seed=0)
    along = drawn.places[:, 0]
    assert (np.diff(along) > -1e-6).all() or (np.diff(along) < 1e-6).all()


def test_sprites_lie_row_by_row_in_the_middle_of_their_cells():
    white = np.full((10, 20, 3), 255, np.uint8)
    sheet = draw_sprites([white, white, white], side=20, columns=2)
    assert sheet.shape == (40, 40, 3)
    assert (sheet[5:15, 0:20] == 255).all()
    assert (sheet[0:5] == 128).all()
    assert (sheet[20:40, 20:40] == 128).all()

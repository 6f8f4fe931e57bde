import numpy as np

from curate.choices import MapBy
from curate.pages.images_table import ImagesTable
from curate.pages.pictures import Pictures
from curate.pages.thumbnails import draw_sprites
from curate.report_page.image_map import draw_map, fit_to_square
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_shards import ShardWriter, pack
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


def test_an_outlier_sits_at_the_border_and_leaves_the_map_to_the_others():
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    places, is_beyond = fit_to_square(np.vstack([grid, [[400.0, 2.0]]]))
    assert is_beyond.tolist() == [False] * 25 + [True]
    assert places[:25].min(axis=0).tolist() == [0, 0]
    assert places[:25].max(axis=0).tolist() == [1, 1]
    assert places[25].tolist() == [1, 0.5]


def test_equal_places_and_two_far_halves_are_all_on_the_map():
    assert not fit_to_square(np.zeros((9, 2)))[1].any()
    crowd = np.vstack([np.zeros((30, 2)), np.random.default_rng(0).normal(size=(20, 2))])
    assert fit_to_square(crowd)[1].mean() < 0.1
    halves = np.array([[0.0, 0.0], [0.1, 1.0], [100.0, 0.0], [100.1, 1.0]] * 5)
    assert not fit_to_square(halves)[1].any()

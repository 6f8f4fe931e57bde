import math
from dataclasses import replace

import pytest
import torch
from torchvision.transforms import RandomResizedCrop, v2
from torchvision.transforms.v2 import functional

from swav_train.config import CropSpec, TrainConfig, parse_crops
from swav_train.method import multicrop
from swav_train.method.multicrop import MultiCrop


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def crop(low, high):
    return CropSpec(count=1, size=32, min_area=low, max_area=high)


@pytest.mark.parametrize("aspect", [0.4, 1.0, 1.5])
@pytest.mark.parametrize("area", [(0.08, 0.3), (0.3, 1.0)])
def test_boxes_follow_torchvision(aspect, area):
    height = 400
    width = round(height * aspect)
    torch.manual_seed(0)
    image = torch.empty(1, height, width)
    reference = torch.tensor(
        [RandomResizedCrop.get_params(image, list(area), [3 / 4, 4 / 3]) for _ in range(4000)],
        dtype=torch.float32,
    )
    top, left, box_height, box_width = reference.t()
    wanted = torch.stack(
        [left / width, top / height, box_width / width, box_height / height], dim=1
    )
    boxes = multicrop.random_boxes(torch.full((4000,), width / height), crop(*area), generator())
    torch.testing.assert_close(boxes.mean(dim=0), wanted.mean(dim=0), atol=0.012, rtol=0)
    torch.testing.assert_close(boxes.std(dim=0), wanted.std(dim=0), atol=0.012, rtol=0)


def test_boxes_stay_inside():
    boxes = multicrop.random_boxes(torch.linspace(0.1, 10, 500), crop(0.05, 1.0), generator())
    assert (boxes >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= 1 + 1e-6).all()


def test_a_box_of_a_squashed_panorama_has_the_shape_of_the_original():
    boxes = multicrop.random_boxes(torch.full((1000,), 3.0), crop(0.1, 0.3), generator())
    ratio = 3.0 * boxes[:, 2] / boxes[:, 3]
    assert ratio.min() >= 3 / 4 - 1e-4
    assert ratio.max() <= 4 / 3 + 1e-4


@pytest.mark.parametrize(("n_in", "n_out"), [(64, 24), (20, 50), (32, 32)])
def test_resizing_is_antialiased_bilinear(n_in, n_out):
    image = torch.rand(1, 3, n_in, n_in, generator=generator())
    whole = torch.ones(1)
    matrix = multicrop.resampling_matrices(
        torch.zeros(1), whole, torch.zeros(1, dtype=torch.bool), n_in, n_out
    )[0]
    wanted = functional.resize(image, [n_out, n_out], antialias=True)
    torch.testing.assert_close(matrix @ image @ matrix.t(), wanted, atol=1e-5, rtol=0)


def test_a_flip_mirrors():
    flips = torch.tensor([False, True])
    plain, mirrored = multicrop.resampling_matrices(
        torch.full((2,), 0.2), torch.full((2,), 0.5), flips, 40, 16
    )
    torch.testing.assert_close(plain.flip(0), mirrored)


def test_an_aligned_box_is_a_plain_cut():
    image = torch.rand(3, 32, 32, generator=generator())
    still = torch.zeros(1, dtype=torch.bool)
    rows = multicrop.resampling_matrices(torch.tensor([0.25]), torch.tensor([0.5]), still, 32, 16)
    torch.testing.assert_close(rows[0] @ image @ rows[0].t(), image[:, 8:24, 8:24])


def test_blur_matches_torchvision_away_from_the_border():
    image = torch.rand(3, 31, 31, generator=generator())
    matrix = multicrop.blur_matrices(torch.tensor([1.3]), 31)[0]
    wanted = functional.gaussian_blur(image, [15, 15], [1.3, 1.3])
    blurred = matrix @ image @ matrix.t()
    torch.testing.assert_close(blurred[:, 8:-8, 8:-8], wanted[:, 8:-8, 8:-8], atol=1e-4, rtol=0)


def test_half_size_crops_are_those_of_half_the_size():
    pixels = torch.randint(0, 256, (4, 3, 48, 48), dtype=torch.uint8, generator=generator())
    blurred = {"blur_probability": 1.0, "color_strength": 0.0, "gray_probability": 0.0}
    large = MultiCrop(TrainConfig(crops=parse_crops("2x32+1x12"), **blurred))
    small = MultiCrop(TrainConfig(crops=parse_crops("2x16+1x8"), **blurred))
    drawn = large.draw(torch.ones(4), generator())
    halved = large.cut(pixels, drawn, is_half_size=True)
    assert [crop.shape[-1] for crop in halved] == [16, 16, 8]
    wanted = small.cut(pixels, small.draw(torch.ones(4), generator()))
    torch.testing.assert_close(halved, wanted)


def test_no_blur_is_exact():
    assert torch.equal(multicrop.blur_matrices(torch.zeros(1), 9)[0], torch.eye(9))


def changed(images, matrix, offset):
    """Return images in [0, 1] after a colour change, the normalisation undone."""
    normalised = multicrop.apply_colors(images * 255, matrix, offset)
    mean, std = (torch.tensor(t).view(3, 1, 1) for t in (multicrop.MEAN, multicrop.STD))
    return normalised * std + mean


def test_colours_are_clipped_to_what_pixels_can_be():
    bright = changed(torch.ones(1, 3, 2, 2), torch.eye(3)[None] * 2, torch.zeros(1))
    torch.testing.assert_close(bright, torch.ones(1, 3, 2, 2))
    dark = changed(torch.ones(1, 3, 2, 2), torch.eye(3)[None] * -1, torch.zeros(1))
    torch.testing.assert_close(dark, torch.zeros(1, 3, 2, 2))


def test_colours_follow_torchvision_in_their_moments():
    """Pixels in the middle of the range, which clipping leaves alone."""
    color = torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1).expand(3, 4, 4)
    texture = 0.05 * torch.randn(3, 4, 4, generator=generator())
    image = (color + texture).clamp(0, 1)
    torch.manual_seed(0)
    jitter = v2.Compose(
        [
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomGrayscale(p=0.1),
        ]
    )
    n = 3000
    wanted = torch.stack([jitter(image) for _ in range(n)])
    matrix, offset = multicrop.color_matrices(
        n, strength=0.5, gray_probability=0.1, generator=generator()
    )
    colored = changed(image.expand(n, -1, -1, -1), matrix, offset)
    torch.testing.assert_close(
        colored.mean(dim=(0, 2, 3)), wanted.mean(dim=(0, 2, 3)), atol=0.01, rtol=0
    )
    torch.testing.assert_close(
        colored.mean(dim=(2, 3)).std(dim=0), wanted.mean(dim=(2, 3)).std(dim=0), atol=0.015, rtol=0
    )
    torch.testing.assert_close(
        colored.std(dim=(2, 3)).mean(dim=0), wanted.std(dim=(2, 3)).mean(dim=0), atol=0.01, rtol=0
    )


def test_zero_strength_keeps_the_colours():
    images = torch.rand(4, 3, 5, 5, generator=generator())
    matrix, offset = multicrop.color_matrices(
        4, strength=0.0, gray_probability=0.0, generator=generator()
    )
    torch.testing.assert_close(changed(images, matrix, offset), images, atol=1e-3, rtol=0)


def test_gray_crops_have_no_colour():
    images = torch.rand(4, 3, 5, 5, generator=generator())
    matrix, offset = multicrop.color_matrices(
        4, strength=0.5, gray_probability=1.0, generator=generator()
    )
    gray = changed(images, matrix, offset)
    torch.testing.assert_close(gray[:, 0], gray[:, 2])


def test_views_have_the_order_sizes_and_layout_of_the_config():
    config = TrainConfig(crops=parse_crops("2x24+3x16"), cache_size=32, blur_probability=0.5)
    pixels = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8, generator=generator())
    views = MultiCrop(config)(pixels, torch.ones(5), generator())
    assert [tuple(view.shape) for view in views] == [(5, 3, 24, 24)] * 2 + [(5, 3, 16, 16)] * 3
    assert all(view.is_contiguous(memory_format=torch.channels_last) for view in views)
    assert all(view.isfinite().all() for view in views)


def test_half_precision_is_off_by_less_than_a_grey_level_on_average():
    config = TrainConfig(crops=parse_crops("2x24"), cache_size=32)
    pixels = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8, generator=generator())
    exact, _ = MultiCrop(config)(pixels, torch.ones(5), generator())
    fast, _ = MultiCrop(config, precision=torch.bfloat16)(pixels, torch.ones(5), generator())
    gray_level = 1 / 255 / max(multicrop.STD)
    assert (exact - fast).abs().mean() < gray_level


def test_each_image_has_its_own_view_and_the_seed_decides():
    pixels = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8, generator=generator())
    pixels = pixels.expand(4, -1, -1, -1)
    views = MultiCrop(replace(TrainConfig(), crops=parse_crops("2x16")))
    first, second = views(pixels, torch.ones(4), generator(1))
    again, _ = views(pixels, torch.ones(4), generator(1))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    distances = torch.pdist(first.flatten(1))
    assert distances.min() > 0.1


def test_squash_keeps_the_mean():
    images = torch.randint(0, 256, (2, 3, 40, 64), dtype=torch.uint8, generator=generator())
    squashed = multicrop.squash(images, 16)
    assert squashed.shape == (2, 3, 16, 16)
    assert squashed.dtype == torch.uint8
    assert math.isclose(squashed.float().mean(), images.float().mean(), abs_tol=1.5)


@pytest.mark.parametrize("vertical_flip", [False, True])
def test_half_of_the_crops_are_upside_down_where_images_have_no_up(vertical_flip):
    """The upper half of the image is white: so is that of a crop, or its lower half."""
    pixels = torch.zeros(200, 3, 16, 16, dtype=torch.uint8)
    pixels[:, :, :8] = 255
    config = TrainConfig.from_dict(
        {"crops": "2x16@1-1", "color_strength": 0.0, "gray_probability": 0.0}
        | {"vertical_flip": vertical_flip}
    )
    for crops in MultiCrop(config)(pixels, torch.ones(200), generator()):
        is_turned = crops[:, 0, 0, 0] < crops[:, 0, -1, 0]
        share = is_turned.float().mean().item()
        assert (0.3 < share < 0.7) if vertical_flip else share == 0

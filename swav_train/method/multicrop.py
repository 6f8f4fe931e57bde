"""Random crops, colours and blur for a whole batch at once, on the device that trains.

Cropping, resizing and blurring are linear in the pixels and separable: each image gets one matrix
for its rows and one for its columns. Colour changes are affine in the three channels of a pixel:
each image gets one 3x3 matrix and one offset. So a crop is three small matrix products, with no
Python per image.

B images, S side of the stored squares, s side of the crops.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from swav_train.config import SMALLEST_CROP, CropSpec, TrainConfig
from swav_train.method.exposure import LUMA, MEAN, STD, standardise

N_TRIES = 10


def normalise(pixels: Tensor) -> Tensor:
    """Return the float32 network input of pixels (..., 3, S, S), uint8 or float in [0, 255]."""
    mean, std, _ = _color_constants(pixels.device)
    return (pixels.float() - mean[:, :, None]) / std[:, :, None]


@functools.cache
def _color_constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and deviation, (3, 1) grey levels, and luma, (3,).

    Made once: to send them to a GPU in each step would make the host wait for it.
    """
    with torch.inference_mode(mode=False):
        mean = torch.tensor(MEAN, device=device)[:, None] * 255
        std = torch.tensor(STD, device=device)[:, None] * 255
        return mean, std, torch.tensor(LUMA, device=device)


def random_boxes(aspects: Tensor, crop: CropSpec, generator: torch.Generator) -> Tensor:
    """Draw one crop box per image, as a share of its sides.

    The distribution of torchvision's ``RandomResizedCrop`` (arXiv:1409.4842, section 6): area
    uniform, ratio log-uniform in [3/4, 4/3], ten tries for a box that fits, else the largest
    central one within the ratio's bounds. Ratios are those of the original image, although the
    box is cut from its squashed copy.

    Args:
        aspects: (B,) float, width / height of the original images, > 0.
        crop: The bounds of the area.
        generator: Source of randomness, on the CPU.

    Returns:
        (B, 4) float32: left, top, width, height in [0, 1].
    """
    draws = torch.rand(4, N_TRIES, len(aspects), generator=generator)
    aspects = aspects.float()
    area = crop.min_area + draws[0] * (crop.max_area - crop.min_area)
    ratio = torch.exp((2 * draws[1] - 1) * math.log(4 / 3))
    sizes = torch.stack([(area * ratio / aspects).sqrt(), (area * aspects / ratio).sqrt()])
    fits = (sizes <= 1).all(dim=0)
    first = fits.int().argmax(dim=0)
    chosen = sizes.gather(1, first.expand(2, 1, -1)).squeeze(1)
    bounded = aspects.clamp(3 / 4, 4 / 3)
    central = torch.stack([(bounded / aspects).clamp(max=1), (aspects / bounded).clamp(max=1)])
    any_fits = fits.any(dim=0)
    size = torch.where(any_fits, chosen, central)
    corner = torch.where(any_fits, (1 - size) * draws[2:, 0], (1 - size) / 2)
    return torch.cat([corner, size]).t().contiguous()


def resampling_matrices(
    start: Tensor, length: Tensor, flip: Tensor, n_in: int, n_out: int
) -> Tensor:
    """Return the matrices that crop and resize one axis, with antialiasing.

    A triangle filter as wide as an output pixel, at least as wide as an input pixel: what Pillow
    and torchvision call antialiased bilinear. Pixels beside the box may enter its border.

    Args:
        start: (B,) float, where the box begins, as a share of the axis.
        length: (B,) float, how long it is, as a share of the axis, > 0.
        flip: (B,) bool, True to reverse the axis.
        n_in: Input pixels.
        n_out: Output pixels.

    Returns:
        (B, n_out, n_in) float32, rows sum to 1.
    """
    centre = (torch.arange(n_out, device=start.device) + 0.5) / n_out
    centre = torch.where(flip[:, None], 1 - centre, centre)
    source = (start[:, None] + length[:, None] * centre) * n_in
    width = (length * n_in / n_out).clamp(min=1)
    pixel = torch.arange(n_in, device=start.device) + 0.5
    weights = (1 - (pixel - source[:, :, None]).abs() / width[:, None, None]).clamp(min=0)
    return weights / weights.sum(dim=2, keepdim=True)


def blur_matrices(sigma: Tensor, n: int) -> Tensor:
    """Return (B, n, n) float32 matrices that blur one axis of n pixels.

    Args:
        sigma: (B,) float, standard deviation of the Gaussian, px; 0 leaves the axis as it is.
        n: Pixels.
    """
    place = torch.arange(n, device=sigma.device, dtype=torch.float32)
    distance = (place[:, None] - place[None, :]).square()
    weights = torch.exp(-distance / (2 * sigma.clamp(min=1e-3).square())[:, None, None])
    return weights / weights.sum(dim=2, keepdim=True)


def color_matrices(
    n: int, *, strength: float, gray_probability: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw one colour change per image: brightness, contrast, saturation, hue, grey.

    The ranges of SimCLR (arXiv:2002.05709, appendix A) times ``strength``, on four crops of five.
    Hue turns the plane of the colour differences (YIQ), which is linear, where torchvision turns
    the hue of HSV.

    Args:
        n: Images, B.
        strength: Scale of the ranges, in [0, 1].
        gray_probability: Share of images that lose their colour.
        generator: Source of randomness, on the CPU.

    Returns:
        (B, 3, 3) float32, the matrix on RGB, and (B,) float32, the share of the image's mean grey
        (before the change) that is added to each channel.
    """
    draws = torch.rand(6, n, generator=generator)
    applied = (draws[4] < 0.8).float() * strength
    factor = 1 + (2 * draws[:3] - 1) * 0.8 * applied
    brightness, contrast, saturation = factor
    angle = (2 * draws[3] - 1) * 0.2 * applied * 2 * math.pi
    luma = torch.tensor(LUMA).expand(3, 3)
    saturation = torch.where(draws[5] < gray_probability, 0.0, saturation)
    scale = (brightness * contrast)[:, None, None]
    mix = saturation[:, None, None]
    matrix = scale * (mix * _hue_rotations(angle) + (1 - mix) * luma)
    return matrix, brightness * (1 - contrast)


def _hue_rotations(angle: Tensor) -> Tensor:
    """Return (B, 3, 3) RGB matrices that turn the colour differences by ``angle``, (B,) radians."""
    to_yiq = torch.tensor([LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)])
    turn = torch.zeros(len(angle), 3, 3)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = angle.cos()
    turn[:, 1, 2] = -angle.sin()
    turn[:, 2, 1] = angle.sin()
    rotations: Tensor = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return rotations


def apply_colors(crops: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """Change the colours by :func:`color_matrices`, clip to [0, 255], and normalise.

    One affine map does all but the clipping, which moves to the normalised bounds.

    Args:
        crops: (B, 3, s, s) float32 in [0, 255].
        matrix: (B, 3, 3) float32.
        offset: (B,) float32.

    Returns:
        (B, 3, s, s) float32, what :func:`normalise` makes of the changed pixels.
    """
    mean, std, luma = _color_constants(crops.device)
    gray = crops.mean(dim=(2, 3)) @ luma
    added = ((offset * gray)[:, None, None] - mean) / std
    changed = torch.baddbmm(added, matrix / std, crops.flatten(2))
    return changed.clamp_(-mean / std, (255 - mean) / std).view_as(crops)


class MultiCrop:
    """The random views of one training (arXiv:2006.09882, section 3.2)."""

    def __init__(self, config: TrainConfig, *, precision: torch.dtype = torch.float32) -> None:
        """Remember the crops and the strength of the augmentation.

        Args:
            config: Its crops, colour, blur and flip settings are used.
            precision: Of cutting and resizing. bfloat16 holds every pixel value exactly, is off by
                less than a grey level afterwards, and more than twice as fast.
        """
        self._config = config
        self._precision = precision

    def __call__(self, pixels: Tensor, aspects: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Draw every crop of every image.

        Args:
            pixels: (B, 3, S, S) uint8, squashed squares, on the training device.
            aspects: (B,) float, width / height of the originals, on the CPU.
            generator: Source of randomness, on the CPU.

        Returns:
            One (B, 3, s, s) float32 per crop, normalised, channels last, in the config's order.
        """
        return self.cut(pixels, self.draw(aspects, generator).to(pixels.device))

    def draw(self, aspects: Tensor, generator: torch.Generator) -> Tensor:
        """Draw all that is random, on the CPU, so that a GPU need not be waited for.

        Args:
            aspects: (B,) float, width / height of the originals.
            generator: Source of randomness.

        Returns:
            (C, B, 17) float32, for each of C crops: box, flips of columns and rows (1 or 0), blur,
            colour matrix and offset.
        """
        drawn = [
            self._draw(aspects.repeat(crop.count), crop, generator).unflatten(0, (crop.count, -1))
            for crop in self._config.crops
        ]
        return torch.cat(drawn)

    def cut(self, pixels: Tensor, drawn: Tensor, *, is_half_size: bool = False) -> list[Tensor]:
        """Cut the crops that were drawn.

        Args:
            pixels: (B, 3, S, S) uint8, squashed squares.
            drawn: (C, B, 17) from :meth:`draw`, on the same device.
            is_half_size: Whether crops have half their side, 8 px at least.

        Returns:
            One (B, 3, s, s) float32 per crop, normalised, channels last, in the config's order.
        """
        if self._config.standardise:
            pixels = standardise(pixels)
        images = pixels.to(self._precision)
        full_sizes = [crop.size for crop in self._config.crops for _ in range(crop.count)]
        crops = []
        for one, full_size in zip(drawn, full_sizes, strict=True):
            size = max(SMALLEST_CROP, full_size // 2) if is_half_size else full_size
            crops.append(self._cut(images, one, size, blur_scale=size / full_size))
        return crops

    def _cut(self, images: Tensor, drawn: Tensor, size: int, *, blur_scale: float) -> Tensor:
        box, flips, sigmas, matrix, offset = drawn.split([4, 2, 1, 9, 1], dim=1)
        left, top, width, height = box.unbind(1)
        side = images.shape[-1]
        columns = resampling_matrices(left, width, flips[:, 0] > 0, side, size)
        rows = resampling_matrices(top, height, flips[:, 1] > 0, side, size)
        if self._config.blur_probability > 0:
            blur = blur_matrices(sigmas[:, 0] * blur_scale, size)
            columns, rows = blur @ columns, blur @ rows
        columns, rows = columns.to(images.dtype), rows.to(images.dtype)
        narrow = (images.flatten(1, 2) @ columns.transpose(1, 2)).unflatten(1, (3, side))
        # A broadcast product would copy the matrices three times.
        crops = torch.stack([torch.bmm(rows, channel) for channel in narrow.unbind(1)], dim=1)
        colored = apply_colors(crops.float(), matrix.unflatten(1, (3, 3)), offset[:, 0])
        return colored.contiguous(memory_format=torch.channels_last)

    def _draw(self, aspects: Tensor, crop: CropSpec, generator: torch.Generator) -> Tensor:
        """Return (B, 17) float32 of one crop for each of ``aspects``."""
        n, config = len(aspects), self._config
        box = random_boxes(aspects, crop, generator)
        mirrored = torch.rand(n, generator=generator) < (0.5 if config.flip else 0.0)
        turned = torch.zeros(n, dtype=torch.bool)
        if config.vertical_flip:
            turned = torch.rand(n, generator=generator) < 0.5
        sigmas = torch.zeros(n)
        if config.blur_probability > 0:
            sigmas = self._sigmas(n, crop.size, generator)
        matrix, offset = color_matrices(
            n,
            strength=config.color_strength,
            gray_probability=config.gray_probability,
            generator=generator,
        )
        flips = torch.stack([mirrored, turned], dim=1)
        columns = [flips, sigmas[:, None], matrix.flatten(1), offset[:, None]]
        return torch.cat([box, *columns], dim=1)

    def _sigmas(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw (B,) blur widths in px: SimCLR's 0.1 to 2 at 224 px, in proportion to the size."""
        draws = torch.rand(2, n, generator=generator)
        sigma = (0.1 + 1.9 * draws[0]) * size / 224
        return torch.where(draws[1] < self._config.blur_probability, sigma, 0.0)


def squash(images: Tensor, size: int) -> Tensor:
    """Resize whole images, aspect not kept.

    Args:
        images: (B, 3, H, W) uint8.
        size: Side of the squares, px.

    Returns:
        (B, 3, size, size) uint8; ``images`` themselves where they have that size.
    """
    if images.shape[-2:] == (size, size):
        return images
    device = images.device
    start, length = torch.zeros(1, device=device), torch.ones(1, device=device)
    still = torch.zeros(1, dtype=torch.bool, device=device)
    height, width = images.shape[-2:]
    columns = resampling_matrices(start, length, still, width, size)[0]
    rows = resampling_matrices(start, length, still, height, size)[0]
    squashed = rows @ (images.float() @ columns.t())
    return squashed.round().clamp(0, 255).to(torch.uint8)

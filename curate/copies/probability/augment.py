"""Augmentations: copies made on purpose, to learn how copies of the user's own images look.

Each augmentation is one that people and websites make. A made copy is one to three of them, drawn
with their strengths from a seed.
"""

from collections.abc import Callable

import cv2
import numpy as np
import simplejpeg
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_LEAST_SIDE = 16  # px


def make_copy(image: Image, other: Image, rng: Generator) -> Image:
    """Return an augmented copy of ``image``, (h, w, 3) uint8.

    Args:
        image: (H, W, 3) uint8, RGB.
        other: (H, W, 3) uint8, some other picture, of which a piece may be pasted in.
        rng: Source of all choices.
    """
    image = _enlarge_dot(image)
    n_steps = int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
    for step in rng.choice(len(_STEPS), n_steps, replace=False):
        image = _enlarge_dot(_STEPS[step](image, other, rng))
    return _recompress(image, other, rng)


def _clip(values: NDArray[np.floating]) -> Image:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def _enlarge_dot(image: Image) -> Image:
    """Return the image, enlarged if it is a mere dot: there must be something to augment."""
    factor = _LEAST_SIDE / min(image.shape[:2])
    return _resize(image, factor, factor) if factor > 1 else image


def _resize(image: Image, fx: float, fy: float) -> Image:
    size = (max(8, round(image.shape[1] * fx)), max(8, round(image.shape[0] * fy)))
    interpolation = cv2.INTER_AREA if fx * fy < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8)


def _recompress(image: Image, _: Image, rng: Generator) -> Image:
    quality = int(rng.integers(20, 90))
    coded = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, colorsubsampling="420")
    return np.asarray(simplejpeg.decode_jpeg(coded), np.uint8)


def _rescale(image: Image, _: Image, rng: Generator) -> Image:
    factor = rng.uniform(0.35, 1.3)
    return _resize(image, factor, factor)


def _stretch(image: Image, _: Image, rng: Generator) -> Image:
    factor = np.exp(rng.uniform(-0.3, 0.3))
    return _resize(image, factor, 1.0)


def _shift_tones(image: Image, _: Image, rng: Generator) -> Image:
    gains = rng.uniform(0.75, 1.25, 3)
    gamma = np.exp(rng.uniform(-0.6, 0.6))
    return _clip(255 * np.clip(image / 255 * gains, 0, 1) ** gamma)


def _fade(image: Image, _: Image, rng: Generator) -> Image:
    """Sepia or half-grey, lifted blacks: what photo filters do."""
    grey = image.mean(axis=2, keepdims=True)
    tint = np.array([1.07, 0.95, 0.78]) if rng.random() < 0.5 else np.ones(3)
    lift = rng.uniform(0, 50)
    mixed = image * (1 - (share := rng.uniform(0.4, 1.0))) + grey * tint * share
    return _clip(lift + mixed * (255 - lift) / 255)


def _equalize(image: Image, _: Image, rng: Generator) -> Image:
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    limit = float(rng.uniform(1.5, 3.5))
    lab[..., 0] = cv2.createCLAHE(clipLimit=limit, tileGridSize=(4, 4)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


def _soften_or_sharpen(image: Image, _: Image, rng: Generator) -> Image:
    sigma = float(rng.uniform(0.5, 1.5))
    soft = cv2.GaussianBlur(image, (0, 0), sigma).astype(np.float32)
    if rng.random() < 0.5:
        return _clip(soft)
    return _clip(image + (image - soft) * rng.uniform(0.5, 1.5))  # sharpened


def _add_grain(image: Image, _: Image, rng: Generator) -> Image:
    grain = rng.normal(0, rng.uniform(4, 14), (*image.shape[:2], 1))
    return _clip(image + grain)


def _add_vignette(image: Image, _: Image, rng: Generator) -> Image:
    height, width = image.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    return _clip(image * (1 - rng.uniform(0.2, 0.6) * (x**2 + y**2) / 2)[..., None])


def _turn_or_flip(image: Image, _: Image, rng: Generator) -> Image:
    """A quarter turn, a flip or both."""
    turned = np.rot90(image, int(rng.integers(0, 4)))
    if rng.random() < 0.6:
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)


def _level(image: Image, _: Image, rng: Generator) -> Image:
    """Turned by some degrees and zoomed in until no corner is empty."""
    angle = float(rng.choice([-1, 1]) * rng.uniform(1, 9))
    height, width = image.shape[:2]
    slope = np.deg2rad(abs(angle))
    zoom = np.cos(slope) + max(width / height, height / width) * np.sin(slope)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, float(zoom))
    return np.asarray(cv2.warpAffine(image, matrix, (width, height)), np.uint8)


def _slant(image: Image, _: Image, rng: Generator) -> Image:
    """Seen a little from the side, as a photo of a print."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    pulled = corners + rng.uniform(-0.04, 0.04, (4, 2)) * [width, height]
    matrix = cv2.getPerspectiveTransform(corners, pulled.astype(np.float32))
    edge = (int(rng.integers(0, 256)),) * 3
    return np.asarray(
        cv2.warpPerspective(image, matrix, (width, height), borderValue=edge), np.uint8
    )


def _crop(image: Image, _: Image, rng: Generator) -> Image:
    height, width = image.shape[:2]
    share = rng.uniform(0.6, 0.97, 2)
    h, w = max(8, int(height * share[0])), max(8, int(width * share[1]))
    y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    return np.ascontiguousarray(image[y : y + h, x : x + w])


def _crop_square(image: Image, _: Image, rng: Generator) -> Image:
    """The middle square, as in a profile picture."""
    height, width = image.shape[:2]
    side = min(height, width)
    y, x = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(image[y : y + side, x : x + side])


def _add_caption(image: Image, _: Image, rng: Generator) -> Image:
    """A bar with a line of words above or below."""
    bar = np.full((int(image.shape[0] * rng.uniform(0.12, 0.25)), image.shape[1], 3), 255, np.uint8)
    words = "".join(rng.choice(list("abcdefghij klmnop"), 24))
    scale = bar.shape[0] / 60
    cv2.putText(
        bar, words, (4, int(bar.shape[0] * 0.7)), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1
    )
    if rng.random() < 0.3:
        bar = 255 - bar
    parts = [bar, image] if rng.random() < 0.5 else [image, bar]
    return np.concatenate(parts)


def _add_watermark(image: Image, _: Image, rng: Generator) -> Image:
    mark = np.zeros(image.shape[:2], np.uint8)
    step = max(24, image.shape[0] // int(rng.integers(2, 5)))
    for row, y in enumerate(range(step // 2, image.shape[0], step)):
        place = (-(row * 37) % 60 - 40, y)
        cv2.putText(
            mark,
            "sample photo " * 8,
            place,
            cv2.FONT_HERSHEY_DUPLEX,
            step / 70,
            255,
            1,
            cv2.LINE_AA,
        )
    strength = rng.uniform(0.25, 0.6) * mark[..., None] / 255
    return _clip(image * (1 - strength) + 255 * strength)


def _add_stickers(image: Image, other: Image, rng: Generator) -> Image:
    """Round pieces of something else stuck on, or a small picture in a corner."""
    out = image.copy()
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        h, w = (max(4, int(side * rng.uniform(0.12, 0.3))) for side in (height, width))
        y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        piece = cv2.resize(other, (w, h), interpolation=cv2.INTER_AREA)
        mask = np.zeros((h, w), np.uint8)
        cv2.ellipse(mask, (w // 2, h // 2), (w // 2, h // 2), 0, 0, 360, 255, -1)
        np.copyto(out[y : y + h, x : x + w], piece, where=mask[..., None] > 0)
    return out


def _mount(image: Image, other: Image, rng: Generator) -> Image:
    """Set on a larger ground: plain, or a blurred blow-up as on a video site."""
    height, width = image.shape[:2]
    h, w = int(height * rng.uniform(1.0, 1.45)), int(width * rng.uniform(1.0, 1.45))
    if rng.random() < 0.4:
        ground = cv2.GaussianBlur(cv2.resize(image, (w, h)), (0, 0), max(w, h) / 30)
    elif rng.random() < 0.3:
        ground = cv2.resize(other, (w, h), interpolation=cv2.INTER_AREA)
    else:
        ground = np.full((h, w, 3), rng.integers(0, 256, 3), np.uint8)
    y, x = int(rng.integers(0, h - height + 1)), int(rng.integers(0, w - width + 1))
    ground[y : y + height, x : x + width] = image
    return np.asarray(ground, np.uint8)


_STEPS: tuple[Callable[[Image, Image, Generator], Image], ...] = (
    _recompress,
    _rescale,
    _stretch,
    _shift_tones,
    _fade,
    _equalize,
    _soften_or_sharpen,
    _add_grain,
    _add_vignette,
    _turn_or_flip,
    _level,
    _slant,
    _crop,
    _crop_square,
    _add_caption,
    _add_watermark,
    _add_stickers,
    _mount,
)

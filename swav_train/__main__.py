"""``python -m swav_train FOLDER``: learn from the images of a folder, nothing else needed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from swav_train.config import TrainConfig, check_budget
from swav_train.cores import count_cores
from swav_train.defaults import derive_config
from swav_train.device import resolve_device
from swav_train.errors import (
    DamagedFile,
    TrainingDiverged,
    TrainingError,
    WeightsUnusable,
    WrongUse,
)
from swav_train.networks.backbone import find_timm_spec
from swav_train.networks.pretrained import read_backbone_weights
from swav_train.run.metrics import EpochMetrics
from swav_train.run.result import TrainResult, TrainStart
from swav_train.run.train import check_place, train

EXIT_USAGE = 2
EXIT_UNUSABLE = 3
EXIT_MISSING = 4
EXIT_DIVERGED = 5
EXIT_INTERRUPTED = 130
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are opened, whatever a file is called; others may start programs of their own."""


def list_images(folder: Path) -> list[Path]:
    """Return the image files below ``folder``, by extension, sorted, hidden ones left out."""
    known = {end for end, name in Image.registered_extensions().items() if name in FORMATS}
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in known
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def median_side(paths: list[Path], *, sample: int = 200) -> int:
    """Return the median short side, px, of some images, 0 if none can be read.

    Args:
        paths: Image files.
        sample: How many of them to read, about.
    """
    sides = []
    for path in paths[:: max(1, len(paths) // sample)]:
        try:
            with Image.open(path, formats=FORMATS) as image:
                sides.append(min(image.size))
        except Exception:  # noqa: BLE001 - a decoder may raise anything; that file is skipped
            continue
    return int(np.median(sides)) if sides else 0


def read_squares(paths: list[Path], size: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Read images as squashed squares; those that cannot be read are left out.

    Args:
        paths: Image files.
        size: Side of the squares, px.

    Returns:
        (N, 3, size, size) uint8 and (N,) float32 width / height of the originals.
    """
    squares: list[NDArray[np.uint8]] = []
    aspects: list[float] = []
    for path in paths:
        try:
            with Image.open(path, formats=FORMATS) as image:
                image.draft("RGB", (size, size))
                upright = ImageOps.exif_transpose(image).convert("RGB")
        except Exception as error:  # noqa: BLE001 - a decoder may raise anything
            print(f"skipped {path}: {error}", file=sys.stderr)
            continue
        aspects.append(upright.width / upright.height)
        square = upright.resize((size, size), Image.Resampling.BILINEAR)
        squares.append(np.asarray(square, dtype=np.uint8).transpose(2, 0, 1))
    if not squares:
        return np.empty((0, 3, size, size), np.uint8), np.empty(0, np.float32)
    return np.stack(squares), np.array(aspects, np.float32)


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong, and what to do, in two lines."""

    def error(self, message: str) -> NoReturn:
        """Say it and exit.

        Raises:
            SystemExit: Always.
        """
        _complain(message, f"see `{self.prog} --help`")
        raise SystemExit(EXIT_USAGE)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(prog="python -m swav_train", description=__doc__)
    parser.add_argument("folder", type=Path, help="Folder of images, read with its subfolders.")
    parser.add_argument("--out", type=Path, default=Path("swav-model"), help="Folder of the model.")
    parser.add_argument("--budget", type=float, help="Time for the training, seconds.")
    parser.add_argument("--init", type=Path, help="Safetensors file to start the backbone from.")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N.")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="Any setting; repeatable."
    )
    return parser


def parse_setting(text: str) -> tuple[str, object]:
    """Return name and value of ``NAME=VALUE``; numbers and true/false become values of their kind.

    Raises:
        ValueError: There is no equals sign.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"settings look like NAME=VALUE, got {text!r}")
    if value in {"true", "false"}:
        return name, value == "true"
    for convert in (int, float):
        try:
            return name, convert(value)
        except ValueError:
            continue
    return name, value


def run(options: argparse.Namespace) -> TrainResult:
    """Read the images, derive the settings and train.

    Raises:
        WrongUse: The folder holds fewer than two readable images, that of the model holds
            something else or cannot be made, or an option or a setting does not fit.
        TrainingError: The training failed.
    """
    check_options(options)
    _refuse_no_folder(options.folder)
    paths = list_images(options.folder)
    side = median_side(paths)
    _refuse_few(len(paths) if side else 0, options.folder)
    config = make_config(options, n_images=len(paths), side_px=side)
    with _advising("name a new folder with --out"):
        options.out.mkdir(parents=True, exist_ok=True)
    pixels, aspects = read_squares(paths, config.cache_size)
    _refuse_few(len(pixels), options.folder)
    with _explaining(options.out):
        return train(
            pixels,
            config,
            options.out,
            budget_seconds=options.budget,
            aspects=aspects,
            on_start=print_start,
            on_epoch=print_epoch,
            on_retry=print,
            init=options.init,
        )


def check_options(options: argparse.Namespace) -> None:
    """Check what can be checked before any image is read.

    Raises:
        WrongUse: An option does not fit.
    """
    with _advising("write --device auto, cpu, cuda or cuda:N", exit_code=EXIT_USAGE):
        resolve_device(options.device)
    with _advising("write --budget 600 for ten minutes, or leave it out", exit_code=EXIT_USAGE):
        check_budget(options.budget)
    with _advising("name a new folder with --out"):
        check_place(options.out)
    if options.init is not None:
        with _advising("name a .safetensors file of weights with --init, or leave it out"):
            read_backbone_weights(options.init)


def _refuse_no_folder(folder: Path) -> None:
    """Check that the images lie in a folder.

    Raises:
        WrongUse: It is not there, or is a file.
    """
    if not folder.is_dir():
        raise WrongUse(
            f"{folder} is a file, not a folder" if folder.exists() else f"no folder at {folder}",
            advice="name a folder with at least two images",
            exit_code=EXIT_UNUSABLE,
        )


def _refuse_few(n_readable: int, folder: Path) -> None:
    """Check that there are images enough to learn from.

    Raises:
        WrongUse: There are none, or one.
    """
    if n_readable < 2:
        raise WrongUse(
            f"{'only one readable image' if n_readable else 'no readable images'} in {folder}",
            advice="name a folder with at least two images",
            exit_code=EXIT_UNUSABLE,
        )


def make_config(options: argparse.Namespace, *, n_images: int, side_px: int) -> TrainConfig:
    """Return the settings that suit the images and the machine, and are as they were given.

    Raises:
        TrainingError: One does not fit.
    """
    device = resolve_device("auto").type if options.device == "auto" else options.device
    advice = "write --set epochs=20; the settings and their ranges are in swav_train/config.py"
    with _advising(advice, exit_code=EXIT_USAGE):
        config = derive_config(
            n_images=max(2, n_images),
            side_px=side_px,
            device=device,
            n_cores=count_cores(),
            budget_seconds=options.budget,
            overrides=dict(parse_setting(text) for text in options.set),
        )
        resolve_device(config.device)
        find_timm_spec(config.backbone)
    return config


@contextmanager
def _advising(advice: str, *, exit_code: int = EXIT_UNUSABLE) -> Iterator[None]:
    """Give advice with what was wrong.

    Raises:
        WrongUse: Something was.
        TrainingError: Something was that came with its own advice.
    """
    try:
        yield
    except TrainingError:
        raise
    except (ValueError, OSError) as error:
        raise WrongUse(str(error), advice=advice, exit_code=exit_code) from None


@contextmanager
def _explaining(out: Path) -> Iterator[None]:
    """Say what a training lacks; what else it raises is its own fault, and comes through.

    Raises:
        WrongUse: The weights are not of this backbone.
        TrainingError: The operating system refused something.
    """
    try:
        yield
    except WeightsUnusable as error:
        advice = "name weights of this backbone with --init, or another one with --set backbone=…"
        raise WrongUse(str(error), advice=advice, exit_code=EXIT_UNUSABLE) from None
    except OSError as error:
        raise TrainingError(
            str(error), advice=f"see that {out} can be written and its disk has room, then go on"
        ) from None


def _complain(reason: str, advice: str) -> None:
    print(f"error: {reason}\nhint: {advice}", file=sys.stderr)


def print_start(start: TrainStart) -> None:
    """Print the settings, one a line."""
    print(f"{start.n_images} images, {start.n_parameters} parameters, on {start.device}")
    for name, value in start.config.to_dict().items():
        print(f"  {name} = {value}")


def print_epoch(metrics: EpochMetrics) -> None:
    """Print one line on an epoch."""
    print(
        f"epoch {metrics.epoch}/{metrics.epochs}  loss/log K {metrics.loss_ratio:.3f}  "
        f"usage {metrics.usage_entropy:.3f}  views {metrics.view_agreement:.3f}  "
        f"{metrics.images_per_second:.0f} images/s  "
        f"{metrics.seconds:.0f} s",
        flush=True,
    )


def _find_exit_code(error: TrainingError) -> int:
    match error:
        case WrongUse():
            return error.exit_code
        case TrainingDiverged():
            return EXIT_DIVERGED
        case DamagedFile():
            return EXIT_UNUSABLE
        case _:
            return EXIT_MISSING


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        arguments: Of the command line, its name left out; None takes those of the process.
    """
    options = build_parser().parse_args(arguments)
    try:
        result = run(options)
    except TrainingError as error:
        _complain(error.reason, error.advice)
        return _find_exit_code(error)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return EXIT_INTERRUPTED
    if result.warning:
        print(result.warning, file=sys.stderr)
    epochs = "1 epoch" if result.epochs == 1 else f"{result.epochs} epochs"
    before = ", finished before" if result.was_finished else ""
    print(f"{epochs} in {result.seconds:.0f} s{before}; the model is in {result.folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

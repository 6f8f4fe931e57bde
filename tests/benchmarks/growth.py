"""What each stage costs as a folder grows, and what that says of folders a machine has not seen.

    python tests/benchmarks/growth.py [IMAGES] [--sizes 400 1600 6400] [--laid]

Images are made of those in hand: JPEG and PNG, one in a hundred large, one in ten a copy of
another. Each is a blend of two that are bent, turned and recoloured, so that no two show the same
piece, however many are made; with ``--laid`` a crop of one with a piece of another laid in it, so
that the larger the folder, the more images share a piece. Each stage runs in a process of its own.
Told by stage and size: core-seconds, peak memory, bytes that the workspace grows by; then the law
through the first two sizes, cost = fixed + each * n, what it says of the third, and how far that is
off.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageEnhance

SHARED = Path(__file__).parents[3] / "shared/data"
STAGES = ("scan", "embed", "cluster", "dedup", "sample")
TARGETS = (1_000_000, 100_000_000)
BENT = 0.08  # of width and height, by which places are moved


def make_images(sources, folder, n, *, is_laid=False, seed=0):
    """Write n images; one in ten is an altered copy of the image before it."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    last = None
    for number in range(n):
        if last is not None and number % 10 == 9:
            image = alter(last, rng, is_copy=True)
        else:
            first, second = (open_one(sources, rng) for _ in range(2))
            if is_laid:
                image = alter(lay(first, second, rng), rng)
            else:
                image = blend(first, second, int(rng.integers(140, 260)), rng)
        last = image
        if number % 100 == 50:
            image = image.resize((image.width * 6, image.height * 6), Image.Resampling.BICUBIC)
        part = folder / f"{number // 1000:04d}"
        part.mkdir(exist_ok=True)
        if number % 5 == 4:
            image.save(part / f"{number:07d}.png", compress_level=1)
        else:
            image.save(part / f"{number:07d}.jpg", quality=int(rng.integers(70, 96)))


def open_one(sources, rng):
    with Image.open(sources[rng.integers(len(sources))]) as image:
        return image.convert("RGB")


def blend(first, second, side, rng):
    """Return a square picture that turns from one bent image into another, in other colours."""
    one, other = (bend(np.asarray(image), side, rng) for image in (first, second))
    share = cv2.resize(rng.uniform(-2, 3, (4, 4)), (side, side), interpolation=cv2.INTER_CUBIC)
    share = share.clip(0, 1)[..., None]
    mixed = (one * share + other * (1 - share))[:, :, rng.permutation(3)]
    return Image.fromarray((mixed * rng.uniform(0.8, 1.2)).clip(0, 255).astype(np.uint8))


def bend(pixels, side, rng):
    """Return a square of an image, turned by any angle and bent smoothly."""
    height, width = pixels.shape[:2]
    shifts = [
        cv2.resize(one, (side, side), interpolation=cv2.INTER_CUBIC)
        for one in rng.uniform(-BENT, BENT, (2, 6, 6))
    ]
    angle, scale = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.9)
    along, across = np.cos(angle) * scale / 2, np.sin(angle) * scale / 2
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    columns = (0.5 + along * x - across * y + shifts[0]) * width
    rows = (0.5 + across * x + along * y + shifts[1]) * height
    places = (columns.astype(np.float32), rows.astype(np.float32))
    return cv2.remap(pixels, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def lay(first, second, rng):
    """Return a crop of one image with a piece of another in it."""
    left, top = (int(rng.integers(0, side // 3 + 1)) for side in first.size)
    size = [int(side * rng.uniform(0.6, 0.67)) for side in first.size]
    crop = first.crop((left, top, left + size[0], top + size[1]))
    piece = second.resize((max(8, size[0] // 2), max(8, size[1] // 2)))
    place = tuple(int(rng.integers(0, side // 2 + 1)) for side in size)
    crop.paste(piece, place)
    return crop


def alter(image, rng, *, is_copy=False):
    """Return an image in another light and, of a copy, size."""
    bright = ImageEnhance.Brightness(image).enhance(rng.uniform(0.8, 1.2))
    if not is_copy and rng.random() < 0.5:
        return bright.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    scale = rng.uniform(0.7, 1.0) if is_copy else 1.0
    return bright.resize([max(32, int(side * scale)) for side in bright.size])


def run_stage(stage, folder, workspace):
    """Run one stage in this process and tell what it cost."""
    import curate
    from curate.progress import Silent
    from curate.workspace.scan import scan
    from curate.workspace.workspace import Workspace

    root, manifest = Path(workspace), Path(workspace).parent / "m.parquet"
    space = Workspace(root)
    n_bytes = size_of(root)
    before, start = cpu(), time.perf_counter()
    match stage:
        case "train":
            config = curate.TrainConfig(epochs=1, image_size=32, prototypes=32, device="cpu")
            curate.train(folder, config, workspace=root)
        case "scan":
            with space.writing():
                scan(folder, space, Silent())
        case "embed":
            curate.embed(folder, workspace=root)
        case "cluster":
            curate.cluster(folder, out=manifest, workspace=root)
        case "dedup":
            curate.dedup(manifest, workspace=root)
        case "sample":
            curate.sample(
                manifest, curate.SampleConfig(size=40), out=manifest.with_name("s.parquet")
            )
    facts = {"cpu": cpu() - before, "seconds": time.perf_counter() - start}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(facts | {"peak_mb": peak, "disk_mb": (size_of(root) - n_bytes) / 1e6}))


def cpu():
    """Return the core-seconds of this process and those it has waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def size_of(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def measure(stage, folder, workspace):
    command = [
        sys.executable,
        __file__,
        "--stage",
        stage,
        str(folder),
        "--workspace",
        str(workspace),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def fit(sizes, costs):
    """Return the fixed cost and that of each image, through two sizes."""
    each = (costs[1] - costs[0]) / (sizes[1] - sizes[0])
    return costs[0] - each * sizes[0], each


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--sizes", nargs=3, type=int, default=(400, 1600, 6400))
    parser.add_argument("--laid", action="store_true")
    parser.add_argument("--stage")
    parser.add_argument("--workspace")
    args = parser.parse_args()
    if args.stage:
        run_stage(args.stage, args.images, args.workspace)
        return
    found = sorted(
        p for p in args.images.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png")
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        costs = measure_all(found, root, args.sizes, is_laid=args.laid)
    show(args.sizes, costs)


def measure_all(sources, root, sizes, *, is_laid):
    """Return the costs of each stage, by size."""
    costs = {stage: [] for stage in STAGES}
    for n in sizes:
        here = root / str(n)
        make_images(sources, here / "images", n, is_laid=is_laid)
        workspace = here / ".curate"
        if n == sizes[0]:
            measure("train", here / "images", root / "model/.curate")
        (workspace / "models").parent.mkdir(parents=True)
        for stage in STAGES:
            costs[stage].append(measure(stage, here / "images", workspace))
            print(n, stage, costs[stage][-1], file=sys.stderr, flush=True)
            if stage == "scan":
                shutil.copytree(root / "model/.curate/models", workspace / "models")
        shutil.rmtree(here)
    return costs


def show(sizes, costs):
    print(f"{'stage':8} {'what':13} " + " ".join(f"{n:>9,}" for n in sizes)
          + f" {'said':>9} {'off':>6} " + " ".join(f"{n:>13,}" for n in TARGETS))  # fmt: skip
    for stage, measured in costs.items():
        for what in ("cpu", "peak_mb", "disk_mb"):
            values = [one[what] for one in measured]
            fixed, each = fit(sizes, values)
            said = fixed + each * sizes[2]
            off = said / values[2] - 1 if values[2] else 0
            ahead = " ".join(f"{fixed + each * n:13,.0f}" for n in TARGETS)
            line = " ".join(f"{value:9.2f}" for value in values)
            print(f"{stage:8} {what:13} {line} {said:9.2f} {off:+6.0%} {ahead}")


if __name__ == "__main__":
    main()

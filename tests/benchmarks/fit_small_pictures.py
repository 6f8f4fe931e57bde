"""Fit the weights that pictures of little to see are judged by, and show what they are worth.

    python tests/benchmarks/fit_small_pictures.py WORK --photos PHOTOS --folders FOLDER... [--write]

Each FOLDER holds pictures, small ones or others, which are shrunk; frames of one scene (traffic
signs by track, faces of one person) should be among them, as these are what small copies are
confused with. Pictures of the first half of each, in the order of their paths, are in the fit, with
copies of every second one; the others are the test. Of PHOTOS frames of a fixed camera, slices,
badges, silhouettes and tiny photos are made, one folder of each for the fit and one for the test.

Only pairs are in it of which the smaller picture has less than 96 px, or that have few tiles with
texture, and only the weights named ``close_little`` are fitted, each held to its sign. WORK keeps
the folders and the evidence. Shown are, for each folder, percentiles 5, 25 and 50 of the log odds
of copies, 50, 99 and 100 of the others, and how many of either are above 5.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from fit_copy_weights import find_sign, read_folder, weigh, write
from made_folders import KINDS, make, read_photos
from scipy.optimize import minimize

from curate.copies.probability.augment import make_copy
from curate.copies.probability.classifier import CLOSE_LOOK, CLOSE_NAMES

SIDES = (28, 80)  # px, of pictures that are shrunk
N_IMAGES, IN_A_ROW = 400, 20
N_MADE = 80
MADE = ("sprites", "badges", "tiny", "small_camera", "small_slices")
STRENGTH = 0.3  # inverse of the ridge
UNUSED = ("log_scale", "one_sided", "turned_hue", "log_side", "little")
LITTLE = CLOSE_NAMES.index("little")


def shrink(image, rng):
    """Return an image at a side drawn from ``SIDES``, or as it is where that is smaller."""
    factor = np.exp(rng.uniform(*np.log(SIDES))) / min(image.shape[:2])
    if factor >= 1:
        return image
    size = tuple(max(8, round(side * factor)) for side in image.shape[1::-1])
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def shrink_all(maker):
    """Return a maker of the same images, shrunk."""

    def make_small(n, rng, photos):
        for image in maker(n, rng, photos):
            yield shrink(image, rng)

    return make_small


def pick_rows(n, n_picked, in_a_row):
    """Return some of n rows at even steps, so many in a row: neighbours are frames of one scene."""
    starts = np.linspace(0, max(0, n - in_a_row), max(1, n_picked // in_a_row)).astype(int)
    return np.unique((starts[:, None] + np.arange(in_a_row)).clip(max=n - 1))


def write_part(out, paths, seed):
    """Write pictures, shrunk, with two copies of every second one, and the truth about them."""
    if (out / "truth.csv").exists():
        return
    (out / "images").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rows = pick_rows(len(paths), N_IMAGES, IN_A_ROW)
    images = [shrink(cv2.imread(str(paths[row])), rng) for row in rows]
    truth = ["path,original,kind"]
    for number, image in enumerate(images):
        for copy in range(3 if number % 2 else 1):
            other = images[int(rng.integers(len(images)))]
            shown = make_copy(np.ascontiguousarray(image), other, rng) if copy else image
            cv2.imwrite(str(out / "images" / f"{number:04d}_{copy}.png"), shown)
            truth.append(f"{number:04d}_{copy}.png,{number},{'altered' if copy else 'original'}")
    (out / "truth.csv").write_text("\n".join(truth) + "\n")


def list_parts(work, folders, photos):
    """Yield the folders of the fit and those of the test, a pair for each kind."""
    for number, folder in enumerate(folders):
        paths = sorted(
            p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png")
        )
        halves = np.array_split(np.array(paths), 2)
        parts = [work / f"{folder.name}_{half}" for half in (1, 2)]
        for half, part in enumerate(parts):
            write_part(part, halves[half], [number, half])
        yield parts
    KINDS["small_camera"] = shrink_all(KINDS["camera"])
    KINDS["small_slices"] = shrink_all(KINDS["slices"])
    seen = read_photos(photos)
    for kind in MADE:
        parts = [work / f"{kind}_{seed}" for seed in (1, 2)]
        for seed, part in enumerate(parts, 1):
            if not (part / "truth.csv").exists():
                make(work, kind, N_MADE, photos=seen[seed - 1 :: 2], seed=seed, n_copies=1)
        yield parts


def read_small(folder, work):
    """Return close evidence on pairs of little to see, and which pairs are copies."""
    evidence, is_copy = read_folder(folder, work)
    is_small = evidence[:, LITTLE] > 0
    return evidence[is_small], is_copy[is_small]


def fit(evidence, is_copy, kinds):
    """Return centre, spread, weights and bias of the model of pictures that show little.

    Pairs between both are judged by both models, of which the other one stays.
    """
    centre, spread = evidence.mean(axis=0), evidence.std(axis=0) + 1e-6
    ones = np.ones((len(evidence), 1))
    x = np.concatenate([(evidence - centre) / spread, ones], axis=1)
    y, weight = np.where(is_copy, 1.0, -1.0), weigh(is_copy, kinds)
    small = evidence[:, LITTLE]
    rest = measure_odds(evidence, None) * (1 - small)
    ridge = np.append(np.full(len(centre), 1 / STRENGTH), 0)

    def loss(theta):
        margin = y * (rest + small * (x @ theta))
        value = (weight * np.logaddexp(0, -margin)).sum() + (ridge * theta**2).sum() / 2
        pull = weight * small * y * 0.5 * (1 - np.tanh(margin / 2))
        return value, -x.T @ pull + ridge * theta

    limits = {1: (0, None), -1: (None, 0), 0: (None, None), None: (0, 0)}
    bounds = [limits[find_small_sign(name)] for name in CLOSE_NAMES]
    found = minimize(
        loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)],
        options={"maxiter": 5000},
    )  # fmt: skip
    return centre, spread, found.x[:-1], float(found.x[-1])


def find_small_sign(name):
    """Return the sign of a weight, as ``find_sign`` has it; marks may speak either way."""
    if name in UNUSED:
        return None
    return 0 if name == "marked_once" else find_sign(name)


def measure_odds(evidence, small):
    """Return log odds by the model of pictures that show much, or by that and one of little."""
    centre, spread = CLOSE_LOOK.centre[0], CLOSE_LOOK.spread[0]
    *weights, bias = CLOSE_LOOK.weights[: len(centre) + 1]
    large = (evidence - centre) / spread @ np.array(weights) + bias
    if small is None:
        return large
    centre, spread, weights, bias = small
    share = evidence[:, LITTLE]
    return (1 - share) * large + share * ((evidence - centre) / spread @ weights + bias)


def show(name, odds, is_copy):
    copies, others = odds[is_copy], odds[~is_copy]
    cells = [
        str(np.quantile(part, levels).round(1)) if len(part) else "-"
        for part, levels in ((copies, (0.05, 0.25, 0.5)), (others, (0.5, 0.99, 1)))
    ]
    above = f"{(copies > 5).sum()} and {(others > 5).sum()} above 5"
    print(
        f"{name:16}{len(copies):5} copies {cells[0]:22}{len(others):5} others {cells[1]:22}{above}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="of which folders are made")
    parser.add_argument("--folders", type=Path, nargs="+", required=True)
    parser.add_argument("--write", action="store_true", help="write curate/.../weights.json")
    options = parser.parse_args()
    pairs = list(list_parts(options.work, options.folders, options.photos))
    seen, unseen = (
        {folder.name: read_small(folder, options.work / "seen") for folder in part}
        for part in zip(*pairs, strict=True)
    )
    evidence = np.concatenate([x for x, _ in seen.values()])
    is_copy = np.concatenate([y for _, y in seen.values()])
    kinds = np.repeat([name.rsplit("_", 1)[0] for name in seen], [len(y) for _, y in seen.values()])
    small = fit(evidence, is_copy, kinds)
    order = np.argsort(-np.abs(small[2]))
    print(
        ", ".join(f"{CLOSE_NAMES[i]} {small[2][i]:.2f}" for i in order if abs(small[2][i]) > 0.05)
    )
    for name, (x, y) in (seen | unseen).items():
        show(name, measure_odds(x, small), y)
    if options.write:
        n_copies, n_others = int(is_copy.sum()), int((~is_copy).sum())
        note = (
            "Of pictures that show little. Fitted by tests/benchmarks/fit_small_pictures.py on "
            f"{n_copies} copies and {n_others} other pairs of {', '.join(dict.fromkeys(kinds))}."
        )
        write("close_little", small, note)


if __name__ == "__main__":
    main()

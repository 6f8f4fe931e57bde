"""Fit the weights of the close look and write them with what made them.

    python tests/benchmarks/fit_copy_weights.py WORK --photos PHOTOS --folders FOLDER...
        [--copybench ../shared/copybench] [--leave-out NAME...] [--test FOLDER...] [--write]

Of PHOTOS (any will do), folders of all kinds that ``made_folders.py`` knows are made in WORK. Of
each FOLDER, photos of which no two are copies, half is taken: every second of its subfolders, or of
its images where it has none. Where two are copies all the same, ``--leave-out`` names one of them:
taken for others, they cost more than any choice below. Copies are made by
``curate.copies.probability.augment``, and every other one by the kinds of copybench where that is
given; of some images views are made, too, that share a part. All kinds weigh about the same, and
copies as much as all other pairs: the weights speak of even odds. Frames of a camera say what grain
is worth, after the rest. A folder of ``--test`` holds
``images/`` and ``truth.csv`` with the columns path, original and kind, as ``made_folders.py
--copies`` makes them. Shown are the log odds of copies and of others: percentiles 1, 5 and 25 of
the ones, the median, percentiles 95 and 99 and the largest of the others. WORK keeps folders and
evidence.
"""

import argparse
import json
import random
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from base_rates import ENDINGS, load_kinds
from folder_evidence import collect, read_truth
from made_folders import KINDS, make, make_views, read_photos
from PIL import Image
from scipy.optimize import minimize

from curate.copies.probability import classifier, context
from curate.copies.probability.augment import make_copy
from curate.copies.probability.classifier import CLOSE_NAMES
from curate.copies.verification import plain_ground

N_SEEDS, N_IMAGES, N_COPIES = 2, 60, 2
N_HALF, N_COPIED = 400, 150  # images of half a folder, and of how many of them there are copies
ONLY_GRAIN = "camera"
UNUSED = ("pan", "photographs")  # frames of a pan may be copies; photos are those of the folders
FACTORS = np.arange(0, 6.1, 0.125)  # by which the log odds fall for a usual lack of grain
STRENGTH = 0.03  # inverse of the ridge, which makes evidence that tells the same share the weight
N_VIEWED = 60  # images of half a folder of which views are made


def make_folders(out, photos):
    """Yield folders of all kinds, made of photos unless they are there already."""
    for seed in range(1, N_SEEDS + 1):
        seen = read_photos(photos)[seed - 1 :: N_SEEDS]
        for kind in KINDS:
            folder = out / f"{kind}_{seed}"
            if kind in UNUSED:
                continue
            if not (folder / "truth.csv").exists():
                make(out, kind, N_IMAGES, photos=seen, seed=seed, n_copies=N_COPIES)
            yield folder


def take_halves(folders, work, kinds, leave_out):
    """Yield half of each folder, and views of it, made unless they are there already."""
    for folder in folders:
        paths = [path for path in pick_half(folder) if path.name not in leave_out]
        half, views = (work / f"{what}_{find_name(folder)}" for what in ("half", "views"))
        take_half(paths, half, kinds)
        make_half_views(paths, views)
        yield from (half, views)


def make_half_views(paths, out):
    """Write some images of half a folder and views of them."""
    if not (out / "truth.csv").exists():
        chosen = np.random.default_rng(0).permutation(len(paths))[:N_VIEWED]
        photos = [cv2.imread(str(paths[at])) for at in chosen.tolist()]
        make_views(out, photos=photos, seed=0)


def pick_half(folder):
    """Return the images of every second subfolder, or every second image of a folder without."""
    parts = sorted(path for path in folder.iterdir() if path.is_dir())
    places = parts[::2] if len(parts) > 1 else [folder]
    paths = sorted(p for place in places for p in place.rglob("*") if p.suffix.lower() in ENDINGS)
    return paths if len(parts) > 1 else paths[::2]


def find_name(folder):
    """Return the name of a folder, that of its parent where it is called ``images``."""
    return folder.parent.name if folder.name == "images" else folder.name


def take_half(paths, out, kinds):
    """Write half of a folder with copies of some of its images, and the truth about them.

    Args:
        paths: Of its photos, of which no two are copies.
        out: Where to write.
        kinds: Of copies that copybench makes; none: all are made by ``augment``.
    """
    if (out / "truth.csv").exists():
        return
    (out / "images").mkdir(parents=True, exist_ok=True)
    rng, lot = np.random.default_rng(0), random.Random(0)
    paths = [paths[k] for k in np.sort(rng.permutation(len(paths))[:N_HALF])]
    truth = ["path,original,kind"]
    for number, path in enumerate(paths):
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        name = f"{number:04d}{path.suffix.lower()}"
        (out / "images" / name).write_bytes(path.read_bytes())
        truth.append(f"{name},{number},original")
        for copy in range(N_COPIES if number % (len(paths) / N_COPIED) < 1 else 0):
            if copy % 2 and kinds:
                content, ending = lot.choice(kinds)(image, lot)
            else:
                other = cv2.imread(str(paths[int(rng.integers(len(paths)))]))[..., ::-1]
                shown = make_copy(np.asarray(image), np.ascontiguousarray(other), rng)
                content, ending = cv2.imencode(".png", shown[..., ::-1])[1].tobytes(), ".png"
            name = f"{number:04d}_{copy}{ending}"
            (out / "images" / name).write_bytes(content)
            truth.append(f"{name},{number},altered")
    (out / "truth.csv").write_text("\n".join(truth) + "\n")


def read_folder(folder, work, *, in_context=False):
    """Return close evidence and which pairs are copies; see ``folder_evidence.collect``."""
    truth = read_truth(folder / "truth.csv")
    found = collect(folder / "images", truth, work / folder.name, in_context=in_context)
    known = np.isfinite(found.evidence).all(axis=1)
    # two altered copies may both carry marks, which by our definition makes them none
    kind = read_truth(folder / "truth.csv", "kind")
    is_whole = np.array([kind[path] == "original" for path in found.paths])
    known &= ~found.is_copy | is_whole[found.a] | is_whole[found.b]
    return found.evidence[known].astype(np.float64), found.is_copy[known]


def add_lone_pairs(evidence, is_copy, kinds):
    """Return the pairs, and those that are no copies once more as if no other image were there.

    In the folders at hand such pairs stand in crowds, and these would else say it all.
    """
    rng = np.random.default_rng(0)
    is_moved = ~is_copy
    lone = evidence[is_moved].copy()
    lone[:, CLOSE_NAMES.index("crowd")] = np.log1p(rng.integers(1, 4, len(lone)))
    return (
        np.concatenate([evidence, lone]),
        np.concatenate([is_copy, np.zeros(len(lone), bool)]),
        np.concatenate([kinds, kinds[is_moved]]),
    )


def weigh(is_copy, kinds, most=np.inf):
    """Return a weight for each pair: either class one half, the kinds within it by their root.

    No kind counts as more than ``most`` pairs: 500 pairs of 60 images of one crowd say less than
    500 of a thousand.
    """
    weight = np.zeros(len(is_copy))
    for value in (True, False):
        for kind in np.unique(kinds[is_copy == value]):
            rows = (is_copy == value) & (kinds == kind)
            weight[rows] = np.sqrt(min(rows.sum(), most)) / rows.sum()
        weight[is_copy == value] /= weight[is_copy == value].sum()
    return weight * len(is_copy) / 2


def find_sign(name):
    """Return whether more of an evidence speaks for a copy, 1, or against one, -1.

    0 stands for either, None for evidence that is not to be used.
    """
    against = (
        "conflict",
        "places",
        "residual",
        "two_sided_area",
        "twice",
        "crowd",
        "deficit",
        "few_",
        "shear",
    )
    # of made folders these tell how they were made
    if name in ("log_scale", "one_sided", "turned_hue", "little"):
        return None
    if name == "noise":
        return 0
    return -1 if any(word in name for word in against) else 1


def fit(evidence, is_copy, kinds):
    """Return centre, spread, weights and bias, of pairs of pictures that show much.

    Others have weights of their own (``fit_small_pictures.py``): they would else decide what
    counts in these.
    """
    shows_much = evidence[:, CLOSE_NAMES.index("little")] == 0
    return fit_signed(evidence[shows_much], is_copy[shows_much], kinds[shows_much])


def name_kind(folder_name):
    """Return the kind of a folder: ``KIND_NUMBER``, or half of one that was given or its views."""
    first, _, rest = folder_name.partition("_")
    return {"half": rest, "views": f"views of {rest}"}.get(first, first)


def measure_odds(model, evidence):
    """Return log odds at even odds, by centre, spread, weights and bias."""
    centre, spread, weights, bias = model
    return (evidence - centre) / spread @ weights + bias


def fit_grain(model, evidence, is_copy, kinds):
    """Return a model with what a lack of shared grain is worth, the other weights as they are.

    It is learned with frames of a camera among the folders, which the other weights are not: what
    these frames differ by is too little for them, and would cost copies elsewhere.
    """
    centre, spread, weights, bias = model
    grain = CLOSE_NAMES.index("grain_deficit")
    rest = np.where(np.arange(len(weights)) == grain, 0, weights)
    odds = measure_odds((centre, spread, rest, bias), evidence)
    deficit = (evidence[:, grain] - centre[grain]) / spread[grain]
    y, share = np.where(is_copy, 1, -1), weigh(is_copy, kinds, N_IMAGES)
    losses = [(share * np.logaddexp(0, -y * (odds - factor * deficit))).sum() for factor in FACTORS]
    rest[grain] = -FACTORS[int(np.argmin(losses))]
    return centre, spread, rest, bias


def fit_signed(evidence, is_copy, kinds):
    """Return centre, spread, weights and bias; no weight has the wrong sign.

    Held to their signs, weights learned on some kinds of folders serve others: left free, they told
    1 % of the pairs of a folder of receipts and of a fixed camera, which they had not seen, log
    odds of 11 and 6.
    """
    evidence, is_copy, kinds = add_lone_pairs(evidence, is_copy, kinds)
    centre, spread = evidence.mean(axis=0), evidence.std(axis=0) + 1e-6
    x = np.concatenate([(evidence - centre) / spread, np.ones((len(evidence), 1))], axis=1)
    y, weight = np.where(is_copy, 1.0, -1.0), weigh(is_copy, kinds, N_IMAGES)
    ridge = np.append(np.full(len(centre), 1 / STRENGTH), 0)

    def loss(theta):
        margin = y * (x @ theta)
        value = (weight * np.logaddexp(0, -margin)).sum() + (ridge * theta**2).sum() / 2
        slope = -x.T @ (weight * y * 0.5 * (1 - np.tanh(margin / 2))) + ridge * theta
        return value, slope

    limits = {1: (0, None), -1: (None, 0), 0: (None, None), None: (0, 0)}
    bounds = [limits[find_sign(name)] for name in CLOSE_NAMES]
    found = minimize(
        loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)],
        options={"maxiter": 5000},
    )  # fmt: skip
    odds = x @ found.x
    # the ridge makes all odds too small: their scale and bias are fitted without it
    scaled = minimize(lambda q: (weight * np.logaddexp(0, -y * (q[0] * odds + q[1]))).sum(), (1, 0))
    scale, bias = scaled.x.tolist()
    return centre, spread, scale * found.x[:-1], scale * float(found.x[-1]) + bias


def show_weights(model):
    """Print what counts, the heaviest first."""
    weights = model[2]
    order = [k for k in np.argsort(-np.abs(weights)) if abs(weights[k]) > 0.01]
    print(", ".join(f"{CLOSE_NAMES[k]} {weights[k]:.2f}" for k in order))


def show(name, odds, is_copy):
    copies = np.quantile(odds[is_copy], (0.01, 0.05, 0.25)).round(1) if is_copy.any() else "-"
    rest = odds[~is_copy]
    others = np.quantile(rest, (0.5, 0.95, 0.99, 1)).round(1) if len(rest) else "-"
    print(f"{name:16}{is_copy.sum():6} copies {copies}  {len(rest):6} others {others}")


def write(look, model, note):
    """Write a model (centre, spread, weights, bias) as one of the file of weights."""
    centre, spread, weights, bias = model
    path = Path(classifier.__file__).with_name("weights.json")
    content = json.loads(path.read_text())
    rows = zip(CLOSE_NAMES, centre, spread, weights, strict=True)
    content[look] = {
        "note": note,
        "bias": round(bias, 4),
        "evidence": [
            {"evidence": name, "centre": round(c, 4), "spread": round(s, 6), "weight": round(w, 4)}
            for name, c, s, w in rows
        ],
    }
    path.write_text(format_weights(content))


def format_weights(content):
    """Return the content of the file, a line for each kind of evidence."""
    looks = []
    for look, part in content.items():
        rows = ",\n".join("   " + json.dumps(row) for row in part["evidence"])
        looks.append(
            f' {json.dumps(look)}: {{\n  "note": {json.dumps(part["note"])},\n'
            f'  "bias": {part["bias"]},\n  "evidence": [\n{rows}\n  ]\n }}'
        )
    return "{\n" + ",\n".join(looks) + "\n}\n"


def read_more_strictly():
    """Read the evidence for the fit more strictly than `curate dedup` does, in two ways.

    Of every picture, not of windows and forms only, it is asked whether each shows its own: with
    the 230 pairs of cards, forms and receipts that are left where it is not asked, all of log odds
    below -0.9 in any case, two hats on one carpet became copies. And marks over more than a fifth
    of an image say less: with them in the fit 5 of 60 plain pictures under one watermark passed,
    without them 1 (``unseen_kinds.py``).
    """
    plain_ground.PLAIN_GROUND_PARAMS = replace(plain_ground.PLAIN_GROUND_PARAMS, mostly=0.0)
    context.CONTEXT_PARAMS = replace(context.CONTEXT_PARAMS, most_marked=(0.2, 0.3))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="of which folders are made")
    parser.add_argument("--folders", type=Path, nargs="+", required=True)
    parser.add_argument("--copybench", type=Path)
    parser.add_argument("--leave-out", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--test", type=Path, nargs="*", default=[])
    parser.add_argument("--write", action="store_true", help="write curate/.../weights.json")
    options = parser.parse_args()
    read_more_strictly()
    by_family = load_kinds(options.copybench) if options.copybench else {}
    copy_kinds = [make for family in by_family.values() for make in family.values()]
    real = take_halves(options.folders, options.work, copy_kinds, options.leave_out)
    parts = {
        folder.name: read_folder(folder, options.work / "seen", in_context=True)
        for folder in [*real, *make_folders(options.work / "made", options.photos)]
    }
    evidence = np.concatenate([one for one, _ in parts.values()])
    is_copy = np.concatenate([one for _, one in parts.values()])
    kinds = np.repeat([name_kind(name) for name in parts], [len(y) for _, y in parts.values()])
    is_fitted = kinds != ONLY_GRAIN
    model = fit(evidence[is_fitted], is_copy[is_fitted], kinds[is_fitted])
    model = fit_grain(model, evidence, is_copy, kinds)
    parts |= {
        folder.name: read_folder(folder, options.work / "test", in_context=True)
        for folder in options.test
    }
    show_weights(model)
    for name, (x, y) in parts.items():
        show(name, measure_odds(model, x), y)
    if options.write:
        made_by = "augment and copybench" if copy_kinds else "augment"
        note = (
            "Fitted by tests/benchmarks/fit_copy_weights.py on "
            f"{int(is_copy[is_fitted].sum())} copies, made by {made_by}, and "
            f"{int((~is_copy[is_fitted]).sum())} other pairs of "
            f"{', '.join(sorted(set(kinds[is_fitted].tolist())))}; grain on camera, too."
        )
        write("close", model, note)


if __name__ == "__main__":
    main()

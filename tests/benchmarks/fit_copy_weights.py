"""Fit the weights of the close look and write them with what made them.

    python tests/benchmarks/fit_copy_weights.py WORK --photos PHOTOS [FOLDER...]
        [--test FOLDER...] [--write]

Of PHOTOS (any will do), folders of all kinds that ``made_folders.py`` knows are made in WORK, with
copies by ``curate.copies.probability.augment``. Each further FOLDER holds ``images/`` and
``truth.csv`` with the columns path, original and kind, as ``made_folders.py --copies`` makes them.
Folders named KIND_NUMBER are of one kind; all kinds weigh about the same, and copies as much as all
other pairs: the weights speak of even odds. Shown are the log odds of copies and of others:
percentiles 1, 5 and 25 of the ones, the median, percentiles 95 and 99 and the largest of the
others. WORK keeps the evidence.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from folder_evidence import collect, read_truth
from made_folders import KINDS, make, read_photos
from scipy.optimize import minimize

from curate.copies.probability import classifier
from curate.copies.probability.classifier import CLOSE_NAMES

N_SEEDS, N_IMAGES, N_COPIES = 2, 60, 2
FACTORS = np.arange(0, 20.1, 0.25)  # by which the log odds fall
STRENGTH = 0.3  # inverse of the ridge; larger ones gained nothing on held-out folders


def make_folders(out, photos):
    """Yield folders of all kinds, made of photos unless they are there already."""
    for seed in range(1, N_SEEDS + 1) if photos else ():
        seen = [photo for folder in photos for photo in read_photos(folder)][seed::N_SEEDS]
        for kind in KINDS:
            folder = out / f"{kind}_{seed}"
            if not (folder / "truth.csv").exists():
                make(out, kind, N_IMAGES, photos=seen, seed=seed, n_copies=N_COPIES)
            yield folder


def read_folder(folder, work):
    """Return close evidence and which pairs are copies."""
    found = collect(folder / "images", read_truth(folder / "truth.csv"), work / folder.name)
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


def weigh(is_copy, kinds):
    """Return a weight for each pair: either class one half, the kinds within it by their root."""
    weight = np.zeros(len(is_copy))
    for value in (True, False):
        for kind in np.unique(kinds[is_copy == value]):
            rows = (is_copy == value) & (kinds == kind)
            weight[rows] = 1 / np.sqrt(rows.sum())
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


def fit_grain(weights, evidence, is_copy, kinds):
    """Return by how much a lack of shared grain lowers the log odds, the other weights as they are.

    It is learned with frames of a camera among the folders, which the other weights are not: what
    these frames differ by is too little for them, and would cost copies elsewhere.
    """
    centre, spread, weight, bias = weights
    grain = CLOSE_NAMES.index("grain_deficit")
    deficit = evidence[:, grain]
    rest = np.where(np.arange(len(weight)) == grain, 0, weight)
    odds = (evidence - centre) / spread @ rest + bias
    y, share = np.where(is_copy, 1, -1), weigh(is_copy, kinds)
    losses = [(share * np.logaddexp(0, -y * (odds - factor * deficit))).sum() for factor in FACTORS]
    return float(FACTORS[int(np.argmin(losses))])


def fit_signed(evidence, is_copy, kinds):
    """Return centre, spread, weights and bias; no weight has the wrong sign.

    Held to their signs, weights learned on some kinds of folders serve others: left free, they told
    1 % of the pairs of a folder of receipts and of a fixed camera, which they had not seen, log
    odds of 11 and 6.
    """
    evidence, is_copy, kinds = add_lone_pairs(evidence, is_copy, kinds)
    centre, spread = evidence.mean(axis=0), evidence.std(axis=0) + 1e-6
    x = np.concatenate([(evidence - centre) / spread, np.ones((len(evidence), 1))], axis=1)
    y, weight = np.where(is_copy, 1.0, -1.0), weigh(is_copy, kinds)
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
    return centre, spread, found.x[:-1], float(found.x[-1])


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("folders", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--photos", type=Path, nargs="+", default=[], help="of which folders are made"
    )
    parser.add_argument("--test", type=Path, nargs="*", default=[])
    parser.add_argument("--write", action="store_true", help="write curate/.../weights.json")
    options = parser.parse_args()
    folders = [*options.folders, *make_folders(options.work / "made", options.photos)]
    parts = {folder.name: read_folder(folder, options.work) for folder in folders}
    evidence = np.concatenate([one for one, _ in parts.values()])
    is_copy = np.concatenate([one for _, one in parts.values()])
    kinds = np.repeat([name.split("_")[0] for name in parts], [len(y) for _, y in parts.values()])
    centre, spread, weights, bias = fit(evidence, is_copy, kinds)
    parts |= {folder.name: read_folder(folder, options.work) for folder in options.test}
    for name, (x, y) in parts.items():
        show(name, (x - centre) / spread @ weights + bias, y)
    if options.write:
        note = (
            f"Fitted by tests/benchmarks/fit_copy_weights.py on {int(is_copy.sum())} copies and "
            f"{int((~is_copy).sum())} other pairs of {', '.join(sorted(set(kinds.tolist())))}."
        )
        write("close", (centre, spread, weights, bias), note)


if __name__ == "__main__":
    main()

"""How many pairs are refused because each image alone shows something on plain ground.

    python tests/benchmarks/own_content.py FOLDER... [--recompress]

Told are the pairs accepted at the default precision without and with the rule, and by name those
that it refuses. Of a FOLDER that copybench made, with a truth.csv, it is told which are right.
Folders of windows that a person can get: the pictures of Debian's packages gimp-help-en,
gimp-help-de (250 of each that differ, by one name) and kicad-doc-en. ``--recompress`` first scales
each image by 0.6 to 1 and compresses it with a quality of 55 to 92.
"""

import argparse
import random
import tempfile
from dataclasses import replace
from pathlib import Path

from folder_evidence import collect, read_truth
from PIL import Image, UnidentifiedImageError

from curate.copies.probability import context
from curate.copies.probability.classifier import find_threshold

PRECISION = 0.99


def recompress(folder, out):
    """Write each image of a folder smaller and compressed, each in its own way."""
    rng = random.Random(0)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            with Image.open(path) as image:
                picture = image.convert("RGBA").convert("RGB")
        except UnidentifiedImageError:
            continue
        factor = rng.uniform(0.6, 1)
        size = [max(8, round(side * factor)) for side in picture.size]
        picture.resize(size, Image.Resampling.LANCZOS).save(
            out / f"{path.stem}.jpg", quality=rng.randint(55, 92)
        )


def accept(folder, truth, workspace, least):
    """Return the accepted pairs of a folder, by path, and whether they are right."""
    before = context.CONTEXT_PARAMS
    context.CONTEXT_PARAMS = replace(before, alone=least)
    try:
        found = collect(folder, truth, workspace)
    finally:
        context.CONTEXT_PARAMS = before
    accepted = found.probability >= find_threshold(found.probability, PRECISION)
    pairs = zip(
        found.a[accepted].tolist(), found.b[accepted].tolist(), found.is_copy[accepted], strict=True
    )
    return {(found.paths[a], found.paths[b]): bool(is_copy) for a, b, is_copy in pairs}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--recompress", action="store_true")
    options = parser.parse_args()
    for folder in options.folders:
        with tempfile.TemporaryDirectory() as scratch:
            table = folder / "truth.csv"
            truth = read_truth(table) if table.exists() else {}
            images = folder / "images" if truth else folder
            if options.recompress:
                images = Path(scratch) / "images"
                images.mkdir()
                recompress(folder, images)
            workspace = Path(scratch) / "workspace"
            without = accept(images, truth, workspace, float("inf"))
            with_rule = accept(images, truth, workspace, context.CONTEXT_PARAMS.alone)
        refused = sorted(set(without) - set(with_rule))
        right = [sum(pairs.values()) for pairs in (without, with_rule)]
        print(
            f"{folder.name}: accepted {len(without)} (right {right[0]}) without, "
            f"{len(with_rule)} (right {right[1]}) with the rule",
            flush=True,
        )
        for one, other in refused:
            print(f"  {'RIGHT ' if without[one, other] else ''}{one} {other}")


if __name__ == "__main__":
    main()

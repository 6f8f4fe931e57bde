"""How many pairs are refused because each image alone shows something on plain ground.

    python tests/benchmarks/own_content.py FOLDER... [--recompress] [--bounds PX...]

Told are the pairs accepted at the default precision without and with the rule, and by name those
that it refuses; with ``--bounds`` so at each of these in place of the rule's own. Of a FOLDER that
copybench made, with a truth.csv, it is told which are right. ``--recompress`` first scales each
image by 0.6 to 1 and compresses it with a quality of 55 to 92.

Folders of windows that a person can get are the pictures of packages of Debian 12. The rule was
chosen on gimp-help-en, gimp-help-de (250 of each that differ, by one name) and kicad-doc-en. Held
back, no constant was chosen on them, were: gnucash-docs (125 of one name in C and in de that
differ), gnumeric-doc, lilypond-doc, qtcreator-doc, wireshark-doc, mate-user-guide, gnome-user-docs,
the handbooks of kmymoney-common (below usr/share/doc) and tellico-doc, and the manuals of
debian-edu-doc-en and debian-edu-doc-de; of each at most 250 that are PNG, JPEG or WebP, with other
bytes and sides of at least 64 px, shuffled with seed 0, none converted.
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


def tell(name, without, kept):
    """Print how many pairs are accepted without and with the rule, and those that it refuses."""
    right = [sum(pairs.values()) for pairs in (without, kept)]
    print(
        f"{name}: accepted {len(without)} (right {right[0]}) without, "
        f"{len(kept)} (right {right[1]}) with the rule",
        flush=True,
    )
    for one, other in sorted(set(without) - set(kept)):
        print(f"  {'RIGHT ' if without[one, other] else ''}{one} {other}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--recompress", action="store_true")
    parser.add_argument("--bounds", type=float, nargs="+", default=[context.CONTEXT_PARAMS.alone])
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
            for least in options.bounds:
                kept = accept(images, truth, workspace, least)
                tell(f"{folder.name}, {least:g} px", without, kept)


if __name__ == "__main__":
    main()

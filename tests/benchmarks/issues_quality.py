"""The ``issues`` column beside cleanvision, on photographs spoilt on purpose.

    python tests/benchmarks/issues_quality.py IMAGES [--peer PYTHON] [--images 300]

Of the folder's images, in random order, each kind of issue is made in a tenth; the others stay as
they are. PYTHON is an interpreter that has cleanvision. Printed are, for each kind, the share of
the spoilt images that is found, and of the untouched ones that is named wrongly, then the seconds
that each took on one core: ours for scanning, which reads, hashes and caches the images too.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.images.quality import Issue
from curate.progress import Silent
from curate.workspace.scan import scan
from curate.workspace.workspace import Workspace

Pixels = NDArray[np.uint8]
PEER = """
import json, sys
from cleanvision import Imagelab
lab = Imagelab(data_path=sys.argv[1])
names = ["dark", "light", "blurry", "low_information", "odd_size", "odd_aspect_ratio", "grayscale"]
lab.find_issues({name: {} for name in names}, n_jobs=1, verbose=False)
found = {name: lab.issues.index[lab.issues[f"is_{name}_issue"]].tolist() for name in names}
found["bright"] = found.pop("light")
json.dump(found, open(sys.argv[2], "w"))
"""


def spoilers(rng: np.random.Generator) -> dict[Issue, Callable[[Pixels], Pixels]]:
    """Return what makes each issue."""

    def dark(pixels: Pixels) -> Pixels:
        return (pixels * rng.uniform(0.03, 0.2)).astype(np.uint8)

    def bright(pixels: Pixels) -> Pixels:
        return (255 - (255 - pixels.astype(float)) * rng.uniform(0.02, 0.12)).astype(np.uint8)

    def blurry(pixels: Pixels) -> Pixels:
        return cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.012, 0.03) * min(pixels.shape[:2]))

    def flat(pixels: Pixels) -> Pixels:
        noise = rng.normal(0, 0.7, pixels.shape)
        return np.clip(pixels.mean(axis=(0, 1)) + noise, 0, 255).astype(np.uint8)

    def odd_size(pixels: Pixels) -> Pixels:
        scale = rng.choice([0.06, 0.1, 12.0])
        return cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)

    def odd_shape(pixels: Pixels) -> Pixels:
        return pixels[: max(8, int(pixels.shape[1] * rng.uniform(0.08, 0.3)))]

    def grey(pixels: Pixels) -> Pixels:
        return cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)

    return {
        Issue.DARK: dark,
        Issue.BRIGHT: bright,
        Issue.BLURRY: blurry,
        Issue.LOW_INFORMATION: flat,
        Issue.ODD_SIZE: odd_size,
        Issue.ODD_ASPECT_RATIO: odd_shape,
        Issue.GRAYSCALE: grey,
    }


def made(images: Path, folder: Path, n_images: int) -> dict[str, str]:
    """Write the folder; return the kind of issue of each file, empty for none."""
    rng = np.random.default_rng(0)
    files = sorted(
        path for path in images.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png")
    )
    chosen = [files[row] for row in rng.permutation(len(files))[:n_images]]
    ways = list(spoilers(rng).items())
    n_each = len(chosen) // 10
    kinds = {}
    for number, path in enumerate(chosen):
        kind, spoil = ways[number // n_each] if number < n_each * len(ways) else ("", np.asarray)
        name = f"{number:05d}.png" if kind == Issue.ODD_SIZE else f"{number:05d}.jpg"
        cv2.imwrite(str(folder / name), spoil(cv2.imread(str(path))))
        kinds[name] = str(kind)
    return kinds


def ours(folder: Path, workspace: Path) -> dict[str, set[str]]:
    """Return the files that have each issue."""
    space = Workspace(workspace)
    with space.writing():
        table = scan(folder, space, Silent()).manifest().rows.read()
    rows = list(zip(table["path"].to_pylist(), table["issues"].to_pylist(), strict=True))
    return {kind.value: {path for path, own in rows if kind.value in (own or ())} for kind in Issue}


def theirs(python: Path, folder: Path, out: Path) -> dict[str, set[str]]:
    """Return the same of cleanvision."""
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(
        [python, "-c", PEER, folder, out], check=True, capture_output=True, env=one_thread
    )
    found = json.loads(out.read_text())
    return {kind: {Path(path).name for path in paths} for kind, paths in found.items()}


def rates(found: set[str], kinds: dict[str, str], kind: str) -> str:
    """Return recall and false alarms as cells."""
    spoilt = [name for name, own in kinds.items() if own == kind]
    whole = [name for name, own in kinds.items() if not own]
    recall = sum(name in found for name in spoilt) / len(spoilt)
    return f"{recall:.2f} | {sum(name in found for name in whole) / len(whole):.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--peer", type=Path, default=None)
    parser.add_argument("--images", dest="n_images", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "images"
        folder.mkdir()
        kinds = made(options.images, folder, options.n_images)
        seconds, found = {}, {}
        began = time.process_time()
        found["curate"] = ours(folder, Path(name) / "w")
        seconds["curate"] = time.process_time() - began
        if options.peer is not None:
            began = sum(os.times()[2:4])
            found["cleanvision"] = theirs(options.peer, folder, Path(name) / "found.json")
            seconds["cleanvision"] = sum(os.times()[2:4]) - began
    print(f"{len(kinds)} images, {len(kinds) // 10} spoilt in each way\n")
    print("| issue | " + " | ".join(f"{n}, found | false alarms" for n in found) + " |")
    print("| --- |" + " --- | --- |" * len(found))
    for kind in Issue:
        cells = " | ".join(rates(one[kind.value], kinds, kind.value) for one in found.values())
        print(f"| `{kind.value}` | {cells} |")
    print("\nCPU seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in seconds.items()))


if __name__ == "__main__":
    main()

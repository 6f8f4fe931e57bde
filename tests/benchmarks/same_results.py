"""Whether a change of the code changes a result: the chain on fixed inputs, a hash of each part.

    python tests/benchmarks/same_results.py --out before.json
    ... the change ...
    python tests/benchmarks/same_results.py --compare before.json

Everything is compared to the byte, or for tables to the value, column by column: weights, metrics
without their times, manifests with their footers, pairs of copies, samples, splits, every format of
export, answers of search and probe. Hashes hold for one machine and one set of library versions
only, so both runs are made on the same machine. Exit code 1 names what differs.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
TIMES = re.compile(r"second|images_per|rate")
"""Names of what a clock says."""


def curate(work: Path, *arguments: object, codes: tuple[int, ...] = (0,)) -> str:
    """Run a command in the work folder and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", "from curate.cli.app import main; main()", *map(str, arguments)],
        cwd=work,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in codes:
        raise SystemExit(f"curate {arguments} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def make_images(work: Path) -> None:
    """Make photographs with planted copies, and files of every odd kind."""
    maker = ROOT / "examples" / "demo_photos.py"
    subprocess.run([sys.executable, maker, work], check=True, stdout=subprocess.DEVNULL)
    odd = work / "images" / "odd"
    odd.mkdir()
    rng = np.random.default_rng(0)
    some = sorted((work / "images").rglob("*.jpg"))
    with Image.open(some[0]) as first:
        picture = first.convert("RGB")
    picture.save(odd / "pixels.png")
    picture.save(odd / "pixels.bmp")
    picture.convert("P").save(odd / "palette.gif")
    picture.convert("L").save(odd / "grey.tiff")
    picture.resize((900, 700)).save(odd / "large.jpg", quality=80)
    clear = picture.convert("RGBA")
    clear.putalpha(Image.fromarray(rng.integers(0, 256, picture.size[::-1], np.uint8)))
    clear.save(odd / "clear.webp", lossless=True)
    Image.new("RGB", (64, 64), (9, 9, 9)).save(odd / "black.png")
    Image.fromarray(rng.integers(0, 256, (20, 300, 3), np.uint8)).save(odd / "strip.png")
    (odd / "twin.jpg").write_bytes(some[5].read_bytes())
    (odd / "empty.jpg").write_bytes(b"")
    (odd / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and then nothing")
    for number, path in enumerate(sorted((work / "images").rglob("*.*"))):
        os.utime(path, ns=(10**18 + number * 10**9,) * 2)


def run_chain(work: Path) -> Iterator[tuple[str, bytes]]:
    """Run every command; yield the name and the bytes of each result."""
    make_images(work)
    for part in (run_trainings, run_groups, run_dedup, run_subsets, run_exports, run_questions):
        yield from part(work)


def told(work: Path, *arguments: object) -> bytes:
    """Run a command and return what it says, times taken out."""
    return _stable_json(json.loads(curate(work, *arguments, "--json")), work)


def run_trainings(work: Path) -> Iterator[tuple[str, bytes]]:
    """Train with derived settings, with crops and a queue, and from published weights."""
    yield "train", told(work, "train", "images", "--epochs", 3)
    yield from model_results(work, "default")
    more = ("--crops", "2x32+2x16", "--queue", 256, "--prototypes", 20, "--seed", 3)
    yield (
        "train with crops and queue",
        told(work, "train", "images", "--epochs", 2, *more, "--name", "crops"),
    )
    yield from model_results(work, "crops")
    published = ("--pretrained", "--image-size", 64, "--name", "published")
    yield "train from published weights", told(work, "train", "images", "--epochs", 1, *published)
    yield from model_results(work, "published")
    yield "embed", told(work, "embed", "--model", "default")


def run_groups(work: Path) -> Iterator[tuple[str, bytes]]:
    """Cluster, nested and balanced."""
    nested = ("--labels", "folder", "--levels", "10,4", "--model", "default")
    yield "cluster", told(work, "cluster", *nested, "--out", "m.parquet")
    yield from table_results(work, "m.parquet")
    told(work, "cluster", "--assign", "balanced", "--out", "b.parquet", "--model", "default")
    yield from table_results(work, "b.parquet")


def run_dedup(work: Path) -> Iterator[tuple[str, bytes]]:
    """Find copies, images alike in content, and leaks."""
    yield (
        "dedup",
        told(work, "dedup", "m.parquet", "--pairs", "pairs.parquet", "--sheet", "sheets"),
    )
    yield from table_results(work, "m.parquet")
    yield from table_results(work, "pairs.parquet")
    yield from folder_results(work, "sheets")
    lenient = ("--level", "semantic", "--keep", "central", "--max-removed", 0.2)
    yield (
        "dedup semantic",
        told(work, "dedup", "m.parquet", *lenient, "--out", "semantic.parquet"),
    )
    yield from table_results(work, "semantic.parquet")
    against = ("--against", "m.parquet", "--out", "leaks.parquet", "-w", "other")
    told(work, "dedup", "images/odd", *against)
    yield from table_results(work, "leaks.parquet")


def run_subsets(work: Path) -> Iterator[tuple[str, bytes]]:
    """Sample and split."""
    for within in ("random", "central", "diverse"):
        name = f"sample-{within}.parquet"
        told(work, "sample", "m.parquet", "--size", 60, "--within", within, "--out", name)
        yield from table_results(work, name)
    told(work, "split", "m.parquet", "--stratify", "cluster", "--out", "split.parquet")
    told(work, "split", "split.parquet", "--by", "label", "--stable", "--out", "stable.parquet")
    told(work, "split", "m.parquet", "--ratios", "a=0.5,b=0.5", "--out", "split.csv")
    yield from table_results(work, "split.parquet")
    yield from table_results(work, "stable.parquet")
    yield "split.csv", (work / "split.csv").read_bytes()


def run_exports(work: Path) -> Iterator[tuple[str, bytes]]:
    """Export in every format, and by split and label."""
    for form in ("symlink", "hardlink", "copy", "tar", "parquet", "list", "coco", "fiftyone"):
        told(work, "export", "sample-random.parquet", "--to", f"as-{form}", "--as", form)
        yield from folder_results(work, f"as-{form}")
    laid_out = ("--as", "copy", "--layout", "split/label", "--where", "keep")
    told(work, "export", "split.parquet", "--to", "layout", *laid_out)
    yield from folder_results(work, "layout")


def run_questions(work: Path) -> Iterator[tuple[str, bytes]]:
    """Search, probe, compare, join and draw."""
    queries = ("images/rocket/007.jpg", "images/odd")
    for by in ("features", "copies"):
        chosen = ("--model", "default") if by == "features" else ()
        yield f"search by {by}", told(work, "search", *queries, "--by", by, "-k", 5, *chosen)
    yield "search like", told(work, "search", "--like", "scraped/001.jpg", "--by", "copies")
    yield "probe", told(work, "probe", "m.parquet")
    yield "diff", told(work, "diff", "m.parquet", "semantic.parquet")
    told(work, "merge", "m.parquet", "sample-central.parquet", "--out", "merged.parquet")
    yield from table_results(work, "merged.parquet")
    told(work, "sheet", "m.parquet", "--where", "keep = false", "--out", "sheet.png")
    yield "sheet.png", (work / "sheet.png").read_bytes()


def model_results(work: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield what training left, times taken out."""
    folder = work / ".curate" / "models" / name
    yield f"{name}: weights", (folder / "weights.safetensors").read_bytes()
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    yield f"{name}: metrics", _stable_json(rows, work)
    yield f"{name}: model.json", _stable_json(json.loads((folder / "model.json").read_text()), work)


def table_results(work: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield each column of a Parquet file, and its footer."""
    table = pq.read_table(work / name)
    footer = json.loads((table.schema.metadata or {}).get(b"curate", b"{}"))
    footer.pop("version", None)
    yield f"{name}: footer", _stable_json(footer, work)
    for column in table.schema.names:
        yield f"{name}: {column}", _column_bytes(table.select([column]), work)


def _column_bytes(table: pa.Table, work: Path) -> bytes:
    rows = table.replace_schema_metadata(None).to_pylist()
    return (str(table.schema.field(0)) + json.dumps(rows, default=_hex)).replace(
        str(work), "WORK"
    ).encode()  # fmt: skip


def _hex(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else str(value)


def folder_results(work: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a folder as one result, links by where they lead."""
    parts = []
    for path in sorted((work / name).rglob("*")):
        told = path.relative_to(work).as_posix()
        if path.is_symlink():
            parts.append(f"{told} -> {path.readlink()}".replace(str(work), "WORK").encode())
        elif path.suffix == ".parquet":
            parts += [content for _, content in table_results(work, told)]
        elif path.is_file():
            parts += [told.encode(), path.read_bytes().replace(str(work).encode(), b"WORK")]
    yield name, b"\n".join(parts)


def _stable_json(value: object, work: Path) -> bytes:
    """Return JSON without times and without the name of the work folder."""
    return json.dumps(_timeless(value), sort_keys=True).replace(str(work), "WORK").encode()


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if not TIMES.search(str(key))}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def main() -> int:
    """Run the chain, print or compare the hashes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="JSON file for the hashes.")
    parser.add_argument("--compare", type=Path, help="Hashes of an earlier run.")
    parser.add_argument("--work", type=Path, help="Folder to work in, kept; else a scratch folder.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = (arguments.work or Path(scratch)).resolve()
        work.mkdir(exist_ok=True, parents=True)
        found = {}
        for name, content in run_chain(work):
            found[name] = hashlib.sha256(content).hexdigest()[:16]
            print(f"{found[name]}  {name}", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=2) + "\n")
    if not arguments.compare:
        return 0
    before = json.loads(arguments.compare.read_text())
    names = sorted(before.keys() | found.keys())
    differing = [name for name in names if before.get(name) != found.get(name)]
    print(f"{len(names) - len(differing)} of {len(names)} results are the same")
    for name in differing:
        print(f"differs: {name}")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Damage each stored file of a workspace, run every command that reads it, compare answers.

    python -m tests.benchmarks.damage --flips 4

A small workspace is made once. For each of its files and each kind of damage it is put back, the
file is damaged, and each command runs. What it says must be what it says on the undamaged
workspace, or end with an exit code that says so. Anything else is a wrong answer, or a traceback.
"""

import argparse
import contextlib
import io
import json
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

import curate
from curate.cli.app import main as run_program
from curate.progress import Silent
from tests.conftest import make_folder, picture, save

SMALL = "--epochs 2 --image-size 32 --batch-size 8 --prototypes 6 --device cpu"
HALF: dict[str, Any] = {"epochs": 3} | {
    "image_size": 32, "batch_size": 8, "prototypes": 6, "device": "cpu",
}  # fmt: skip
"""Settings of the training that was interrupted, as ``train half`` has them."""
COMMANDS = {
    "info": "info",
    "train": f"train {{images}} {SMALL}",
    "train half": "train {images} --name half --epochs 3 --image-size 32 --batch-size 8"
    " --prototypes 6 --device cpu",
    "train more": "train {more} --name more --epochs 1 --image-size 32 --batch-size 4"
    " --prototypes 3 --device cpu",
    "embed": "embed",
    "cluster": "cluster --out {out} --labels folder",
    "dedup": "dedup {manifest} --out {out}",
    "search": "search {images}/red/000.png",
    "search copies": "search {images}/red/000.png --by copies",
    "search like": "search --like red/003.png",
    "sheet": "sheet {manifest} --out {out}.png",
    "probe": "probe {manifest} --neighbors 3",
    "sample": "sample {manifest} --size 9 --within diverse --out {out}",
}
"""The commands that read a workspace."""
REPAIR = "info --repair"
KINDS = ("flip", "truncate", "delete", "replace")
_VARYING = {
    "seconds", "images_per_second", "scan_images_per_second", "workspace_bytes", "n_embedded",
    "was_trained",
}  # fmt: skip
_LOSABLE = ("loss_ratios", "usage_entropies")  # a record of the past; null once it is damaged
_HARMLESS = ("lock", "lock.json")  # nothing is known from them


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command said.

    Attributes:
        code: Its exit code.
        said: What it printed, without times.
        written: What it wrote.
        bug: A traceback, if there is one.
    """

    code: int
    said: str
    written: str
    bug: str | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One damage and one command after it.

    Attributes:
        file: The damaged file, relative to the workspace.
        kind: How it is damaged.
        command: Name of the command.
        verdict: ``same``, ``error``, ``wrong`` or ``traceback``.
        detail: What was said, where it is wrong.
    """

    file: str
    kind: str
    command: str
    verdict: str
    detail: str = ""


class Interrupting(Silent):
    """A progress that is stopped with Ctrl-C at its n-th step or status."""

    def __init__(self, *, at_step: int = 0, at_status: int = 0) -> None:
        self._steps, self._statuses = at_step, at_status

    def advance(self, steps: int = 1) -> None:
        """Count down steps."""
        self._steps -= steps
        if self._steps == 0:
            raise KeyboardInterrupt

    def status(self, text: str) -> None:
        """Count down statuses."""
        self._statuses -= 1
        if self._statuses == 0:
            raise KeyboardInterrupt


class Place:
    """A folder of images with a workspace that is put back before each case.

    The workspace has a model, results, a training that was interrupted and a scan that was.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.images, self.workspace = root, root / "images", root / ".curate"
        self.more = root / "more"
        self._whole, self.manifest = root / "whole", root / "m.parquet"
        make_folder(self.images)
        for line in (
            f"train {{images}} {SMALL}", "cluster --out {manifest} --labels folder",
            "dedup {manifest}", "search {images}/red/000.png --by copies",
        ):  # fmt: skip
            answer = self.run(line)
            assert answer.code == 0, answer
        for seed in range(100, 112):
            save(self.more / f"{seed}.png", picture(seed))
        self._interrupt(self.images, "half", Interrupting(at_status=2))
        self._interrupt(self.more, "more", Interrupting(at_step=6))
        assert list(self.workspace.glob("models/.half.training/checkpoint/*"))
        assert list(self.workspace.glob("pending-*.parquet"))
        self._manifest = self.manifest.read_bytes()
        shutil.copytree(self.workspace, self._whole)

    def _interrupt(self, folder: Path, name: str, progress: Interrupting) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            config = curate.TrainConfig(**HALF, name=name)
            curate.train(folder, config, workspace=self.workspace, progress=progress)
            raise AssertionError("nothing interrupted it")

    def stored(self) -> list[str]:
        """Return the files of the workspace."""
        files = (path for path in sorted(self._whole.rglob("*")) if path.is_file())
        names = (path.relative_to(self._whole).as_posix() for path in files)
        return [name for name in names if name not in _HARMLESS]

    def put_back(self) -> None:
        """Make the workspace what it was."""
        shutil.rmtree(self.workspace, ignore_errors=True)
        shutil.copytree(self._whole, self.workspace)
        self.manifest.write_bytes(self._manifest)
        for path in self.root.glob("out.parquet*"):
            path.unlink()

    def run(self, line: str) -> Answer:
        """Run a command in this process."""
        out = self.root / "out.parquet"
        words = [
            word.format(images=self.images, more=self.more, manifest=self.manifest, out=out)
            for word in line.split()
        ]
        said, bug, code = io.StringIO(), None, 0
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            try:
                run_program([*words, "-w", str(self.workspace), "--json"])
            except SystemExit as ended:
                code = int(ended.code or 0)
            except BaseException:  # noqa: BLE001 - whatever it is, it is counted
                bug = traceback.format_exc()
        return Answer(code=code, said=_strip(said.getvalue()), written=_read(out), bug=bug)


def damage(file: Path, kind: str, others: list[Path], rng: np.random.Generator) -> None:
    """Damage a file: a random bit, its second half, all of it, or another file in its place."""
    raw = bytearray(file.read_bytes())
    if kind == "delete":
        file.unlink()
    elif kind == "replace":
        alike = [one for one in others if one.suffix == file.suffix and one != file] or others
        shutil.copyfile(alike[rng.integers(len(alike))], file)
    elif kind == "truncate":
        file.write_bytes(raw[: len(raw) // 2])
    elif raw:
        bit = int(rng.integers(8 * len(raw)))
        raw[bit // 8] ^= 1 << bit % 8
        file.write_bytes(raw)


def try_damage(
    place: Place,
    *,
    files: list[str],
    commands: dict[str, str],
    rng: np.random.Generator,
    n_flips: int = 1,
) -> Iterator[Case]:
    """Yield what each command says after each damage."""
    whole = {}
    for name, line in commands.items():
        place.put_back()
        whole[name] = place.run(line)
    for file in files:
        for kind in [*["flip"] * n_flips, *KINDS[1:]]:
            for name, line in commands.items():
                place.put_back()
                others = [place.workspace / one for one in place.stored() if one != file]
                damage(place.workspace / file, kind, others, rng)
                answer = place.run(line)
                if name == REPAIR and answer.bug is None:
                    verdict, detail = judge_repaired(place, file)
                else:
                    verdict, detail = judge(answer, whole[name])
                yield Case(file=file, kind=kind, command=name, verdict=verdict, detail=detail)


def judge(answer: Answer, whole: Answer) -> tuple[str, str]:
    """Return what an answer is, and what of it is wrong."""
    if answer.bug is not None:
        return "traceback", answer.bug
    if answer.code in (3, 4):
        return "error", answer.said
    if not _says_the_same(answer, whole):
        return "wrong", f"{answer}\nis not\n{whole}"
    return "same", ""


def _says_the_same(answer: Answer, whole: Answer) -> bool:
    """Return whether two answers agree, but for what one says it does not know any more."""
    if (answer.code, answer.written) != (whole.code, whole.written):
        return False
    if not answer.said.startswith("{"):
        return answer.said == whole.said
    said, known = json.loads(answer.said), json.loads(whole.said)
    lost = [name for name in _LOSABLE if said.get(name, 0) is None]
    return bool(said | {name: known[name] for name in lost} == known)


def judge_repaired(place: Place, file: str) -> tuple[str, str]:
    """Return whether nothing is damaged after a repair; weights may be, and what knows of them."""
    answer = place.run("info --verify")
    if answer.code == 0:
        return "same", ""
    left = [one["path"] for one in json.loads(answer.said).get("left", [{"path": answer.said}])]
    is_lost = all(path.startswith("models/") for path in left) and file.startswith("models/")
    return ("error", "") if is_lost else ("wrong", f"left after repair: {left}")


def _strip(text: str) -> str:
    """Return JSON without what differs from run to run."""
    if not text.strip():
        return text
    found = json.loads(text)
    if "models" in found:
        for model in found["models"]:
            model.pop("n_embedded")
    return json.dumps({name: value for name, value in found.items() if name not in _VARYING})


def _read(out: Path) -> str:
    if not out.exists():
        return ""
    return json.dumps(pq.read_table(out).to_pylist(), default=str)


def main() -> None:
    """Print the counts, and what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=1, help="Flipped bits of each file.")
    parser.add_argument("--commands", nargs="*", default=[*COMMANDS, REPAIR])
    parser.add_argument("--files", default="", help="Only those with this in their names.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines: dict[str, str] = COMMANDS | {REPAIR: REPAIR}
    report: Callable[..., None] = print
    with tempfile.TemporaryDirectory() as root:
        place = Place(Path(root))
        counts: Counter[tuple[str, str]] = Counter()
        cases = try_damage(
            place,
            files=[name for name in place.stored() if options.files in name],
            commands={name: lines[name] for name in options.commands},
            rng=np.random.default_rng(options.seed),
            n_flips=options.flips,
        )
        for case in cases:
            counts[case.command, case.verdict] += 1
            if case.verdict in ("wrong", "traceback"):
                report(case.file, case.kind, case.command, case.verdict, case.detail, flush=True)
        report(f"{'command':14} {'same':>6} {'error':>6} {'wrong':>6} {'traceback':>9}")
        for name in options.commands:
            row = [counts[name, verdict] for verdict in ("same", "error", "wrong", "traceback")]
            report(f"{name:14} {row[0]:6} {row[1]:6} {row[2]:6} {row[3]:9}")
        report(f"{sum(counts.values())} cases")


if __name__ == "__main__":
    main()

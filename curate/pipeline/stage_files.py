"""Which files each stage of a pipeline reads and writes, by the names of its options."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from curate.annotations.open_labels import list_label_files
from curate.choices import Quota
from curate.pipeline.commands import Option
from curate.sources import is_url

_NO_STAGES = ("run", "restore", "info", "search", "diff", "compare", "review")


@dataclass(frozen=True, kw_only=True, slots=True)
class StageFiles:
    """What a stage reads and writes, by the names of its options.

    Attributes:
        manifest: The option that names the manifest it works on; None for none.
        reads: Options that name files it reads.
        sources: Options that name images, or a manifest of them.
        writes: Options that name what it writes, the manifest first.
        writes_manifest: Whether there is a manifest among that, which later stages take up.
        needs_new_folder: Whether it writes a folder, and only where there is nothing yet.
        reads_model: Whether it uses the trained model.
        writes_model: Whether it makes one.
        reads_reviews: Whether it obeys or counts what was decided in ``curate review``.
    """

    manifest: str | None = "manifest"
    reads: tuple[str, ...] = ("manifest",)
    sources: tuple[str, ...] = ()
    writes: tuple[str, ...] = ("out",)
    writes_manifest: bool = True
    needs_new_folder: bool = False
    reads_model: bool = False
    writes_model: bool = False
    reads_reviews: bool = False


_FILES = {
    "train": StageFiles(
        manifest=None,
        reads=("init",),
        sources=("images",),
        writes=(),
        writes_manifest=False,
        writes_model=True,
    ),
    "embed": StageFiles(
        manifest=None,
        reads=(),
        sources=("images",),
        writes=(),
        writes_manifest=False,
        reads_model=True,
    ),
    "cluster": StageFiles(manifest=None, reads=("labels",), sources=("images",), reads_model=True),
    "dedup": StageFiles(
        manifest="target",
        reads=("labels",),
        sources=("target", "against"),
        writes=("out", "pairs", "sheet"),
        reads_model=True,
        reads_reviews=True,
    ),
    "sample": StageFiles(reads=("manifest", "quota", "continue")),
    "split": StageFiles(),
    "merge": StageFiles(reads=("manifest", "other")),
    "probe": StageFiles(
        reads=("manifest", "test"), writes=(), writes_manifest=False, reads_model=True
    ),
    "export": StageFiles(writes=("to",), writes_manifest=False, needs_new_folder=True),
    "report": StageFiles(writes_manifest=False, reads_reviews=True),
}


def find_stage_files(stage: str, options: Mapping[str, Option]) -> StageFiles | None:
    """Return what a stage reads and writes; None for a command that is no stage of a pipeline.

    A stage of no other kind takes a manifest, and writes what ``--out`` or ``--to`` name; what
    ``prune`` moves away is no output, as it is not made again.

    Args:
        stage: Its name.
        options: Of the command.
    """
    if stage in _NO_STAGES:
        return None
    if stage in _FILES:
        return _FILES[stage]
    if "manifest" not in options:
        return None
    writes = tuple(name for name in ("out", "to") if name in options)
    return StageFiles(writes=writes, writes_manifest=False)


def list_files(option: str, text: str) -> list[str]:
    """Return the files and folders that the value of an option names; none for a choice.

    Args:
        option: One of ``StageFiles.reads``.
        text: Its value, as on a command line.
    """
    if option == "quota" and text in list(Quota):
        return []
    if option == "labels" and not is_url(text):
        return list(map(str, list_label_files(text)))
    return [name_place(text)]


def name_place(text: str) -> str:
    """Return the name of a file or folder as all steps write it."""
    return text if is_url(text) else str(Path(text))

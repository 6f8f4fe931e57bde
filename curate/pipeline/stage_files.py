"""Which files each stage of a pipeline reads and writes, by the names of its options."""

from collections.abc import Mapping
from dataclasses import dataclass

from curate.pipeline.commands import Option

_NO_STAGES = ("run", "restore", "info", "search", "diff", "compare", "review")


@dataclass(frozen=True, kw_only=True, slots=True)
class StageFiles:
    """What a stage reads and writes.

    Attributes:
        reads: Options that name files it reads, the manifest first.
        writes: Options that name what it writes.
        writes_manifest: Whether that is a manifest, which later stages take up.
        reads_images: Whether it reads the images of the source.
        reads_model: Whether it uses the trained model.
        writes_model: Whether it makes one.
    """

    reads: tuple[str, ...] = ("manifest",)
    writes: tuple[str, ...] = ("out",)
    writes_manifest: bool = True
    reads_images: bool = False
    reads_model: bool = False
    writes_model: bool = False


_FILES = {
    "train": StageFiles(reads=(), writes=(), reads_images=True, writes_model=True),
    "embed": StageFiles(reads=(), writes=(), reads_images=True, reads_model=True),
    "cluster": StageFiles(reads=(), reads_images=True, reads_model=True),
    "dedup": StageFiles(reads=("target",), reads_images=True, reads_model=True),
    "sample": StageFiles(),
    "split": StageFiles(),
    "merge": StageFiles(reads=("manifest", "other")),
    "probe": StageFiles(writes=(), writes_manifest=False, reads_model=True),
}


def find_stage_files(stage: str, options: Mapping[str, Option]) -> StageFiles | None:
    """Return what a stage reads and writes; None for a command that is no stage of a pipeline.

    A stage of no other kind takes a manifest, and writes what ``--out`` or ``--to`` name.

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

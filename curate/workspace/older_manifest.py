"""What a manifest keeps of the older one whose place it takes."""

from pathlib import Path

from curate.manifest.manifest import Manifest, carry_over, find_carried, read_manifest
from curate.progress import Progress
from curate.sources import name_source, real_address

_SHOWN = 6  # columns in a message


def keep_columns(fresh: Manifest, path: Path, progress: Progress) -> Manifest:
    """Return a manifest with the columns of the one whose place it takes, if it is of one source.

    Args:
        fresh: The manifest.
        path: Where it is going to be written.
        progress: Is told what is not kept since the older one is of another source.

    Raises:
        InputError: What is there is no manifest.
    """
    if not path.is_file():
        return fresh
    old = read_manifest(path)
    if real_address(old.source) == real_address(fresh.source):
        return carry_over(fresh, old)
    names = [column.name for column in find_carried(fresh, old)]
    lost = [name for name in names if old.rows.read([name])[name].null_count < len(old.rows)]
    if lost:
        shown = ", ".join([*lost[:_SHOWN], *(["…"] if len(lost) > _SHOWN else [])])
        progress.note(
            f"{path} was of another source, {name_source(old.source)}: its {shown} are not kept"
        )
    return fresh

"""Files of this machine for workers elsewhere: put into the shared store once."""

from collections.abc import Mapping
from pathlib import Path

from curate.engine.base import SharedFile
from curate.engine.store import SharedStore, digest_of

KEPT, PASSING = "files/kept/", "files/passing/"
"""Where files lie that later commands need as they are, and those of one command."""


def share_files(
    store: SharedStore, files: Mapping[str, Path], *, is_kept: bool = False
) -> tuple[SharedFile, ...]:
    """Return files as the store has them; those that it lacks are put there.

    Args:
        store: The shared store.
        files: By the name that workers know them by; none changes but by growing at its end.
        is_kept: Whether later commands need them, too.

    Raises:
        CurateError: The store cannot be written.
    """
    shared = []
    for name, path in files.items():
        facts = path.stat()
        identity = f"{name} {facts.st_size} {facts.st_mtime_ns}"
        key = f"{KEPT if is_kept else PASSING}{digest_of(identity.encode())}"
        store.put_file(key, path)
        shared.append(SharedFile(name=name, key=key, bytes=facts.st_size))
    return tuple(shared)

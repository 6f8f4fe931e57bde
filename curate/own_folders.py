"""Folders in which curate keeps what it knows: workspaces and shared stores, no source of images.

Small copies of images lie in them, which would be taken for images of the source around them.
"""

from collections.abc import Collection

from curate.errors import InputError

WORKSPACE_FILES = ("workspace.json", "workspace.copy.json")
"""One of these, and one of `_BESIDE`, is in the folder of every workspace."""
BUCKET_FOLDER = "curate-workspace"
"""Where a workspace in a bucket lies."""
ENGINE_FOLDER = "curate-engine"
"""Where machines that work together meet."""
OWN_NAMES = (BUCKET_FOLDER, ENGINE_FOLDER)
OWN_FOLDERS = "folders of curate"
"""What they are counted as where they are passed over."""
_BESIDE = ("lock", "catalogue.parquet")


def is_own_folder(name: str, inside: Collection[str]) -> bool:
    """Return whether a folder of this machine is a workspace, or another that is curate's.

    Args:
        name: Of the folder.
        inside: Names of what lies in it.
    """
    has_facts = any(one in inside for one in WORKSPACE_FILES)
    return name in OWN_NAMES or (has_facts and any(one in inside for one in _BESIDE))


def find_own_folder(path: str) -> str | None:
    """Return the part of a path up to a folder that is curate's by its name, or None."""
    parts = path.split("/")
    for number, part in enumerate(parts, 1):
        if part in OWN_NAMES:
            return "/".join(parts[:number])
    return None


def refuse_own_folder(address: str, *, is_own: bool) -> None:
    """Refuse a source that is curate's own.

    Args:
        address: Of the source.
        is_own: Whether it is.

    Raises:
        InputError: It is.
    """
    if not is_own:
        return
    raise InputError(
        f"{address} is a workspace of curate, no source of images",
        hint="name the images themselves, or a manifest of them; a workspace is what --workspace "
        "takes",
    )

"""Damage to the cache: what is lost or is not what was written; all of it is found out again."""

from pathlib import Path

import numpy as np

from curate.copies.cache.arrays import check_arrays, read_arrays, sum_file
from curate.copies.cache.evidence_store import CANDIDATES
from curate.copies.cache.keypoint_store import KeypointStore
from curate.copies.cache.version import is_current
from curate.files import remove
from curate.workspace.integrity import Damaged, reading

LISTS = "candidates.faiss"


def find_cache_damage(folder: Path) -> list[Damaged]:
    """Return what is wrong with a cache; every byte is read.

    Args:
        folder: Of the cache; need not be there.
    """
    if not folder.is_dir():
        return []
    if not is_current(folder):
        return [Damaged(folder / "version.json", "it is lost, or of another version")]
    found = []
    for path in sorted(folder.glob("*.npz")):
        try:
            check_arrays(path)
        except Damaged as damage:
            found.append(damage)
    found += _find_list_damage(folder)
    if not found and KeypointStore(folder, is_writer=False).was_damaged:
        found.append(Damaged(folder / "keypoints.bin", "it is not what its tables name"))
    return found


def drop_cache_damage(folder: Path) -> list[Damaged]:
    """Remove what is damaged and return what that was; the caller is the only writer."""
    damage = find_cache_damage(folder)
    if any(one.path.name == "version.json" for one in damage):
        remove(folder)
    for one in damage:
        if one.path.name == LISTS:
            remove(folder / CANDIDATES)
        if one.path.name != "keypoints.bin":
            remove(one.path)
    if damage:
        KeypointStore(folder)  # drops what hangs on lost keypoints
    return damage


def _find_list_damage(folder: Path) -> list[Damaged]:
    """Return what is wrong with the lists that belong to the candidates."""
    table = read_arrays(folder / CANDIDATES)
    if table is None or not int(np.asarray(table["n_keypoints"])):
        return []
    path = folder / LISTS
    try:
        with reading(path):
            if sum_file(path) == int(table["lists_checksum"]):
                return []
    except Damaged as damage:
        return [damage]
    return [Damaged(path, "its checksum does not fit")]

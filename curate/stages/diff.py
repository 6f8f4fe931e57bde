"""Diff: what came, what went and what changed from one manifest to another."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from curate.manifest import Manifest, read_manifest

TOLD = ("cluster", "group", "keep", "selected", "split", "label")


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffResult:
    """How the second manifest differs from the first.

    Attributes:
        before: The first manifest.
        after: The second.
        came: Paths that only the second has.
        went: Paths that only the first has.
        moved: Pairs of paths, before and after, of contents that lie elsewhere now.
        changed: Paths whose content is another.
        n_same: Paths with the same content in both.
        columns: Of these, how many have another value, by column.
    """

    before: str
    after: str
    came: list[str]
    went: list[str]
    moved: list[tuple[str, str]]
    changed: list[str]
    n_same: int
    columns: dict[str, int]


def diff(before: Path | str, after: Path | str) -> DiffResult:
    """Compare two manifests, row by row, by path and content.

    Raises:
        InputError: A manifest cannot be used.
    """
    old, new = read_manifest(Path(before)), read_manifest(Path(after))
    hash_of = {
        name: dict(zip(m.table["path"].to_pylist(), m.table["hash"].to_pylist(), strict=True))
        for name, m in (("old", old), ("new", new))
    }
    came = [path for path in hash_of["new"] if path not in hash_of["old"]]
    went = [path for path in hash_of["old"] if path not in hash_of["new"]]
    went_by_hash = {hash_of["old"][path]: path for path in reversed(went)}
    moved = []
    for path in came:
        origin = went_by_hash.pop(hash_of["new"][path], None)
        if origin is not None:
            moved.append((origin, path))
    from_paths, to_paths = {a for a, _ in moved}, {b for _, b in moved}
    both = [path for path in hash_of["new"] if path in hash_of["old"]]
    changed = [path for path in both if hash_of["old"][path] != hash_of["new"][path]]
    same = sorted(set(both) - set(changed))
    return DiffResult(
        before=str(before),
        after=str(after),
        came=[path for path in came if path not in to_paths],
        went=[path for path in went if path not in from_paths],
        moved=moved,
        changed=changed,
        n_same=len(same),
        columns=_column_changes(old, new, same),
    )


def _column_changes(old: Manifest, new: Manifest, paths: list[str]) -> dict[str, int]:
    """Count values that differ; groups and clusters count by who is in them, not by number."""
    wanted = pa.array(paths, pa.string())
    parts = [m.table.take(pc.index_in(wanted, value_set=_paths(m))) for m in (old, new)]
    found = {}
    for name in TOLD:
        if all(name in part.column_names for part in parts):
            before, after = (part[name].to_pylist() for part in parts)
            if name in ("cluster", "group"):
                before, after = _company(before, paths), _company(after, paths)
            found[name] = sum(a != b for a, b in zip(before, after, strict=True))
    return found


def _paths(manifest: Manifest) -> pa.Array:
    return manifest.table["path"].combine_chunks()


def _company(numbers: list[int | None], paths: list[str]) -> list[object]:
    """Return for each row the paths that share its number."""
    members: dict[int, list[str]] = {}
    for number, path in zip(numbers, paths, strict=True):
        if number is not None:
            members.setdefault(number, []).append(path)
    frozen = {number: frozenset(own) for number, own in members.items()}
    return [frozen[number] if number is not None else None for number in numbers]

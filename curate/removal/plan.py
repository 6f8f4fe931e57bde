"""Which files of a manifest may go, and which file stays for each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.choices import Status
from curate.errors import UsageError
from curate.manifest.duplicates import LABELS_REASON, LINK_LABELS_REASON, LINK_REASONS
from curate.manifest.manifest import Manifest
from curate.manifest.row_filter import matching
from curate.manifest.rows import TakenRows
from curate.manifest.selection import is_readable
from curate.sources import open_source

EVIDENCE = ("file", "bytes", "pixels", "reviewed", "near", "scene", "semantic")
"""What ties an image to the kept one, strongest first, as the column ``match`` has it."""

EQUAL_BYTES = ("bytes",)
"""Evidence by which a copy is a file of its own with the bytes of the kept one."""

NOT_WHERE = "--where leaves it out"
NOT_READABLE = "it is no readable image"
NAMES_NONE = "the manifest names no file that stays for it"
NOT_FOR_LABELS = f"{LABELS_REASON}, and none stays: `curate export` leaves it out"
NO_EVIDENCE = "the manifest does not say by what it is a copy"
NOT_EQUAL_BYTES = "it has not the bytes of the file that stays for it"

_OTHER_HASH = "duplicate_of_hash"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which copies may go.

    Attributes:
        where: Only rows for which this expression of DuckDB holds; None for all.
        match: Only copies by this evidence or a stronger one; None for any.
        at_least: Only copies of at least this probability, in [0, 1]; None for any.
    """

    where: str | None = None
    match: str | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UsageError: One makes no sense.
        """
        if self.match is not None and self.match not in EVIDENCE:
            raise UsageError(
                f"{self.match!r} is no evidence", hint=f"choose one of {', '.join(EVIDENCE)}"
            )
        if self.at_least is not None and not 0 <= self.at_least <= 1:
            raise UsageError(
                f"at_least must lie in [0, 1], got {self.at_least}",
                hint="it is a probability, such as --at-least 0.99",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaving:
    """A file that may go.

    Attributes:
        path: As the manifest has it.
        file: Where it lies.
        hash: SHA-256 of its content by the manifest, hex; None if it could not be read then.
        bytes: Its size by the manifest.
        match: What ties it to the kept file; None for an unreadable file.
        kept: The file that stays for it; None where none stays.
        kept_hash: SHA-256 of that one's content, hex; None where the manifest does not say.
    """

    path: str
    file: Path
    hash: str | None
    bytes: int
    match: str | None = None
    kept: Path | None = None
    kept_hash: str | None = None

    @property
    def is_copy(self) -> bool:
        """Whether it may only go while a kept file stays."""
        return self.match is not None


class Plan:
    """Files of a manifest that may go."""

    def __init__(self, manifest: Manifest, is_leaving: NDArray[np.bool_]) -> None:
        """Take the rows that may go, (N,) bool.

        Raises:
            UsageError: The manifest does not say how large files are.
        """
        manifest.check("bytes", hint="scan again: `curate dedup IMAGES`")
        self._manifest = manifest
        self._rows = np.flatnonzero(is_leaving)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def bytes(self) -> int:
        """Size of the files."""
        return int(pc.sum(self._read("bytes")).as_py() or 0)

    def files(self, most: int | None = None) -> Iterator[Leaving]:
        """Yield the files in the order of the manifest; those of one batch are in memory.

        Args:
            most: How many at most; None for all.
        """
        source = open_source(self._manifest.source)
        names = ("path", "hash", "bytes")
        fields = [self._manifest.rows.schema.field(name) for name in names]
        rows = TakenRows(self._manifest.rows, fields, self._rows[:most])
        for batch in rows.batches(names):
            for row in batch.to_pylist():
                file = source.local_file(row["path"])
                yield Leaving(
                    path=row["path"], file=file, hash=row["hash"], bytes=row["bytes"] or 0
                )

    def _read(self, name: str) -> pa.ChunkedArray:
        return self._manifest.rows.take([name], self._rows)[name]


class CopyPlan(Plan):
    """Copies of a manifest that may go, each with the file that stays for it.

    Attributes:
        passed_over: How many other rows need not be kept, by the reason why they may not go.
    """

    def __init__(
        self,
        manifest: Manifest,
        is_leaving: NDArray[np.bool_],
        passed_over: Mapping[str, int] | None = None,
    ) -> None:
        """Take the rows that may go, (N,) bool, and the count of those that may not.

        Links come first: what they lead to may go after them.
        """
        super().__init__(manifest, is_leaving)
        self.passed_over = dict(passed_over or {})
        if "keep_reason" in manifest.rows.schema.names:
            names = pa.array(LINK_REASONS)
            is_name = _holds(
                pc.is_in(pc.cast(self._read("keep_reason"), pa.string()), value_set=names)
            )
            self._rows = np.concatenate([self._rows[is_name], self._rows[~is_name]])

    @property
    def by_match(self) -> dict[str, int]:
        """How many files, by what ties them to the kept one, strongest first."""
        if not len(self):
            return {}
        counted = pc.value_counts(self._read("match")).to_pylist()
        counts = {item["values"]: item["counts"] for item in counted}
        return {name: counts[name] for name in EVIDENCE if name in counts}

    def files(self, most: int | None = None) -> Iterator[Leaving]:
        """Yield the files in the order of the manifest, links before all others.

        Args:
            most: How many at most; None for all.
        """
        if not len(self):  # a manifest that nobody looked for copies in lacks the columns
            return
        source = open_source(self._manifest.source)
        columns = self._kept_columns(most)
        for number, leaving in enumerate(super().files(most)):
            match, kept, kept_hash, stays, is_here = (column[number].as_py() for column in columns)
            file = source.local_file(kept) if is_here else Path(kept)
            yield replace(leaving, match=match, kept=file if stays else None, kept_hash=kept_hash)

    def _kept_columns(self, most: int | None) -> tuple[pa.ChunkedArray, ...]:
        """Return evidence, path and hash of each kept file, and whether it stays and is here.

        The hash of one in another source stands beside its path.
        """
        every = self._manifest.rows.read(["path", "hash", "keep"])
        chosen = self._manifest.rows.take(["match", "duplicate_of"], self._rows[:most])
        numbers = pc.index_in(chosen["duplicate_of"], value_set=every["path"].combine_chunks())
        stays = pc.fill_null(every["keep"].take(numbers), fill_value=True)
        hashes = every["hash"].take(numbers)
        if _OTHER_HASH in self._manifest.rows.schema.names:
            other = self._manifest.rows.take([_OTHER_HASH], self._rows[:most])[_OTHER_HASH]
            hashes = pc.if_else(pc.is_valid(numbers), hashes, pc.cast(other, pa.string()))
        return (
            chosen["match"],
            chosen["duplicate_of"],
            hashes,
            stays,
            pc.is_valid(numbers),
        )


def plan_copies(manifest: Manifest, choice: Choice, *, needs_equal_bytes: bool = False) -> CopyPlan:
    """Return the copies that need not be kept and are chosen.

    Args:
        manifest: What `curate dedup` wrote.
        choice: Which copies.
        needs_equal_bytes: Whether only copies by their bytes may go.

    Raises:
        UsageError: The manifest names no copies, or the choice a column that is not there.
    """
    for name in ("keep", "match", "duplicate_of", "similarity"):
        manifest.check(name, hint="find the copies first: `curate dedup M.parquet`")
    names = ["status", "keep", "match", "duplicate_of", "similarity"]
    if "keep_reason" in manifest.rows.schema.names:
        names.append("keep_reason")
    table = manifest.rows.read(names)
    claims = _claims(table, choice, needs_equal_bytes=needs_equal_bytes)
    is_leaving = _holds(pc.invert(table["keep"]))
    passed_over = {}
    for reason, holds in ((NOT_WHERE, _where(manifest, choice)), *claims):
        if n_rows := int((is_leaving & ~holds).sum()):
            passed_over[reason] = n_rows
        is_leaving &= holds
    return CopyPlan(manifest, is_leaving, passed_over)


def _claims(
    table: pa.Table, choice: Choice, *, needs_equal_bytes: bool
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield what must hold of a copy that may go, (N,) bool, each after why it may not else."""
    yield NOT_READABLE, _holds(pc.equal(table["status"], Status.OK.value))
    names_one = _holds(pc.is_valid(table["duplicate_of"]))
    if "keep_reason" in table.column_names:
        reasons = pa.array([LABELS_REASON, LINK_LABELS_REASON])
        why = pc.cast(table["keep_reason"], pa.string())
        is_for_labels = _holds(pc.is_in(why, value_set=reasons))
        yield NOT_FOR_LABELS, ~is_for_labels | names_one
    yield NAMES_NONE, names_one
    yield NO_EVIDENCE, _is_by(table, EVIDENCE)
    if choice.match is not None:
        wanted = EVIDENCE[: EVIDENCE.index(choice.match) + 1]
        yield f"its evidence is weaker than {choice.match}", _is_by(table, wanted)
    if needs_equal_bytes:
        yield NOT_EQUAL_BYTES, _is_by(table, EQUAL_BYTES)
    if choice.at_least is not None:
        least = pa.scalar(choice.at_least, pa.float32())  # as the column has it: 0.99 is 0.99
        is_likely = _holds(pc.greater_equal(table["similarity"], least))
        yield f"its probability is not at least {choice.at_least}", is_likely


def _is_by(table: pa.Table, evidence: Sequence[str]) -> NDArray[np.bool_]:
    return _holds(pc.is_in(table["match"], value_set=pa.array(evidence)))


def _holds(claim: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return where a claim is true, (N,) bool; where it is null it is not."""
    return np.asarray(pc.fill_null(claim, fill_value=False).to_numpy(), bool)


def plan_unreadable(manifest: Manifest, choice: Choice) -> Plan:
    """Return the files that nobody can read; of the choice only ``where`` counts.

    Raises:
        UsageError: The choice names a column that is not there.
    """
    return Plan(manifest, ~is_readable(manifest.rows) & _where(manifest, choice))


def _where(manifest: Manifest, choice: Choice) -> NDArray[np.bool_]:
    if choice.where is None:
        return np.ones(len(manifest.rows), bool)
    return matching(manifest.rows, choice.where)

"""Dedup: find the copies, say why each is one, and choose what stays."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.annotations.add_labels import add_labels
from curate.annotations.open_labels import open_labels
from curate.argument_types import check_arguments
from curate.choices import Level
from curate.copies.config import DedupConfig
from curate.copies.inputs import Inputs
from curate.copies.manifest_columns import (
    are_counted,
    count_conflicts,
    find_manifest_boxes,
    make_manifest_columns,
    resolve_conflicts,
)
from curate.copies.records import Copies
from curate.copies.report import (
    is_pair_table,
    make_miss_table,
    make_pair_table,
    write_pair_table,
    write_sheets,
)
from curate.copies.search_manifest import ManifestSearch
from curate.engine.opening import EngineConfig, open_engine
from curate.engine.shards import Engine
from curate.errors import UsageError
from curate.files import replacing_own_folder
from curate.images.contact_sheet import is_own_sheet
from curate.manifest.duplicates import RungCount, count_duplicates
from curate.manifest.manifest import (
    Manifest,
    check_overwritable,
    read_manifest,
    write_manifest,
)
from curate.manifest.selection import count_reasons
from curate.output_checks import check_output, check_output_folder
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent
from curate.retrieval.pair_table import PairTable
from curate.retrieval.show import show
from curate.review_page.judged_pairs import read_judged
from curate.sources import Address, check_source, is_source
from curate.workspace.cuts import (
    cut_path,
    drop_old_cuts,
    evidence_path,
    misses_path,
    use_cut,
)
from curate.workspace.integrity import Damaged, read_table, write_table
from curate.workspace.models import find_model
from curate.workspace.older_manifest import keep_columns
from curate.workspace.scan import Scan, ScanConfig, scan
from curate.workspace.workspace import Workspace, find_workspace

_FIRST = "manifest.parquet"
_SHOWN_GROUPS = 4
_SHOWN_MEMBERS = 6
__all__ = ["DedupConfig", "DedupResult", "RungCount", "dedup"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DedupResult(ShownInNotebooks):
    """What the stage did.

    Attributes:
        manifest: The file written.
        source: Folder of the images.
        against: Folder that they were compared with, or None.
        against_from: The manifest that named the images there, or the source itself; or None.
        n_images: Images of the manifest.
        n_unreadable: Rows that cannot be used.
        n_groups: Duplicate groups, those of which all images stay too; links alone make none.
        n_duplicates: Images that need not be kept; with ``against``, copies of images there.
        n_links: Other names of files: links, which are no copies and take no bytes.
        duplicate_bytes: Size of the duplicates.
        threshold: Least probability of being a copy that counted.
        rungs: The same by evidence, strongest first.
        n_reviews: Decisions on pairs and kept images, of `curate review`, that the groups obey.
        evidence: The file of evidence that was asked for, or None.
        workspace: Folder of the workspace, in which the result may be questioned.
        config: The stage's settings.
        sheets: The folder of contact sheets, or None.
        n_drawn: Duplicate groups on the sheets.
        n_conflicts: Duplicate groups with more than one label.
        n_boxes_lost: Dropped images with boxes whose kept image has none; none are taken over.
        n_boxes_moved: Those of them that are mirrored, turned or cropped beside it.
    """

    manifest: str
    source: str
    against: str | None
    against_from: str | None
    n_images: int
    n_unreadable: int
    n_groups: int
    n_duplicates: int
    n_links: int
    duplicate_bytes: int
    threshold: float
    rungs: list[RungCount]
    n_reviews: int
    evidence: str | None
    workspace: str
    config: DedupConfig
    sheets: str | None
    n_drawn: int
    unreadable: dict[str, int]
    passed_over: dict[str, int]
    problems: list[str]
    n_conflicts: int
    n_boxes_lost: int
    n_boxes_moved: int

    @property
    def pairs(self) -> PairTable:
        """The accepted pairs with their evidence, a row each, as ``--pairs`` writes them.

        An Arrow table that a notebook shows: `curate.retrieval.pair_table`.

        Raises:
            Damaged: They are lost, or are not what was written.
        """
        space = find_workspace(self.workspace)
        use_cut(space, Path(self.manifest))
        path = evidence_path(space, Path(self.manifest))
        try:
            table = read_table(path)
        except Damaged as damage:
            raise Damaged(path, damage.reason, hint="run `curate dedup` again") from None
        return PairTable(table, workspace=self.workspace, source=self.source)

    def least_sure(self, n: int = 20) -> PairTable:
        """Return the n accepted pairs that are least surely copies, the least sure first."""
        order = [("similarity", "ascending"), ("path", "ascending")]
        table = self.pairs.sort_by(order).slice(0, n)
        return PairTable(table, workspace=self.workspace, source=self.source)

    def groups(self) -> list[list[str]]:
        """Return the paths of each duplicate group, the kept image first, in order of number."""
        use_cut(find_workspace(self.workspace), Path(self.manifest))
        rows = read_manifest(Path(self.manifest)).rows.read(["path", "group", "duplicate_of"])
        found: dict[int, list[str]] = {}
        members = rows.filter(pc.is_valid(rows["group"])).to_pylist()
        for row in sorted(members, key=lambda row: row["duplicate_of"] is not None):
            found.setdefault(row["group"], []).append(row["path"])
        return [found[number] for number in sorted(found)]

    def at(
        self, *, precision: float | None = None, threshold: float | None = None
    ) -> "DedupResult":
        """Return what another cut gives, from the evidence that is known; nothing is searched.

        The manifest is left as it is: that of the other cut lies in the workspace, one file for
        each cut, of which the last 1 GB are kept.

        Args:
            precision: Share of the accepted pairs that should be copies; None keeps that asked for.
            threshold: Least probability that counts, in its place.

        Raises:
            UsageError: A share is not between 0 and 1.
        """
        asked = self.config.precision if precision is None else precision
        config = replace(self.config, precision=asked, threshold=threshold)
        space = find_workspace(self.workspace)
        cut_name = f"at-{asked:g}" if threshold is None else f"from-{threshold:g}"
        out = cut_path(space, Path(self.manifest), cut_name)
        other = self.against_from
        cut = dedup(self.manifest, config, out=out, against=other, workspace=self.workspace)
        with space.writing():
            drop_old_cuts(space, out)
        return cut

    def _show_images(self) -> str:
        """Return the first groups, each in a row."""
        rows = []
        for members in self.groups()[:_SHOWN_GROUPS]:
            paths = members[:_SHOWN_MEMBERS]
            rows.append(show(paths, workspace=self.workspace)._repr_html_())
        return "".join(rows)


@check_arguments
def dedup(  # noqa: PLR0913 - one question, several places for the answer
    target: Address | None = None,
    config: DedupConfig | None = None,
    *,
    out: Path | str | None = None,
    against: Path | str | None = None,
    pairs: Path | str | None = None,
    sheets: Path | str | None = None,
    most_groups: int = 240,
    scan_config: ScanConfig | None = None,
    engine: EngineConfig | None = None,
    workspace: Path | str | None = None,
    progress: Progress | None = None,
) -> DedupResult:
    """Find copies and fill the duplicate columns of a manifest.

    Args:
        target: A manifest, or a source of images or several, which are scanned first; None takes
            the newest manifest of the workspace.
        config: The stage's settings.
        out: The manifest to write; None writes the one that was read, or ``manifest.parquet`` for
            a folder.
        against: A source, manifest or workspace. Then only images that are copies of one there are
            reported, and none there is ever dropped.
        pairs: Where to write the evidence of every accepted pair, a Parquet file.
        sheets: A folder to draw the duplicate groups in.
        most_groups: Duplicate groups drawn at most.
        scan_config: What a scan passes over, and how large a picture may be.
        engine: Where the costly work is done; None for this process.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Hears how it gets on.

    Raises:
        InputError: The folder, the manifest, the workspace or an output cannot be used.
        UsageError: Two outputs have one name, or what is to be protected names no image.
        ResourceError: The lock is held or the disk is full.
    """
    config, progress = config or DedupConfig(), progress or Silent()
    space = find_workspace(workspace, progress)
    named = target if target is not None else space.newest_manifest()
    out = Path(out if out is not None else _FIRST if is_source(named) else str(_only(named)))
    _check_outputs(out, pairs, sheets)
    against = _find_other(against)
    _check_inputs(named, against, config, space)
    with space.writing(progress), open_engine(engine, space.root, progress) as shards:
        manifest, found = _read_or_scan(
            named, out, space, config.labels, progress, scan_config, shards
        )
        other, other_from = _read_other(against, space, progress, scan_config, shards)
        judged = None if config.ignore_reviews else read_judged(space.root, progress)
        search = ManifestSearch(
            manifest=manifest,
            other=other,
            config=config,
            judged=judged,
            workspace=space,
            engine=shards,
            progress=progress,
        )
        found_copies = search.run()
        manifest, inputs = found_copies.manifest, found_copies.inputs
        config, copies = found_copies.config, found_copies.copies
        copies, conflicts = resolve_conflicts(manifest, inputs, copies, config)
        is_counted = are_counted(inputs.images, copies, is_against=other is not None)
        lost = find_manifest_boxes(manifest, inputs, copies)
        columns = make_manifest_columns(manifest, inputs, copies, config, is_counted, conflicts)
        written = manifest.with_columns(columns, stage="dedup", config=asdict(config))
        write_manifest(written, out)
        counts = count_duplicates(written.rows)
        evidence = make_pair_table(inputs, copies.pairs)
        if pairs is not None:
            write_pair_table(Path(pairs), evidence)
        _keep_evidence(space, out, evidence, make_miss_table(inputs.images, copies.misses))
        n_drawn = _draw_sheets(sheets, inputs, copies, is_counted, most_groups)
        space.remember(manifest=out.absolute())
    for note in (*copies.notes, *filter(None, [lost.describe()])):
        progress.note(note)
    return DedupResult(
        manifest=str(out),
        source=manifest.source,
        against=other.source if other is not None else None,
        against_from=other_from,
        n_images=int((~inputs.images.is_other).sum()) + len(inputs.links),
        n_unreadable=manifest.n_unreadable,
        unreadable=count_reasons(manifest.rows),
        passed_over=dict(found.passed_over) if found is not None else {},
        problems=list(found.problems) if found is not None else [],
        n_groups=counts.n_groups,
        n_duplicates=counts.n_duplicates,
        n_links=len(inputs.links),
        duplicate_bytes=counts.bytes,
        threshold=copies.threshold,
        rungs=counts.rungs,
        n_reviews=judged.count(inputs.images.content_hash) if judged is not None else 0,
        evidence=str(pairs) if pairs is not None else None,
        workspace=str(space),
        config=config,
        sheets=str(sheets) if sheets is not None else None,
        n_drawn=n_drawn,
        n_conflicts=count_conflicts(conflicts, is_counted),
        n_boxes_lost=lost.n_alike + lost.n_moved,
        n_boxes_moved=lost.n_moved,
    )


def _keep_evidence(space: Workspace, out: Path, evidence: pa.Table, misses: pa.Table) -> None:
    write_table(evidence, evidence_path(space, out))
    write_table(misses, misses_path(space, out))


def _check_outputs(out: Path, pairs: Path | str | None, sheets: Path | str | None) -> None:
    """Check that all outputs may be written, before the work.

    Raises:
        UsageError: Two of them are one place.
        InputError: One would replace what is not ours.
    """
    places = [Path(output).resolve() for output in (out, pairs, sheets) if output is not None]
    if len(set(places)) < len(places):
        raise UsageError("two outputs have one name", hint="name each of them differently")
    check_overwritable(out)
    if pairs is not None:
        check_output(Path(pairs), is_pair_table, what="a table of pairs")
    if sheets is not None:
        check_output_folder(Path(sheets), is_own_sheet, what="the sheets")


def _find_other(other: Path | str | None) -> Path | str | None:
    """Return what the images are compared with: of a workspace, the source that it saw last."""
    if other is not None and Workspace(Path(other)).is_there():
        return Workspace(Path(other)).newest_source()
    return other


def _check_inputs(
    target: Address, other: Path | str | None, config: DedupConfig, space: Workspace
) -> None:
    """Check that all that is named is there, before the work.

    Raises:
        InputError: A source, a manifest or the model is not there.
        UsageError: There is no such model, or labels of no such kind.
    """
    open_labels(config.labels)
    for named in (target, *([other] if other is not None else [])):
        if is_source(named):
            check_source(named)
        else:
            read_manifest(Path(_only(named)))
    if config.level is Level.SEMANTIC and is_source(target):
        find_model(space, config.model)


def _draw_sheets(
    sheets: Path | str | None,
    inputs: Inputs,
    copies: Copies,
    is_counted: NDArray[np.bool_],
    most_groups: int,
) -> int:
    """Draw the groups where a folder for them is named; return how many are drawn."""
    if sheets is None:
        return 0
    with replacing_own_folder(Path(sheets), is_own_sheet) as folder:
        return write_sheets(folder, inputs, copies, is_counted=is_counted, most_groups=most_groups)


def _only(target: Address) -> Path | str:
    """Return the manifest that is named, alone or in a list of one."""
    return target if isinstance(target, Path | str) else target[0]


def _read_or_scan(  # noqa: PLR0913 - what `dedup` was asked
    target: Address,
    out: Path,
    space: Workspace,
    labels: str,
    progress: Progress,
    config: ScanConfig | None,
    engine: Engine | None,
) -> tuple[Manifest, Scan | None]:
    """Return the manifest named, or that of a folder with the other columns of ``out``."""
    if not is_source(target):
        return read_manifest(Path(_only(target))), None
    found = scan(target, space, progress, config=config, engine=engine)
    found.readable()
    manifest = add_labels(found.manifest(), labels, progress, said=found.said)
    return keep_columns(manifest, out, progress), found


def _read_other(
    other: Path | str | None,
    space: Workspace,
    progress: Progress,
    config: ScanConfig | None,
    engine: Engine | None,
) -> tuple[Manifest, str] | tuple[None, None]:
    """Return the manifest of what the images are compared with, and what names the same anywhere.

    The limit of pixels holds there.
    """
    if other is None:
        return None, None
    limit = ScanConfig(max_pixels=config.max_pixels) if config is not None else None
    if not is_source(other):
        return read_manifest(Path(other)), str(Path(other).absolute())
    found = scan(other, space, progress, config=limit, engine=engine)
    found.readable()
    return found.manifest(), found.source

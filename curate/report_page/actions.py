"""Actions: what to do next, most urgent first, each with the command that does it."""

from dataclasses import dataclass

from curate.algorithms.classifiers import SUSPECT_FROM
from curate.amounts import count_of, format_bytes
from curate.commands import format_command, name_file
from curate.pages.templates import format_count, format_few
from curate.report_page.summary import Summary

EVEN_ENOUGH = 0.9
"""Effective number of clusters as a share of all, above which no balanced sample is proposed: one
of 850 from 2,100 photos, which shares out what there is, came to 0.98."""


MOST_DRAWN = 500
"""Images on a sheet that is proposed, at most."""

FEWEST_TO_GROUP = 8
"""Readable images below which no training is proposed: there is nothing to group."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Commands:
    """Makes commands on one manifest, as a shell takes them.

    Attributes:
        manifest: Its file.
        source: Folder of its images.
        workspace: What the workspace was named by; None where nothing was.
    """

    manifest: str
    source: str
    workspace: str | None = None

    def format(self, verb: str, *words: str) -> str:
        """Return a command on the manifest.

        Args:
            verb: What it does.
            words: What follows the manifest.
        """
        return format_command(verb, name_file(self.manifest), *words, workspace=self.workspace)

    def format_grouping(self) -> str:
        """Return the commands that train on the source and group its images."""
        out = name_file(self.manifest)
        train = format_command("train", self.source, workspace=self.workspace)
        return f"{train} && {format_command('cluster', '--out', out, workspace=self.workspace)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """One thing to do.

    Attributes:
        title: What, in the imperative.
        reason: Why: what was found, with numbers.
        command: What does it; empty where nothing but a look is needed.
        section: Name of the part of the page that shows it.
    """

    title: str
    reason: str
    command: str
    section: str


def list_actions(summary: Summary, commands: Commands) -> list[Action]:
    """Return what to do next.

    Args:
        summary: What was found.
        commands: On the manifest.
    """
    actions = []
    if summary.n_unreadable:
        n = summary.n_unreadable
        actions.append(
            Action(
                title=f"Look at {count_of(n, 'file')} that cannot be read",
                reason=f"The most frequent reason: {summary.unreadable[0][0]}.",
                command="",
                section="unreadable",
            )
        )
    actions += _act_on_copies(summary, commands)
    actions += _act_on_labels(summary, commands)
    actions += _act_on_balance(summary, commands)
    return actions


def _act_on_copies(summary: Summary, commands: Commands) -> list[Action]:
    if not summary.was_searched:
        return [
            Action(
                title="Find the copies",
                reason="Copies were not looked for yet. No model is needed, no image is changed.",
                command=commands.format("dedup"),
                section="copies",
            )
        ]
    actions = []
    if summary.n_unjudged:
        n = summary.n_unjudged
        actions.append(
            Action(
                title=f"Search {count_of(n, 'more image')} for copies",
                reason=f"{'It was' if n == 1 else 'They were'} not judged, as what came after the "
                f"last search; until then {'it stays' if n == 1 else 'all of them stay'}.",
                command=commands.format("dedup"),
                section="copies",
            )
        )
    if summary.leaks:
        actions.append(
            Action(
                title=f"Close {count_of(len(summary.leaks), 'leak')} between splits",
                reason="Copies of one image lie in several splits, so a test would measure memory.",
                command=commands.format("split"),
                section="leaks",
            )
        )
    n_tied = summary.n_copies - summary.n_for_labels
    if summary.n_groups_here and summary.expected_wrong > 0:
        actions.append(
            Action(
                title=f"Confirm or overrule the doubtful ones of "
                f"{count_of(summary.n_groups, 'duplicate group')}",
                reason=f"By the stated probabilities {format_few(summary.expected_wrong)} of "
                f"{count_of(n_tied, 'copy is', 'copies are')} expected to be wrong. What "
                "you decide holds for every later run.",
                command=commands.format("review"),
                section="copies",
            )
        )
    if summary.n_copies:
        all_that_stay = ("--where", "keep is not false") if summary.n_selected else ()
        actions.append(
            Action(
                title=f"Leave out {count_of(summary.n_copies, 'image')} that need not be kept "
                f"({format_bytes(summary.copy_bytes)})",
                reason="Export the images that stay. Nothing in your folder is changed.",
                command=commands.format("export", "--to", "kept", *all_that_stay),
                section="copies",
            )
        )
    return actions


def _act_on_labels(summary: Summary, commands: Commands) -> list[Action]:
    actions = []
    if summary.conflicts:
        actions.append(
            Action(
                title=f"Settle {count_of(len(summary.conflicts), 'label conflict')}",
                reason="Copies of one image have different labels; at most one can be right.",
                command="",
                section="conflicts",
            )
        )
    if summary.n_suspects:
        n_drawn = min(summary.n_suspects, MOST_DRAWN)
        where = ("--where", f"label_suspect > {SUSPECT_FROM:g}")
        order = ("--by", "label_suspect", "--descending")
        actions.append(
            Action(
                title=f"Check {count_of(summary.n_suspects, 'suspicious label')}",
                reason="Most of the nearest images have another label"
                + (
                    f"; they predict {100 * summary.labels.agreement:.0f} % of all labels."
                    if summary.labels
                    else "."
                )
                + (f" The {n_drawn} most suspicious are drawn." * (n_drawn < summary.n_suspects)),
                command=commands.format(
                    "sheet", *where, *order, "--limit", str(n_drawn), "--out", "suspects.jpg"
                ),
                section="suspects",
            )
        )
    return actions


def _act_on_balance(summary: Summary, commands: Commands) -> list[Action]:
    if summary.n_readable < FEWEST_TO_GROUP:
        return []
    if not summary.n_clusters:
        return [
            Action(
                title="Group the images by content",
                reason="There are no clusters yet. Training learns from these images alone.",
                command=commands.format_grouping(),
                section="clusters",
            )
        ]
    if summary.n_selected or summary.balance is None:
        return []
    spread = summary.balance.spreads[-1]
    if spread.evenness > EVEN_ENOUGH or spread.n_images < 2 or len(spread.sizes) < 2:
        return []
    size = max(1, min(spread.n_images // 2, 10 * len(spread.sizes)))
    return [
        Action(
            title="Draw a balanced sample",
            reason=f"{format_count(len(spread.sizes))} clusters are as uneven as "
            f"{spread.effective:.0f} of one size would be.",
            command=commands.format("sample", "--size", str(size), "--out", "sample.parquet"),
            section="balance",
        )
    ]

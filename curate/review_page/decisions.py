"""Decisions: what a person said of pairs, clusters and images, by content hash, never lost.

The log ``reviews.jsonl`` of a workspace is only ever appended to, and what is appended is on the
disk before its sender hears of it. So a killed server loses nothing; a line that a crash cut
short, or that is damaged, is passed over. The last word on a subject counts. Contents are named,
not paths: a decision holds for moved files and in other manifests.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from curate.amounts import count_of
from curate.errors import ResourceError
from curate.files import disk_errors
from curate.progress import Progress
from curate.workspace.checked_lines import end_last_line, format_line, read_lines
from curate.workspace.workspace import REVIEWS

Key = tuple[str, tuple[str, ...], str | None]


class Verdict(StrEnum):
    """What a person said."""

    COPY = "copy"
    DIFFERENT = "different"
    KEEP = "keep"
    ACCEPT = "accept"
    REJECT = "reject"
    TAKE = "take"
    LEAVE = "leave"
    NAME = "name"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """One line of the log.

    Attributes:
        subject: What is decided: ``pair``, ``image``, ``outlier``, ``label``, ``sample`` or
            ``cluster``.
        hashes: Content hashes: two of a pair, rising; one of an image; of a cluster those of its
            medoid.
        verdict: What was said; ``undecided`` takes back what was said before.
        text: A cluster's name, or None.
        label: That was judged, of a label: files of equal content may have others. None where the
            label was not kept, in older lines: these speak of the content with any label.
        probability: That was stated for a pair when it was judged, or None.
        action: Number of the action, from 1; those of one number are undone together, by decisions
            of the negative number.
        time: When, seconds since 1970.
    """

    subject: str
    hashes: tuple[str, ...]
    verdict: Verdict
    text: str | None = None
    label: str | None = None
    probability: float | None = None
    action: int = 0
    time: float = 0.0

    @property
    def key(self) -> Key:
        """What a later decision must share to replace this one."""
        return (self.subject, self.hashes, self.label)


def pair_key(first: str, second: str) -> tuple[str, str]:
    """Return the hashes of a pair, rising."""
    return (first, second) if first <= second else (second, first)


class DecisionLog:
    """The log of one workspace: the last word on each subject."""

    def __init__(self, path: Path) -> None:
        """Read a log, which need not be there yet."""
        self._path = path
        self._n_damaged = 0
        self._last: dict[Key, Decision] = {}
        self._history: list[Decision] = []
        for content in read_lines(path):
            decision = _parse(content) if content is not None else None
            if decision is None:
                self._n_damaged += 1
            else:
                self._take(decision)

    @classmethod
    def of_workspace(cls, root: Path, progress: Progress | None = None) -> "DecisionLog":
        """Read the log of a workspace.

        Args:
            root: Its folder.
            progress: Hears of lines that are damaged.
        """
        log = cls(root / REVIEWS)
        if log._n_damaged and progress is not None:
            are = count_of(log._n_damaged, "line is", "lines are")
            progress.note(
                f"{log._path}: {are} damaged and passed over; decide again with `curate review`"
            )
        return log

    def __len__(self) -> int:
        return len(self._last)

    @property
    def next_action(self) -> int:
        """Number of the next action."""
        return 1 + max((one.action for one in self._history), default=0)

    def get(self, subject: str, *hashes: str, label: str | None = None) -> Decision | None:
        """Return the last word on a subject, or None if there is none."""
        return self._last.get((subject, hashes, label))

    def of(self, subject: str) -> list[Decision]:
        """Return the last word on all subjects of a kind, in the order of their first mention."""
        return [one for one in self._last.values() if one.subject == subject]

    def speaks_of(self, subject: str) -> bool:
        """Return whether anything was ever said of a kind of subject, even if it was taken back."""
        return any(one.subject == subject for one in self._history)

    def append(self, decisions: Iterable[Decision]) -> None:
        """Write decisions; they are on the disk when this returns.

        Raises:
            ResourceError: The disk is full or the place cannot be written.
        """
        decisions = list(decisions)
        if not decisions:
            return
        lines = "".join(format_line(_describe(one), self._path) for one in decisions).encode()
        with disk_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lines = end_last_line(self._path) + lines
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                if os.write(handle, lines) != len(lines):
                    raise ResourceError(
                        f"{self._path} could not be written whole", hint="free some space"
                    )
                os.fsync(handle)
            finally:
                os.close(handle)
        for one in decisions:
            self._take(one)

    def undo(self) -> list[Decision]:
        """Return what takes back the last action that still holds; empty if there is none."""
        numbers = {one.action for one in self._history}
        last = max((one for one in numbers if one > 0 and -one not in numbers), default=None)
        return [] if last is None else self._restore(last)

    def _restore(self, action: int) -> list[Decision]:
        """Return decisions that bring back what held before an action."""
        first: dict[Key, int] = {}
        for place, one in enumerate(self._history):
            if one.action == action:
                first.setdefault(one.key, place)
        restored = []
        for key, place in first.items():
            subject, hashes, label = key
            restored.append(
                Decision(
                    subject=subject,
                    hashes=hashes,
                    label=label,
                    verdict=Verdict.UNDECIDED,
                    action=-action,
                )
            )
            earlier = [one for one in self._history[:place] if one.key == key]
            if earlier and earlier[-1].verdict is not Verdict.UNDECIDED:
                restored.append(replace(earlier[-1], action=-action))
        return restored

    def _take(self, decision: Decision) -> None:
        self._history.append(decision)
        if decision.verdict is Verdict.UNDECIDED:
            self._last.pop(decision.key, None)
        else:
            self._last[decision.key] = decision


def _parse(content: Mapping[str, Any]) -> Decision | None:
    """Return the decision of a line, or None if it is none."""
    try:
        return Decision(
            subject=str(content["subject"]),
            hashes=tuple(str(one) for one in content["hashes"]),
            verdict=Verdict(content["verdict"]),
            text=content.get("text"),
            label=content.get("label"),
            probability=content.get("probability"),
            action=int(content.get("action", 0)),
            time=float(content.get("time", 0)),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _describe(decision: Decision) -> dict[str, Any]:
    """Return a decision as a line holds it."""
    content: dict[str, Any] = {
        "time": round(decision.time, 3),
        "action": decision.action,
        "subject": decision.subject,
        "verdict": decision.verdict.value,
        "hashes": list(decision.hashes),
    }
    if decision.text is not None:
        content["text"] = decision.text
    if decision.label is not None:
        content["label"] = decision.label
    if decision.probability is not None:
        content["probability"] = round(decision.probability, 6)
    return content

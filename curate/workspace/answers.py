"""What images answered before a training, kept by what was asked: asking takes seconds."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from curate.progress import Progress
from curate.workspace.integrity import Damaged, read_checked_json, write_checked_json
from curate.workspace.workspace import Workspace


def ask_once(
    workspace: Workspace,
    question: str,
    *,
    images: Sequence[str],
    settings: Sequence[Mapping[str, Any]],
    ask: Callable[[], dict[str, float]],
    progress: Progress,
) -> dict[str, float]:
    """Return the figures that answer a question, asked only where it was not before.

    Args:
        workspace: Keeps the answers; the caller holds its lock.
        question: Its name.
        images: Content hashes of the images that are asked.
        settings: Of the networks that are asked.
        ask: Asks the images.
        progress: Hears of damage.
    """
    asked = json.dumps([question, list(images), list(settings)], sort_keys=True)
    key = hashlib.sha256(asked.encode()).hexdigest()
    known = _read_answers(workspace, progress)
    if key not in known:
        known[key] = ask()
        write_checked_json(workspace.answers, known)
    return known[key]


def find_answer_damage(workspace: Workspace) -> list[Damaged]:
    """Return what is wrong with the file of answers."""
    try:
        read_checked_json(workspace.answers)
    except FileNotFoundError:
        return []
    except Damaged as damage:
        return [damage]
    return []


def _read_answers(workspace: Workspace, progress: Progress) -> dict[str, dict[str, float]]:
    try:
        known = read_checked_json(workspace.answers)
    except FileNotFoundError:
        return {}
    except Damaged as damage:
        progress.note(f"{damage}; the images are asked again")
        return {}
    return {key: found for key, found in known.items() if isinstance(found, dict)}

"""How a file leaves: one file a way, all by the steps of ``base``."""

from curate.choices import Removal
from curate.removal.actions.base import Action
from curate.removal.actions.delete import Delete
from curate.removal.actions.hardlink import Hardlink
from curate.removal.actions.move import Move
from curate.removal.actions.reflink import Reflink
from curate.removal.actions.trash import Trash
from curate.removal.disk import Disk

ACTIONS: tuple[type[Action], ...] = (Move, Trash, Hardlink, Reflink, Delete)


def make_action(kind: Removal, disk: Disk) -> Action:
    """Return what removes files in a way."""
    return next(action for action in ACTIONS if action.kind is kind)(disk)

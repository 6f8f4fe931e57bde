"""What a pipeline needs to know of the commands that it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Kind(StrEnum):
    """What the value of an option is."""

    TEXT = "string"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "boolean"


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """An option or argument of a command.

    Attributes:
        name: As people write it, without dashes before it, such as ``batch-size``.
        kind: What its value is.
        help: A sentence.
        choices: The values it may have; none for any.
        default: What it is if it is not given, or None.
        is_argument: Whether the command takes it without its name.
        is_required: Whether the command cannot do without it.
        is_repeated: Whether it may be given several times.
    """

    name: str
    kind: Kind
    help: str
    choices: tuple[str, ...] = ()
    default: str | int | float | bool | None = None
    is_argument: bool = False
    is_required: bool = False
    is_repeated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        exit_code: 0 if all is well.
        result: What it found, as ``--json`` has it; empty if it failed.
    """

    exit_code: int
    result: Mapping[str, Any]


class Commands(Protocol):
    """The commands of the program."""

    def names(self) -> Sequence[str]:
        """Return their names."""

    def options(self, command: str) -> Mapping[str, Option]:
        """Return the options of a command by their names, in its order."""

    def check(self, command: str, words: Sequence[str]) -> None:
        """Check all that can be checked before a command works.

        Args:
            command: Its name.
            words: What would follow the name on a command line.

        Raises:
            UsageError: Something makes no sense.
        """

    def call(self, command: str, words: Sequence[str]) -> Ended:
        """Run a command as if its words were typed.

        Raises:
            CurateError: It failed in a way that the user can mend.
        """

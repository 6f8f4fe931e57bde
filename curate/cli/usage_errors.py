"""What is told of a value that an option cannot have: in our words, whatever the parser's are."""

import os
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo

from curate.choices import find_choice
from curate.errors import UsageError

_KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


def explain_mistake(
    error: typer.TyperException, words: Sequence[str], program: typer.Typer
) -> UsageError:
    """Return what to tell of words that the program cannot take.

    Args:
        error: What the parser says.
        words: A command and what follows it.
        program: What has the command.
    """
    commands = [one.callback for one in program.registered_commands if one.callback is not None]
    command = next((one for one in commands if one.__name__ == words[0]), None)
    hint = f"see `curate {words[0] + ' ' if command else ''}--help`"
    if isinstance(error, typer.BadParameter) and error.param is not None and command is not None:
        annotation = get_type_hints(command, include_extras=True)[str(error.param.name)]
        given = _find_value(words[1:], error.param.opts, error.param.envvar)
        if given is not None and get_origin(annotation) is Annotated:
            kind, info = get_args(annotation)[:2]
            told = _explain_value(*given, _strip_optional(kind), info, hint)
            if told is not None:
                return told
    return UsageError(error.format_message(), hint=hint)


def _find_value(
    words: Sequence[str], names: Sequence[str], variable: str | Sequence[str] | None
) -> tuple[str, str] | None:
    """Return how an option was named and the value it was given last, None if it has none.

    Args:
        words: What follows the command.
        names: Of the option, with their dashes.
        variable: Of the environment, that gives its value where no word does.
    """
    found = None
    for word, after in pairwise([*words, ""]):
        name, is_joined, value = word.partition("=")
        short = next((one for one in names if len(one) == 2 and word.startswith(one)), None)
        if word in names:
            found = word, after
        elif is_joined and name in names:
            found = name, value
        elif short is not None:
            found = short, word[2:]
    if found is None and isinstance(variable, str) and variable in os.environ:
        return variable, os.environ[variable]
    return found


def _strip_optional(kind: Any) -> Any:  # noqa: ANN401 - any type
    """Return a type without None beside it."""
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    return kind


def _explain_value(
    name: str,
    value: str,
    kind: Any,  # noqa: ANN401 - any type
    info: OptionInfo,
    hint: str,
) -> UsageError | None:
    """Return what is wrong with the value of an option, None if its type does not say.

    Args:
        name: Of the option.
        value: What it was given.
        kind: The type of the option.
        info: Its least and its largest value.
        hint: Where no choices can be named.
    """
    if not isinstance(kind, type):
        return None
    if issubclass(kind, StrEnum):
        try:
            find_choice(value, kind, name=name)
        except UsageError as told:
            return told
        return None
    if kind not in _KINDS:
        return None
    ranges = [
        *([f"at least {info.min}"] if info.min is not None else []),
        *([f"at most {info.max}"] if info.max is not None else []),
    ]
    wanted = ", ".join([_KINDS[kind], " and ".join(ranges)] if ranges else [_KINDS[kind]])
    return UsageError(f"{name} must be {wanted}, got {value!r}", hint=hint)

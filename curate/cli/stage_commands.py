"""The commands of the program as a pipeline runs them: their options, checks and calls."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from curate.cli.session import Session, session
from curate.cli.usage_errors import explain_mistake
from curate.errors import UsageError
from curate.pipeline.commands import Ended, Kind, Option


class ProgramCommands:
    """The commands of ``curate``."""

    def names(self) -> Sequence[str]:
        """Return their names."""
        return list(_functions())

    def options(self, command: str) -> Mapping[str, Option]:
        """Return the options of a command by their names, in its order."""
        return _options_of(_functions()[command])

    def check(self, command: str, words: Sequence[str]) -> None:
        """Have a command read its words and stop before it works.

        Raises:
            UsageError: Something makes no sense.
        """
        self._invoke(command, words, Session(is_check=True))

    def call(self, command: str, words: Sequence[str]) -> Ended:
        """Run a command as if its words were typed.

        Raises:
            CurateError: It failed in a way that the user can mend.
        """
        here = Session(is_silent=session().is_silent)
        exit_code = self._invoke(command, words, here)
        return Ended(exit_code=exit_code, result=here.results[-1] if here.results else {})

    def _invoke(self, command: str, words: Sequence[str], here: Session) -> int:
        from curate.cli.app import app

        with here:
            try:
                code = app([command, *words], standalone_mode=False)
            except typer.TyperException as error:
                told = explain_mistake(error, [command, *words], app)
                raise UsageError(f"{command}: {told}", hint=told.hint) from None
        return code if isinstance(code, int) else 0


@cache
def _functions() -> Mapping[str, Callable[..., object]]:
    from curate.cli.app import COMMANDS

    return {command.__name__: command for command in COMMANDS}


@cache
def _options_of(command: Callable[..., object]) -> Mapping[str, Option]:
    hints = get_type_hints(command, include_extras=True)
    options = {}
    for name, parameter in inspect.signature(command).parameters.items():
        option = _read_option(name, hints[name], parameter.default)
        options[option.name] = option
    return options


def _read_option(name: str, hint: Any, default: Any) -> Option:  # noqa: ANN401 - a type, any value
    """Return what an annotated parameter of a command says."""
    kind, info = get_args(hint)[:2] if get_origin(hint) is Annotated else (hint, None)
    is_argument = isinstance(info, ArgumentInfo)
    is_repeated = False
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is list:
        is_repeated, (kind,) = True, get_args(kind)
    is_enum = isinstance(kind, type) and issubclass(kind, Enum)
    is_required = default is inspect.Parameter.empty
    return Option(
        name=_option_name(name, info),
        kind=_KINDS.get(kind, Kind.TEXT),
        help=str(info.help) if isinstance(info, ArgumentInfo | OptionInfo) else "",
        choices=tuple(str(one.value) for one in kind) if is_enum else (),
        default=_plain(None if is_required else default),
        is_argument=is_argument,
        is_required=is_required,
        is_repeated=is_repeated,
    )


_KINDS = {bool: Kind.FLAG, int: Kind.INTEGER, float: Kind.NUMBER}


def _option_name(name: str, info: object) -> str:
    """Return the name of an option as people write it; ``-k`` where it has no long one."""
    declared: list[str] = []
    if isinstance(info, OptionInfo):  # in an annotation the first name stands where defaults do
        declared = [
            str(word) for word in (info.default, *(info.param_decls or ())) if _is_name(word)
        ]
    named = sorted(declared, key=lambda word: not word.startswith("--"))
    return named[0].lstrip("-") if named else name.replace("_", "-")


def _is_name(word: object) -> bool:
    return isinstance(word, str) and word.startswith("-")


def _plain(value: Any) -> str | int | float | bool | None:  # noqa: ANN401 - any default
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Path):
        return str(value)
    return value if isinstance(value, str | int | float | bool) else None

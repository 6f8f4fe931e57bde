"""Field types: what a config of the Python API holds is of the type that its field says."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import MISSING, Field, fields
from enum import StrEnum
from numbers import Integral, Real
from os import PathLike, fspath
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from curate.choices import find_choice
from curate.errors import UsageError

_PLAIN_NAMES = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "a text",
    Path: "a path",
}


def take_types(owner: Any) -> None:  # noqa: ANN401 - any config
    """Let every field of a frozen dataclass hold what its type says, or tell what it should be.

    A closed choice may be given by its name, a path as text, a fraction as a whole number, numbers
    as those of NumPy, and several values as a list or, if it is one alone, as it is.

    Args:
        owner: The dataclass; each field is of a plain type, a choice, a tuple or a union of them.

    Raises:
        UsageError: A field was given another type, or there is no such choice.
    """
    kinds = get_type_hints(type(owner))
    for one in fields(owner):
        value = getattr(owner, one.name)
        try:
            taken = _take(value, kinds[one.name], one.name)
        except TypeError:
            raise UsageError(
                f"{one.name} must be {_name_kind(kinds[one.name])}, got {_show(value)}",
                hint=_advise(one),
            ) from None
        object.__setattr__(owner, one.name, taken)


def _take(value: Any, kind: Any, name: str) -> Any:  # noqa: ANN401 - any type
    """Return a value as a type has it.

    Raises:
        TypeError: It is of another type.
        UsageError: There is no such choice.
    """
    if get_origin(kind) in (Union, UnionType):
        return _take_any(value, get_args(kind), name)
    if get_origin(kind) is tuple:
        return _take_several(value, get_args(kind), name)
    if issubclass(kind, StrEnum):
        return find_choice(value, kind, name=name)
    return _take_plain(value, kind)


def _take_any(value: Any, kinds: tuple[Any, ...], name: str) -> Any:  # noqa: ANN401 - any type
    """Return a value as the first of several types that takes it; a name beside a path is a path.

    Raises:
        TypeError: None does.
        UsageError: It is a text, and no choice has that name.
    """
    if value is None and NoneType in kinds:
        return None
    if Path in kinds and isinstance(value, str | PathLike):
        names = [one.value for kind in kinds if _is_choice(kind) for one in kind]
        kinds = tuple(kind for kind in kinds if _is_choice(kind) == (value in names))
    for choices in filter(_is_choice, kinds):
        return find_choice(value, choices, name=name)
    for kind in kinds:
        with suppress(TypeError):
            return _take(value, kind, name)
    raise TypeError


def _is_choice(kind: Any) -> bool:  # noqa: ANN401 - any type
    return isinstance(kind, type) and issubclass(kind, StrEnum)


def _take_several(value: Any, kinds: tuple[Any, ...], name: str) -> tuple[Any, ...]:  # noqa: ANN401
    """Return values as a tuple of one type each, or of as many as there are types.

    Raises:
        TypeError: They are no sequence, or one is of another type.
    """
    is_alone = isinstance(value, str | bytes | PathLike) or not isinstance(value, Sequence)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_take(one, kinds[0], name) for one in ([value] if is_alone else value))
    if is_alone or len(value) != len(kinds):
        raise TypeError
    return tuple(_take(one, kind, name) for one, kind in zip(value, kinds, strict=True))


def _take_plain(value: Any, kind: type) -> Any:  # noqa: ANN401 - any type
    """Return a value of a plain type; True and False are no numbers.

    Raises:
        TypeError: It is of another type.
    """
    is_number = not isinstance(value, bool)
    if kind is int and isinstance(value, Integral) and is_number:
        return int(value)
    if kind is float and isinstance(value, Real) and is_number:
        return float(value)
    if kind is Path and isinstance(value, str | PathLike) and fspath(value):
        return Path(fspath(value))
    if kind in (bool, str) and isinstance(value, kind):
        return value
    raise TypeError


def _name_kind(kind: Any) -> str:  # noqa: ANN401 - any type
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_name_kind, get_args(kind))))
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if kinds[-1] is Ellipsis:
            return f"a sequence, each {_name_kind(kinds[0])}"
        return f"({', '.join(map(_name_kind, kinds))})"
    if kind is NoneType:
        return "None"
    if issubclass(kind, StrEnum):
        return f"one of {', '.join(one.value for one in kind)}"
    return _PLAIN_NAMES[kind]


def _show(value: Any) -> str:  # noqa: ANN401 - any type
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _advise(one: Field[Any]) -> str:
    if one.default is MISSING:
        return f"{one.name} has no default"
    default = one.default.value if isinstance(one.default, StrEnum) else one.default
    return f"leave {one.name} out for {default!r}"

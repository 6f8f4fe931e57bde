"""Argument types: what a verb of the Python API is called with is of the type that it says."""

import functools
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from numbers import Integral
from os import PathLike, fspath
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ParamSpec, TypeGuard, TypeVar, Union, get_args, get_origin

from curate.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")

_SHOWN = 80  # characters of a value in a message


def check_arguments(verb: Callable[P, R]) -> Callable[P, R]:
    """Return a verb that first checks what it is called with, as far as its types are plain.

    A path may be text. What is annotated as a protocol or a callable is not checked.
    """
    parameters = inspect.signature(verb).parameters

    @functools.wraps(verb)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in _bind(verb, args, kwargs).items():
            _check(name, value, parameters[name].annotation)
        return verb(*args, **kwargs)

    return checked


def _bind(
    verb: Callable[..., object], args: Sequence[object], kwargs: Mapping[str, object]
) -> Mapping[str, object]:
    """Return what a verb is called with, by the names of its parameters.

    Raises:
        TypeError: It has other parameters.
    """
    try:
        return inspect.signature(verb).bind(*args, **kwargs).arguments
    except TypeError as error:
        raise TypeError(f"{verb.__name__}() {error}{_explain_settings(verb, kwargs)}") from None


def _explain_settings(verb: Callable[..., object], kwargs: Mapping[str, object]) -> str:
    """Return how settings that were given as arguments of a verb are given; empty for others."""
    parameters = inspect.signature(verb).parameters
    told = ""
    for name, parameter in parameters.items():
        for kind in filter(is_dataclass, _list_kinds(parameter.annotation)):
            settings = {one.name for one in fields(kind)} - {*parameters}
            given = [f"{one}=..." for one in kwargs if one in settings]
            if given:
                told += f"; write {name}={_class_name(kind)}({', '.join(given)})"
    return told


def _check(name: str, value: object, kind: Any) -> None:  # noqa: ANN401 - any type
    """Check one argument.

    Raises:
        UsageError: It is of another type, or an empty path.
    """
    kinds = list(_list_kinds(kind))
    if not any(_fits(value, one) for one in kinds):
        text = repr(value)
        text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        raise UsageError(
            f"{name} must be {' or '.join(_name_kinds(kinds))}, got {text}",
            hint=_advise(name, kinds, value),
        )
    if Path in kinds and any(_is_empty(one) for one in _listed(value)):
        raise UsageError(f"{name} is an empty path", hint="name a file or folder, '.' for this one")


def _list_kinds(kind: Any) -> Iterator[Any]:  # noqa: ANN401 - any type
    """Yield the types of a union, or the one type."""
    if get_origin(kind) in (Union, UnionType):
        for one in get_args(kind):
            yield from _list_kinds(one)
    else:
        yield NoneType if kind is None else kind


def _fits(value: object, kind: Any) -> bool:  # noqa: ANN401 - any type
    """Return whether a value is of a type."""
    if get_origin(kind) in (tuple, Sequence):
        kinds = list(_list_kinds(get_args(kind)[0]))
        return _is_list(value) and all(any(_fits(item, one) for one in kinds) for item in value)
    if kind is Path:
        return isinstance(value, str | PathLike)
    if kind is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if kind in (str, bool, NoneType) or is_dataclass(kind):
        return isinstance(value, kind)
    return True


def _is_list(value: object) -> TypeGuard[Collection[object]]:
    """Return whether a value is several in an order: a list, an array, a column, but no set."""
    if isinstance(value, str | bytes | PathLike | Mapping | Set):
        return False
    return isinstance(value, Collection) and getattr(value, "ndim", 1) == 1


def _listed(value: object) -> list[object]:
    return [*value] if _is_list(value) else [value]


def _is_empty(value: object) -> bool:
    return isinstance(value, str | PathLike) and fspath(value) in ("", b"")


def _name_kinds(kinds: Sequence[Any]) -> Iterator[str]:
    """Yield what the types are called, text that may be a path not apart."""
    names = {Path: "a path", str: "a text", int: "a whole number", bool: "True or False"}
    for kind in kinds:
        if kind is str and Path in kinds:
            continue
        if get_origin(kind) in (tuple, Sequence):
            yield "several paths" if Path in _list_kinds(get_args(kind)[0]) else "several texts"
        else:
            yield "None" if kind is NoneType else names.get(kind, f"a {_class_name(kind)}")


def _class_name(kind: Any) -> str:  # noqa: ANN401 - any type
    return str(getattr(kind, "__name__", kind))


def _advise(name: str, kinds: Sequence[Any], value: object) -> str:
    if isinstance(value, Set) and any(get_origin(kind) in (tuple, Sequence) for kind in kinds):
        return f"write {name}=sorted(...): a set has no order"
    configs = [_class_name(kind) for kind in kinds if is_dataclass(kind)]
    if configs:
        return f"write {name}={configs[0]}(...) with the settings in the brackets"
    if Path in kinds:
        return "name it as text or as a pathlib.Path"
    return f"see help() of what was called for what {name} means"

"""Names with braces and stars in them, as shells and WebDataset have them."""

import glob
import re
from collections.abc import Iterator

from curate.errors import UsageError

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_MOST = 1_000_000


def is_pattern(text: str) -> bool:
    """Return whether a name stands for several."""
    return bool(_BRACES.search(text)) or glob.has_magic(text)


def expand_braces(text: str) -> list[str]:
    """Return the names that ``a{1..3}`` or ``{a,b}.tar`` stands for, in that order.

    >>> expand_braces("s/{08..10}.tar")
    ['s/08.tar', 's/09.tar', 's/10.tar']

    Raises:
        UsageError: There are more than a million.
    """
    names = list(_limited(_expand(text)))
    if len(names) > _MOST:
        raise UsageError(
            f"{text} stands for more than {_MOST:,} names", hint="write smaller ranges"
        )
    return names


def _limited(names: Iterator[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        yield name
        if number >= _MOST:
            return


def _expand(text: str) -> Iterator[str]:
    found = _BRACES.search(text)
    if found is None:
        yield text
        return
    before, after = text[: found.start()], text[found.end() :]
    bounds = _RANGE.fullmatch(found[1])
    parts: Iterator[str]
    if bounds is not None:
        first, last = int(bounds[1]), int(bounds[2])
        digits = len(bounds[1]) if bounds[1].startswith("0") else 0
        step = 1 if last >= first else -1
        parts = (f"{number:0{digits}}" for number in range(first, last + step, step))
    else:
        parts = iter(found[1].split(","))
    for part in parts:
        yield from _expand(f"{before}{part}{after}")

"""Shown text: names of files and labels as a page may show them, without what would mislead."""

import re

_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Controls, line breaks, and the marks that turn the order of the letters around: with one of them
``gpj.exe`` shows as ``exe.jpg``. Joiners stay, of which emoji and scripts are made."""


def show_text(text: str) -> str:
    r"""Return a text in which what steers the page, and is not seen, is escaped.

    >>> show_text("a\u202egpj.exe")
    'a\\u202egpj.exe'
    """
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)

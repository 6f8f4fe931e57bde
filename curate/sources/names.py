"""Names of files as text that any table can hold, and back."""

import re
from urllib.parse import unquote_to_bytes

_LOOKS_ESCAPED = re.compile(rb"%(?=[0-9A-Fa-f]{2})")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def escape(path: bytes) -> str:
    """Return a path as text that ``unescape`` turns back.

    Bytes that are not UTF-8 become ``%XX``, and so does a ``%`` that two hex digits follow.
    """
    text = _LOOKS_ESCAPED.sub(b"%25", path).decode("utf-8", "surrogateescape")
    return _NOT_UTF8.sub(lambda found: f"%{ord(found.group()) - 0xDC00:02X}", text)


def unescape(path: str) -> bytes:
    """Return the bytes of a path that ``escape`` wrote."""
    return unquote_to_bytes(path) if "%" in path else path.encode()


def is_text(path: str) -> bool:
    """Return whether a path as Python has it is UTF-8, as every escaped one is."""
    return not _NOT_UTF8.search(path)

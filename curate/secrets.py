"""Addresses without what nobody else may see: passwords, keys and signatures in URLs."""

import re
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

_SECRET = re.compile(
    r"(^x-(amz|goog|oss|ms)-)|sig(nature)?$|token|secret|passw|credential|api[-_]?key|access[-_]?key"
    r"|^key$|^auth|^expires?$|policy|key-pair-id|^s[vepr]$|^sr$|^se$|^st$|^spr$|googleaccessid",
    re.IGNORECASE,
)
_USER = re.compile(r"://[^/?#]*@")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)


def without_secrets(url: str) -> str:
    """Return a URL without user, password, and the parts of its query that grant access.

    >>> without_secrets("https://me:pw@host/a.jpg?id=3&X-Amz-Signature=0af")
    'https://host/a.jpg?id=3'
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL that anything would open
        return _USER.sub("://", url).partition("?")[0]
    host = parts.netloc.rpartition("@")[2]
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = parts.query
    if any(_SECRET.search(name) for name, _ in pairs):
        kept = [(name, value) for name, value in pairs if not _SECRET.search(name)]
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in kept)
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def clean_text(text: str) -> str:
    """Return a text, such as what a library says of a failure, without secrets in its URLs."""
    return _URL.sub(lambda found: without_secrets(found.group()), text)

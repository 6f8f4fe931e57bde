"""Workspaces in a bucket as people name them, and where their mirrors lie on this machine."""

import os
import re
from hashlib import sha256
from pathlib import Path

from curate.errors import UsageError
from curate.secrets import without_secrets

_URL = re.compile(r"([a-z][a-z0-9+.-]*):/(/?)(?=[^/])", re.IGNORECASE)
_SCHEMES = ("s3", "s3a", "gs", "az", "abfs", "abfss", "adl")
_ENDPOINTS = (
    "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "STORAGE_EMULATOR_HOST",
    "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_USE_EMULATOR", "AZURITE_BLOB_STORAGE_URL",
)  # fmt: skip
"""Variables that say which server, or whose storage, has the bucket of a name."""
_shown: dict[str, str] = {}
"""Addresses that this process was given, by the folder of their mirror."""


def read_address(named: Path | str) -> str | None:
    """Return the address of a workspace in a bucket, without slashes at its end; None for a folder.

    A ``Path`` has lost a slash of it, and is taken for what it was made of.

    Args:
        named: What the workspace is named by.

    Raises:
        UsageError: It is an address of something else, or grants access by itself.

    >>> read_address(Path("s3://bucket/runs/"))
    's3://bucket/runs'
    >>> read_address("runs") is None
    True
    """
    text = os.fspath(named)
    match = _URL.match(text)
    if match is None or (not match[2] and match[1].lower() not in _SCHEMES):
        return None
    url = f"{match[1].lower()}://{text[match.end() :]}".rstrip("/")
    if match[1].lower() not in _SCHEMES:
        raise UsageError(
            f"{without_secrets(url)} is no place for a workspace",
            hint="name a folder, or a bucket: s3://, gs:// or az://",
        )
    if "@" in url.partition("/")[2] or set("?#") & set(url):
        raise UsageError(
            f"the workspace {without_secrets(url).partition('?')[0]} is named with a password, a "
            "key or a signature",
            hint="name the bucket alone; credentials come from the environment",
        )
    return url


def mirror_folder(address: str) -> Path:
    """Return the folder of this machine where all of a workspace in a bucket lies.

    It is below ``CURATE_SCRATCH``, or in the user's folder for caches.

    Args:
        address: From `read_address`.
    """
    named, cache = os.environ.get("CURATE_SCRATCH"), os.environ.get("XDG_CACHE_HOME")
    place = Path(named) if named else (Path(cache) if cache else Path.home() / ".cache") / "curate"
    server = [os.environ.get(name, "") for name in _ENDPOINTS]
    digest = sha256("\n".join([address, *server]).encode("utf-8", "surrogateescape")).hexdigest()
    folder = place.absolute() / "workspaces" / digest[:16] / "workspace"
    _shown[str(folder)] = address
    return folder


def show_addresses(text: str) -> str:
    """Return a text in which mirrors of workspaces are called by the addresses of these."""
    for folder, address in _shown.items():
        text = text.replace(folder, address)
    return text

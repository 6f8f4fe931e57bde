"""What a file system keeps beside the content of a file: owner and extended attributes."""

import base64
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def read_attributes(file: Path) -> dict[str, str]:
    """Return the extended attributes of a file, in base64; none where there is no such thing.

    Args:
        file: Itself, not what it leads to.
    """
    if not hasattr(os, "listxattr"):
        return {}
    found = {}
    with suppress(OSError):
        for name in os.listxattr(file, follow_symlinks=False):
            value = os.getxattr(file, name, follow_symlinks=False)
            found[name] = base64.b64encode(value).decode("ascii")
    return found


def write_attributes(file: Path, attributes: Mapping[str, str]) -> None:
    """Give a file exactly some extended attributes, as far as one may set them.

    Args:
        file: The file.
        attributes: In base64, by name.
    """
    if not hasattr(os, "setxattr"):
        return
    for name in read_attributes(file).keys() - attributes.keys():
        with suppress(OSError):
            os.removexattr(file, name)
    for name, value in attributes.items():
        with suppress(OSError):  # some are for the system alone
            os.setxattr(file, name, base64.b64decode(value))


def change_owner(file: Path, owner: tuple[int, int]) -> None:
    """Give a file to a user and a group, where one may.

    Args:
        file: The file.
        owner: Numbers of user and group.
    """
    facts = file.stat()
    if hasattr(os, "chown") and (facts.st_uid, facts.st_gid) != owner:
        with suppress(OSError):
            os.chown(file, *owner)

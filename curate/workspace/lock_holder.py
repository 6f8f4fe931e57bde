"""Who holds the lock of a workspace, as others are told."""

import os
import socket
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from curate.errors import InputError
from curate.secrets import clean_text
from curate.workspace.integrity import read_checked_json


def describe_self() -> dict[str, object]:
    """Return what others are told of the process that writes."""
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": clean_text(" ".join([Path(sys.argv[0]).name, *sys.argv[1:]])),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def describe_holder(path: Path) -> str:
    """Return who holds a lock, with the command and since when, in local time."""
    with suppress(OSError, InputError, KeyError, ValueError):
        facts = read_checked_json(path)
        since = datetime.fromisoformat(facts["since"]).astimezone()
        return (
            f"process {facts['pid']} on {facts['host']} "
            f"(`{facts['command']}`, since {since:%Y-%m-%d %H:%M:%S})"
        )
    return "another process"

"""One writer at a time on a store: a lease that is renewed, and taken over when it is not.

Leases are numbered; who stores the next number first has the store (put-if-absent, which every
bucket has). No clocks are compared: a lease is stale if its beat stays the same for a while.
"""

import json
import os
import socket
import time
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

from curate.engine.store import SharedStore
from curate.errors import CurateError, ResourceError
from curate.progress import Progress

LEASES, _BEATS = "lease/", "beat/"
BEAT_SECONDS = 5.0
STALE_SECONDS = 30.0
_HINT = "wait until it ends, or use another store with --shared"


class Lease:
    """What a writer holds while it works on a store, such as the driver of a cluster."""

    def __init__(
        self,
        store: SharedStore,
        progress: Progress,
        *,
        stale_seconds: float | None = None,
        hint: str = _HINT,
    ) -> None:
        """Take the store.

        Args:
            store: The shared store.
            progress: Hears that a stale lease is waited for.
            stale_seconds: How long a beat may stay the same; None for ``STALE_SECONDS``.
            hint: What one who is refused is told to do.

        Raises:
            ResourceError: Another writer has it.
        """
        self._store = store
        self._hint = hint
        self._number = self._take(
            progress, STALE_SECONDS if stale_seconds is None else stale_seconds
        )
        self._is_over = Event()
        self._lost = False
        self._beats = Thread(target=self._beat, name="curate-lease", daemon=True)
        self._beats.start()

    def check(self) -> None:
        """Check that the store was not taken over meanwhile.

        Raises:
            ResourceError: It was.
        """
        if self._lost:
            raise ResourceError(
                f"another process has taken over {self._store.address}: this one did not renew its "
                "lease in time",
                hint="let the other one end; what is finished is kept",
            )

    def release(self) -> None:
        """Give the store back."""
        self._is_over.set()
        self._beats.join()
        if not self._lost:
            self._store.put(_beat_of(self._number), b"released")

    def _take(self, progress: Progress, stale_seconds: float) -> int:
        """Return the number of the lease that was taken.

        Raises:
            ResourceError: Another writer has the store.
        """
        last = self._find_last()
        if last and not self._is_free(last, progress, stale_seconds):
            raise ResourceError(
                f"{self._store.address} is being worked on by {self._describe(last)}",
                hint=self._hint,
            )
        number = last + 1
        self._store.put(_beat_of(number), b"0")
        if not self._store.put_new(f"{LEASES}{number:06d}", json.dumps(_describe_self()).encode()):
            raise ResourceError(
                f"another process has just begun to work on {self._store.address}",
                hint=self._hint,
            )
        for prefix in (LEASES, _BEATS):
            for key in list(self._store.list_keys(prefix))[:-2]:  # those of long ago
                self._store.remove(key)
        return number

    def _find_last(self) -> int:
        keys = list(self._store.list_keys(LEASES))
        return int(keys[-1].removeprefix(LEASES)) if keys else 0

    def _is_free(self, number: int, progress: Progress, stale_seconds: float) -> bool:
        """Return whether a lease was given back, or nobody renews it."""
        beat = self._store.get(_beat_of(number))
        if beat == b"released" or _is_dead_here(self._read_holder(number)):
            return True
        progress.note(
            f"{self._store.address} is held by {self._describe(number)}; waiting up to "
            f"{stale_seconds:.0f} s to see whether it still works"
        )
        end = time.monotonic() + stale_seconds
        while time.monotonic() < end:
            time.sleep(min(1.0, stale_seconds / 10))
            now = self._store.get(_beat_of(number))
            if now != beat:
                return now == b"released"
        return True

    def _read_holder(self, number: int) -> dict[str, Any]:
        content = self._store.get(f"{LEASES}{number:06d}")
        return dict(json.loads(content)) if content is not None else {}

    def _describe(self, number: int) -> str:
        facts = self._read_holder(number)
        return (
            f"process {facts.get('pid', '?')} on {facts.get('host', '?')} "
            f"(since {facts.get('since', '?')})"
        )

    def _beat(self) -> None:
        """Renew the lease until it is given back, or another writer has the next one."""
        n_beats = 0
        while not self._is_over.wait(BEAT_SECONDS):
            n_beats += 1
            try:
                if self._store.get(f"{LEASES}{self._number + 1:06d}") is not None:
                    self._lost = True
                    return
                self._store.put(_beat_of(self._number), str(n_beats).encode())
            except CurateError:
                continue  # the store is away for a moment; if for long, the lease is lost


def _beat_of(number: int) -> str:
    return f"{_BEATS}{number:06d}"


def _describe_self() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": _find_start(os.getpid()),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _is_dead_here(facts: dict[str, Any]) -> bool:
    """Return whether a holder was a process of this machine that is gone."""
    if facts.get("host") != socket.gethostname() or not facts.get("started"):
        return False
    return _find_start(int(facts["pid"])) != str(facts["started"])


def _find_start(pid: int) -> str | None:
    """Return when a process of this machine started, as the kernel counts; None where it is not."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    return facts.rpartition(")")[2].split()[19]

"""The back end on Ray: names of jobs go to a process of its own that is a driver of Ray.

Ray's client library ends the process that holds it when the head of the cluster dies, and takes the
output of its workers; here it takes a child, and the command goes on when the cluster is back.
"""

import json
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from queue import Empty, Queue
from threading import Thread
from typing import IO, Any

from curate.amounts import count_of
from curate.engine.base import Failure, FailureKind, Job, Outcome
from curate.errors import ResourceError
from curate.progress import Progress

_PATIENCE_SECONDS = 600.0
_PAUSE_SECONDS = 3.0
_TELL_SECONDS = 20.0


class RayCluster:
    """Runs jobs on the nodes of a Ray cluster."""

    def __init__(
        self,
        address: str,
        progress: Progress,
        *,
        n_local: int,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """Reach a cluster.

        Args:
            address: ``local`` for one that is started here, ``auto``, ``host:port`` or ``ray://…``.
            progress: Hears when the cluster is lost and found.
            n_local: Workers of a cluster that is started here.
            patience_seconds: How long a cluster may be away.

        Raises:
            ResourceError: Ray is not installed, or the cluster cannot be reached.
        """
        if find_spec("ray") is None:
            raise ResourceError(
                "--cluster needs the package ray", hint="pip install 'curate-images[ray]'"
            )
        self._address, self._progress, self._n_local = address, progress, n_local
        self._patience_seconds = patience_seconds
        self.n_workers = 1
        self._jobs: dict[int, Job] = {}
        self._lost: deque[Job] = deque()
        self._next = 0
        self._child: _Child | None = None
        self._gone_since: float | None = None
        self._told = time.monotonic()
        self._connect()

    def submit(self, job: Job) -> None:
        """Take a job; see `curate.engine.base.BackEnd`."""
        self._next += 1
        self._jobs[self._next] = job
        if self._child is not None:
            self._child.send({"submit": self._next, "job": asdict(job)})

    def poll(self, seconds: float) -> list[Outcome]:
        """Return the jobs that ended; see `curate.engine.base.BackEnd`."""
        if self._child is None:
            self._wait_for_cluster(seconds)
            return []
        outcomes: list[Outcome] = []
        for message in self._child.receive(seconds):
            if message is None:
                self._lose_child()
                break
            self._hear(message, outcomes)
        return outcomes

    def restart(self) -> None:
        """Leave the cluster and reach it anew; see `curate.engine.base.BackEnd`."""
        if self._child is not None:
            self._child.stop()
            self._child = None
            self._gone_since = self._told = time.monotonic()

    def release(self) -> None:
        """End the actors; see `curate.engine.base.BackEnd`."""
        if self._child is not None:
            self._child.send({"release": True})

    def close(self) -> None:
        """Leave the cluster, or end one that was started here."""
        self._jobs.clear()
        if self._child is not None:
            self._child.stop()
            self._child = None

    def _hear(self, message: Mapping[str, Any], outcomes: list[Outcome]) -> None:
        if "workers" in message:
            self.n_workers = max(1, int(message["workers"]))
        elif "ended" in message:
            job = self._jobs.pop(int(message["ended"]), None)
            if job is not None:
                kind = message.get("kind")
                failure = Failure(FailureKind(kind), message["reason"]) if kind else None
                outcomes.append(Outcome(job, failure))

    def _connect(self) -> None:
        """Start the child and wait until it has reached the cluster.

        Raises:
            ResourceError: It cannot.
        """
        reason = _find_closed_door(self._address)
        if reason is not None:
            raise self._unreachable(reason)
        child = _Child(self._address, self._n_local)
        reason = child.wait_until_ready(self._progress)
        if reason is not None:
            child.stop()
            raise self._unreachable(reason)
        self._child = child
        for number, job in self._jobs.items():
            child.send({"submit": number, "job": asdict(job)})

    def _unreachable(self, reason: str) -> ResourceError:
        return ResourceError(
            f"the Ray cluster {self._address} cannot be reached: {reason}", hint=_HINT
        )

    def _lose_child(self) -> None:
        assert self._child is not None
        self._child.stop()
        self._child = None
        self._gone_since = self._told = time.monotonic()
        if self._address == "local":
            self._progress.note("Ray has died here; it is started again")
        else:
            self._progress.note(f"the Ray cluster {self._address} is gone; waiting for it")

    def _wait_for_cluster(self, seconds: float) -> None:
        """Try to reach the cluster again.

        Raises:
            ResourceError: It was away for too long.
        """
        time.sleep(min(seconds, _PAUSE_SECONDS))
        assert self._gone_since is not None
        now = time.monotonic()
        if now - self._told > _TELL_SECONDS:
            self._told = now
            away = now - self._gone_since
            self._progress.note(f"the Ray cluster is away for {away:.0f} s; still waiting")
        try:
            self._connect()
        except ResourceError:
            if time.monotonic() - self._gone_since > self._patience_seconds:
                raise
            return
        begin = "shard that was under way begins", "shards that were under way begin"
        shards = count_of(len(self._jobs), *begin)
        self._progress.note(f"the Ray cluster is back; {shards} again")


def _find_closed_door(address: str) -> str | None:
    """Return why nobody answers at an address with a port, for which Ray takes minutes, or None."""
    host, mark, port = address.removeprefix("ray://").rpartition(":")
    if not mark or not port.isdigit():
        return None
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_DOOR_SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


class _Child:
    """The process that is a driver of Ray, and the lines that go to it and come back."""

    def __init__(self, address: str, n_local: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "curate.engine.ray_driver", address, str(n_local)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the parent's to answer
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input: IO[bytes] = self._process.stdin
        self._lines: Queue[dict[str, Any] | None] = Queue()
        self._reader = Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def wait_until_ready(self, progress: Progress) -> str | None:
        """Return why the cluster cannot be reached, or None; tell when that takes long."""
        n_waits = 0
        while True:
            try:
                message = self._lines.get(timeout=_TELL_SECONDS)
            except Empty:
                n_waits += 1
                if n_waits * _TELL_SECONDS >= _READY_SECONDS:
                    return f"no answer in {_READY_SECONDS:.0f} seconds"
                progress.note(f"Ray has not answered for {n_waits * _TELL_SECONDS:.0f} s")
                continue
            if message is None:
                return "Ray gave up"
            if "failed" in message:
                return str(message["failed"])
            if "workers" in message:
                self._lines.put(message)
                return None

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a line; where the child is gone, the next `receive` says so."""
        with suppress(OSError):
            self._input.write(json.dumps(message).encode() + b"\n")
            self._input.flush()

    def receive(self, seconds: float) -> list[dict[str, Any] | None]:
        """Return the lines that came; the last is None where the child is gone."""
        messages: list[dict[str, Any] | None] = []
        with suppress(Empty):
            messages.append(self._lines.get(timeout=seconds))
            while messages[-1] is not None:
                messages.append(self._lines.get_nowait())
        return messages

    def stop(self) -> None:
        """Have the child end, or kill it."""
        with suppress(OSError):
            self._input.close()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=1)

    def _read(self, lines: IO[bytes]) -> None:
        with lines:
            for line in lines:
                with suppress(ValueError):  # what a library prints
                    message = json.loads(line)
                    if isinstance(message, dict):
                        self._lines.put(message)
        self._lines.put(None)


_DOOR_SECONDS = 10.0
_READY_SECONDS = 90.0
_STOP_SECONDS = 10.0
_HINT = "start it with `ray start --head`, or name it: --cluster local, auto, host:port, ray://…"

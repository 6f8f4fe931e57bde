"""Decoding in a process of its own: a reader that dies or hangs costs one file, not the run.

Each worker is this program's Python with `curate.images.decode_worker`; bytes and pixels go
through pipes, with a line of JSON before them. What a reader writes to its standard error becomes
part of the reason. Workers begin when they are first needed and end with the program. Photos of
500 px took 1.1 to 2.1 times as long as in this process, WebP 1.3 times
(``tests/benchmarks/isolated_decoding.py``).
"""

import atexit
import json
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from signal import Signals
from threading import Event, Timer
from typing import IO, Any

import numpy as np

from curate.images.capture import Capture
from curate.images.picture import Decoded, GoesApart, Unreadable, Wish

TIMEOUT_SECONDS = 60.0
"""Time for one file; 170 megapixels of JPEG 2000, the slowest of those allowed, take 25."""
COMMAND = (sys.executable, "-m", "curate.images.decode_worker")
_LENGTHS = struct.Struct("<QQ")


def decode_apart(raw: bytes, wish: Wish) -> Decoded | Unreadable:
    """Decode in another process; see `curate.images.decode.decode`.

    Raises:
        GoesApart: It should not be decoded while others are, which the wish does not allow.
    """
    facts, blob = _ask("decode", raw, wish)
    if "reason" in facts:
        return _explain(facts)
    pixels = np.frombuffer(blob, np.uint8).reshape(facts.pop("shape"))
    return Decoded(pixels=pixels, capture=Capture(**facts.pop("capture")), **facts)


def digest_apart(raw: bytes, wish: Wish) -> bytes | Unreadable:
    """Digest in another process; see `curate.images.decode.digest_picture`.

    Raises:
        GoesApart: As `decode_apart`.
    """
    facts, blob = _ask("digest", raw, wish)
    return _explain(facts) if "reason" in facts else blob


def hash_frames_apart(raw: bytes, wish: Wish) -> list[int] | Unreadable:
    """Hash frames in another process; see `curate.images.decode.hash_frames`.

    Raises:
        GoesApart: As `decode_apart`.
    """
    facts, _ = _ask("hash frames", raw, wish)
    return _explain(facts) if "reason" in facts else list(facts["hashes"])


def _explain(facts: dict[str, Any]) -> Unreadable:
    return Unreadable(facts["reason"], facts.get("needs"))


def send(pipe: IO[bytes], facts: dict[str, Any], blob: bytes | memoryview) -> None:
    """Write facts and bytes to a pipe."""
    head = json.dumps(facts).encode()
    pipe.write(_LENGTHS.pack(len(head), len(blob)))
    pipe.write(head)
    pipe.write(blob)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Read facts and bytes from a pipe; None where it ends."""
    lengths = pipe.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    n_head, n_blob = _LENGTHS.unpack(lengths)
    head, blob = pipe.read(n_head), pipe.read(n_blob)
    return (json.loads(head), blob) if len(blob) == n_blob and len(head) == n_head else None


class DecoderPool:
    """Processes that decode, as many as threads ask at once."""

    def __init__(
        self, command: Sequence[str] = COMMAND, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Start nothing yet.

        Args:
            command: What answers, as `curate.images.decode_worker` does.
            timeout_seconds: After which a file is given up and its process ended.
        """
        self._command = command
        self._timeout = timeout_seconds
        self._idle: SimpleQueue[_Worker] = SimpleQueue()

    def ask(self, facts: dict[str, Any], raw: bytes) -> tuple[dict[str, Any], bytes]:
        """Return the answer to a question: facts and bytes, or a ``reason`` why there is none.

        Args:
            facts: What is asked.
            raw: The bytes of the file that it is about.
        """
        try:
            worker = self._idle.get_nowait()
        except Empty:
            worker = _Worker(self._command)
        answer = worker.ask(facts, raw, self._timeout)
        if isinstance(answer, str):
            worker.stop()
            return {"reason": answer}, b""
        self._idle.put(worker)
        return answer

    def stop(self) -> None:
        """End all processes that wait."""
        while not self._idle.empty():
            self._idle.get().stop()


class _Worker:
    """One process that decodes, one file at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        root = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,  # Ctrl-C is the parent's to answer
        )

    def ask(
        self, facts: dict[str, Any], raw: bytes, timeout_seconds: float
    ) -> tuple[dict[str, Any], bytes] | str:
        """Return the answer, or why there is none; then the process is of no more use."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        is_late = Event()

        def give_up() -> None:
            is_late.set()
            self._process.kill()

        timer = Timer(timeout_seconds, give_up)
        timer.start()
        try:
            send(self._process.stdin, facts, raw)
            answer = receive(self._process.stdout)
        except (BrokenPipeError, ValueError):
            answer = None
        finally:
            timer.cancel()
        if answer is not None:
            return answer
        if is_late.is_set():
            return f"its decoder took more than {timeout_seconds:g} seconds"
        code = self._process.wait()
        return f"its decoder died ({Signals(-code).name if code < 0 else f'exit code {code}'})"

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


_pool = DecoderPool()
atexit.register(_pool.stop)


def _ask(task: str, raw: bytes, wish: Wish) -> tuple[dict[str, Any], bytes]:
    """Return facts and bytes.

    Raises:
        GoesApart: As `decode_apart`.
    """
    facts, blob = _pool.ask({"task": task, **asdict(wish)}, raw)
    if "goes_apart" in facts:
        raise GoesApart
    return facts, blob

"""The process in which risky and large pictures are decoded.

``python -m curate.images.decode_worker`` reads questions from its standard input and writes answers
to its standard output, until the input ends.
"""

import importlib
import os
import sys
import tempfile
from dataclasses import asdict, replace
from typing import Any

import cv2
import numpy as np
from PIL import Image

from curate.images.decode_here import decode_here, digest_here, hash_frames_here
from curate.images.isolation import receive, send
from curate.images.picture import GoesApart, Unreadable, Wish

_MOST_WORDS = 200


class _StandardError:
    """What the readers' C libraries write to standard error."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        os.dup2(self._file.fileno(), 2)

    def take(self) -> str:
        """Return what was written since it was last asked, one line."""
        self._file.seek(0)
        text = self._file.read(4096).decode("utf-8", "replace")
        self._file.seek(0)
        self._file.truncate()
        return " ".join(text.split())[:_MOST_WORDS]


def answer(task: str, raw: bytes, wish: Wish) -> tuple[dict[str, Any], bytes | memoryview]:
    """Return facts and bytes: what was asked for, or the reason why there is none.

    Args:
        task: ``decode``, ``digest`` or ``hash frames``.
        raw: The file's bytes.
        wish: How it is decoded.

    Raises:
        GoesApart: It should not be decoded while others are, which the wish does not allow.
    """
    if task == "digest":
        digest = digest_here(raw, wish)
        return (asdict(digest), b"") if isinstance(digest, Unreadable) else ({}, digest)
    if task == "hash frames":
        hashes = hash_frames_here(raw, wish)
        return (asdict(hashes) if isinstance(hashes, Unreadable) else {"hashes": hashes}), b""
    picture = decode_here(raw, wish)
    if isinstance(picture, Unreadable):
        return asdict(picture), b""
    facts = asdict(replace(picture, pixels=picture.pixels[:0]))
    facts.pop("pixels")
    pixels = np.ascontiguousarray(picture.pixels)
    return facts | {"shape": pixels.shape}, pixels.data.cast("B")


def register_readers() -> None:
    """Let Pillow know of the readers of the extra ``formats``, as far as they are installed."""
    for package, function in (("pillow_heif", "register_heif_opener"), ("pillow_jxl", None)):
        try:
            module = importlib.import_module(package)
        except ImportError:
            continue
        if function is not None:
            getattr(module, function)()


def main() -> None:
    """Answer until the input ends."""
    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked
    register_readers()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    said = _StandardError()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is not an answer
    while (question := receive(sys.stdin.buffer)) is not None:
        facts, raw = question
        task = facts.pop("task")
        try:
            reply, blob = answer(task, raw, Wish(**facts))
        except GoesApart:
            reply, blob = {"goes_apart": True}, b""
        words = said.take()
        if "reason" in reply and words:
            reply["reason"] = f"{reply['reason']} ({words})"
        send(out, reply, blob)


if __name__ == "__main__":
    main()

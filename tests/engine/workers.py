"""Workers for tests: they square numbers, and fail or die at some of them."""

import os
import signal
from pathlib import Path

import pyarrow as pa

from curate.errors import ResourceError


class Squares:
    def __init__(self, settings):
        self._settings = settings

    def work(self, items):
        numbers = items["number"].to_pylist()
        if set(numbers) & set(self._settings.get("raises", ())):
            raise ValueError("no square")
        if self._settings.get("is_full") and not Path(self._settings["is_full"]).exists():
            Path(self._settings["is_full"]).touch()
            raise ResourceError("no space left", hint="free some")
        if set(numbers) & set(self._settings.get("kills", ())):
            os.kill(os.getpid(), signal.SIGKILL)
        return pa.table({"square": [number**2 for number in numbers]})


def open_squares(settings, files):
    if settings.get("fails"):
        raise OSError("no disk here")
    if settings.get("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    return Squares(settings)


def open_gpus(settings, files):
    class Gpus:
        def work(self, items):
            seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
            return pa.table({"seen": [seen] * len(items)})

    return Gpus()


def open_reader(settings, files):
    class Reader:
        def work(self, items):
            text = files.fetch("word.txt").read_text()
            return pa.table({"word": [text] * len(items)})

    return Reader()

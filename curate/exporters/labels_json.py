"""A folder ``data`` of linked images and a ``labels.json``, which COCO and FiftyOne share.

The JSON is written image by image, so that a list of millions does not lie in memory.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from curate.files import is_utf8

DATA = "data"
LABELS = "labels.json"


class LabelsJson:
    """The file ``labels.json``, written part by part."""

    def __init__(self, folder: Path, resources: ExitStack) -> None:
        """Open the file.

        Args:
            folder: Where it goes.
            resources: Closes it.
        """
        self._file = resources.enter_context((folder / LABELS).open("w", encoding="utf-8"))
        self._separator = ""

    def start_list(self, text: str) -> None:
        """Write text that ends with the bracket before a list of items."""
        self._file.write(text)
        self._separator = ""

    def add_item(self, text: str) -> None:
        """Write one item of the list, on its own line."""
        self._file.write(f"{self._separator}\n{text}")
        self._separator = ","

    def end(self, text: str) -> None:
        """Write what closes the last list and the file."""
        self._file.write(f"{text}\n")


def to_json(value: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """Return a value as JSON on one line, in characters beyond ASCII too.

    Bytes of a name that are not UTF-8 become escapes, which Python reads as the name that it was.
    """
    text = json.dumps(value, ensure_ascii=False)
    return text if is_utf8(text) else json.dumps(value)

from pathlib import Path

import pyarrow as pa
import pytest

from curate.annotations.base import AskedImages


@pytest.fixture
def asked(tmp_path):
    """A function that asks about images of 200 x 100 px below a folder."""

    def ask(*paths, root=tmp_path / "images"):
        return AskedImages(
            path=pa.array(paths, pa.string()),
            width=pa.array([200] * len(paths), pa.int32()),
            height=pa.array([100] * len(paths), pa.int32()),
            root=str(root),
            locate=lambda path: Path(root) / path,
        )

    return ask


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path

import numpy as np
import pyarrow as pa
import pytest

from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest, read_manifest, write_manifest
from curate.manifest.rows import HeldRows
from curate.stages.dedup import dedup
from curate.stages.split import split
from tests.conftest import picture, save

HOSTILE = (
    "<script>alert(1)<\\script>.png",
    '"><img src=x onerror=alert(2)>.png',
    "'; alert(3); '.png",
    "{{ 7 * 7 }} & {% raw %}.png",
    "صورة.png",
    "🦊🌲.png",
    "a" * 251 + ".png",
)


@pytest.fixture(scope="session")
def made_folder(tmp_path_factory):
    """Return a folder with odd names and shapes, copies and a broken file, searched and split."""
    root = tmp_path_factory.mktemp("report")
    images = root / "images"
    for seed in range(20):
        save(images / "plain" / f"{seed:03d}.png", picture(seed, width=160, height=120))
    for seed, name in enumerate(HOSTILE, start=40):
        save(images / "odd" / name, picture(seed, width=160, height=120))
        save(images / "copies" / f"{seed}.jpg", picture(seed, width=160, height=120), quality=70)
    save(images / "odd" / "panorama.png", picture(60, width=900, height=40))
    save(images / "odd" / "icon.png", picture(61, width=48, height=48)[:16, :16])
    save(images / "odd" / "black.png", np.zeros((50, 60, 3), np.uint8))
    (images / "broken <b>.jpg").write_bytes(b"\xff\xd8\xff\xe0 and then nothing")
    dedup(images, out=root / "m.parquet", workspace=root / ".curate")
    split(root / "m.parquet")
    return root


@pytest.fixture
def write_part(made_folder, tmp_path):
    """Return what writes a manifest of the first n rows of the made folder's."""

    def write(n):
        manifest = read_manifest(made_folder / "m.parquet")
        table = manifest.rows.read().slice(0, n)
        path = tmp_path / f"{n}.parquet"
        write_manifest(Manifest(rows=HeldRows(table), source=manifest.source), path)
        return path

    return write


def make_table(n, **columns):
    """Return n rows of a manifest with some columns given."""
    rows = [
        dict.fromkeys(SCAN_COLUMNS.names)
        | {"path": f"{row:04d}.png", "hash": f"{row:064x}", "status": "ok", "bytes": 100}
        for row in range(n)
    ]
    table = pa.Table.from_pylist(rows, schema=SCAN_COLUMNS)
    for name, values in columns.items():
        column = pa.array(values)
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, column)
        else:
            table = table.append_column(name, column)
    return table

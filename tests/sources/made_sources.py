"""The same images as a folder, tars, tables and lists; archives damaged in known ways."""

import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

IMAGE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])


def picture_bytes(seed, *, size=(48, 36), form="PNG"):
    """Return the bytes of a picture of its own."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(file, form)
    return file.getvalue()


def some_images(n, *, form="PNG"):
    """Return names and bytes of n images in two folders."""
    ending = {"PNG": "png", "JPEG": "jpg"}[form]
    return {
        f"{('cat', 'dog')[i % 2]}/{i:03d}.{ending}": picture_bytes(i, form=form) for i in range(n)
    }


def write_folder(root, images):
    for name, content in images.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return root


def tar_bytes(members, *, mode="w"):
    """Return an archive of (name, content) or `tarfile.TarInfo`, in this order."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            name, content = member
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return file.getvalue()


def write_tars(folder, images, *, n=2):
    """Write images to n archives, in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    items = list(images.items())
    for number in range(n):
        (folder / f"{number:04d}.tar").write_bytes(tar_bytes(items[number::n]))
    return folder


def write_parquet(path, images, *, rows=4, labels=True, feature=True):
    """Write images as the `datasets` library does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = sorted({name.split("/")[0] for name in images})
    columns = {
        "image": pa.array([{"bytes": c, "path": n} for n, c in images.items()], IMAGE),
        "note": pa.array(["x" * 100] * len(images)),
    }
    features = {"image": {"_type": "Image"}, "note": {"dtype": "string", "_type": "Value"}}
    if labels:
        columns["label"] = pa.array([names.index(n.split("/")[0]) for n in images], pa.int64())
        features["label"] = {"names": names, "_type": "ClassLabel"}
    table = pa.table(columns)
    if feature:
        facts = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": facts})
    pq.write_table(table, path, row_group_size=rows)
    return path

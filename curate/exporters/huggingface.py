"""A folder that ``datasets.load_dataset`` reads: Parquet by split, a card, a Croissant file.

Formats: https://huggingface.co/docs/hub/datasets-manual-configuration (the card's data files),
http://mlcommons.org/croissant/1.0 (the description).
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.choices import ExportAs
from curate.errors import UsageError
from curate.exporters.base import Exporter, Item
from curate.exporters.parquet import IMAGE, open_writer
from curate.exporters.shards import DEFAULT_SHARDS, ShardParams, Shards
from curate.sources.names import escape

DATA, CARD, CROISSANT = "data", "README.md", "croissant.json"
_ALL, _UNSPLIT = "train", "unsplit"
_SPLIT = re.compile(r"\w+(\.\w+)*")  # what `datasets` takes for the name of one
_ROWS_IN_MEMORY = 64
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


class HuggingFaceExporter(Exporter, form=ExportAs.HF):
    """Parquet shards for each split, with the features image, label and path."""

    columns = ("label",)
    optional_columns = ("split",)
    writes_content = True
    takes_labels = True

    def __init__(
        self,
        folder: Path,
        resources: ExitStack,
        *,
        labels: Sequence[str] = (),
        params: ShardParams = DEFAULT_SHARDS,
    ) -> None:
        """Begin without a shard.

        Args:
            folder: Where the dataset goes.
            resources: Closes the last shards.
            labels: All labels, in the order of their numbers.
            params: How large a shard is.
        """
        super().__init__(folder, resources)
        self._labels, self._params = labels, params
        self._number_of = {label: number for number, label in enumerate(labels)}
        self._schema = make_schema(labels)
        self._splits: dict[str, _Split] = {}

    def add(self, item: Item) -> None:
        """Add a row to the shard of its split.

        Raises:
            UsageError: The split has a name that `datasets` does not take.
        """
        split = item.split or (_UNSPLIT if "split" in item.row.schema.names else _ALL)
        if split not in self._splits:
            if not _SPLIT.fullmatch(split):
                raise UsageError(
                    f"a split of a dataset cannot be named {split!r}",
                    hint="use letters, digits and _: `curate split --ratios train=0.9,test=0.1`",
                )
            self._splits[split] = _Split(self, split)
        row: dict[str, object] = {
            "image": {"bytes": item.payload, "path": escape(os.fsencode(item.place.name))},
            "path": escape(os.fsencode(item.place)),
        }
        if self._labels:
            row["label"] = self._number_of.get(item.label or "", None)
        self._splits[split].add(row, len(item.payload))

    def open_shards(self, split: str) -> Shards[pq.ParquetWriter]:
        """Return the shards of a split, none of which is open yet."""
        ending = ".parquet"
        data = self.folder / DATA
        data.mkdir(exist_ok=True)
        return Shards(
            data, ending, self.resources, max_bytes=self._params.max_bytes, prefix=f"{split}-"
        )

    @property
    def schema(self) -> pa.Schema:
        """Columns and features of all shards."""
        return self._schema

    def close(self) -> None:
        """Write the last rows, the card and the Croissant file."""
        if not self._splits:
            self._splits[_ALL] = _Split(self, _ALL)  # `datasets` wants one, if an empty one
            self._splits[_ALL].begin()
        for split in self._splits.values():
            split.flush()
        self.resources.close()  # the digests are those of whole files
        names = sorted(self._splits)
        (self.folder / CARD).write_text(_make_card(names), encoding="utf-8")
        description = make_croissant(self.folder, names, has_labels=bool(self._labels))
        text = json.dumps(description, indent=2, ensure_ascii=False)
        (self.folder / CROISSANT).write_text(f"{text}\n", encoding="utf-8")


class _Split:
    """The shards of one split, and the rows that are not written yet."""

    def __init__(self, exporter: HuggingFaceExporter, name: str) -> None:
        self._exporter = exporter
        self._shards = exporter.open_shards(name)
        self._rows: list[dict[str, object]] = []

    def add(self, row: dict[str, object], n_bytes: int) -> None:
        self._rows.append(row)
        self._shards.count(n_bytes)
        if len(self._rows) >= _ROWS_IN_MEMORY:
            self.flush()

    def begin(self) -> pq.ParquetWriter:
        schema = self._exporter.schema
        return self._shards.writer(lambda path: open_writer(path, schema))

    def flush(self) -> None:
        if self._rows:
            table = pa.Table.from_pylist(self._rows, self._exporter.schema)
            self.begin().write_table(table)
            self._rows = []


def make_schema(labels: Sequence[str]) -> pa.Schema:
    """Return the columns of a shard, with the features that `datasets` reads.

    Args:
        labels: Names of the classes; none without labels.
    """
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    fields = [pa.field("image", IMAGE)]
    if labels:
        features["label"] = {"names": list(labels), "_type": "ClassLabel"}
        fields.append(pa.field("label", pa.int64()))
    features["path"] = {"dtype": "string", "_type": "Value"}
    fields.append(pa.field("path", pa.string()))
    facts = json.dumps({"info": {"features": features}})
    return pa.schema(fields, metadata={"huggingface": facts})


def _make_card(splits: Sequence[str]) -> str:
    """Return the card, whose head tells `datasets` which files are which split."""
    files = "".join(
        f"  - split: {split}\n    path: {DATA}/{split}-[0-9]*.parquet\n" for split in splits
    )
    head = f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}---\n"
    return f'{head}\nExported by curate. Load it with `datasets.load_dataset("FOLDER")`.\n'


def make_croissant(folder: Path, splits: Sequence[str], *, has_labels: bool) -> dict[str, Any]:
    """Return the description of a dataset as Croissant 1.0 has it.

    Args:
        folder: With the shards.
        splits: Their names.
        has_labels: Whether there is a column ``label``.
    """
    shards = sorted((folder / DATA).iterdir())
    files = [
        {
            "@type": "cr:FileObject",
            "@id": shard.name,
            "name": shard.name,
            "contentUrl": f"{DATA}/{shard.name}",
            "encodingFormat": "application/x-parquet",
            "contentSize": f"{shard.stat().st_size} B",
            "sha256": _digest(shard),
        }
        for shard in shards
    ]
    records = [
        {
            "@type": "cr:RecordSet",
            "@id": shard.stem,
            "name": shard.stem,
            "description": f"Images of the split {shard.stem.rpartition('-')[0]}.",
            "field": _list_fields(shard, has_labels=has_labels),
        }
        for shard in shards
    ]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "curated-images",
        "description": f"Images in the splits {', '.join(splits)}, exported by curate.",
        "distribution": files,
        "recordSet": records,
    }


def _list_fields(shard: Path, *, has_labels: bool) -> list[dict[str, Any]]:
    columns = [("image", "sc:ImageObject")]
    columns += [("label", "sc:Integer")] if has_labels else []
    columns += [("path", "sc:Text")]
    fields = []
    for name, kind in columns:
        source: dict[str, Any] = {
            "fileObject": {"@id": shard.name},
            "extract": {"column": name},
        }
        if name == "image":
            source["transform"] = {"jsonPath": "bytes"}
        field = {"@type": "cr:Field", "@id": f"{shard.stem}/{name}", "name": name}
        fields.append(field | {"dataType": kind, "source": source})
    return fields


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

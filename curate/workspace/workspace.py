"""The workspace: the ``.curate`` folder, its layout, its lock and what it knows."""

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from curate.errors import InputError, ResourceError
from curate.files import disk_errors, remove, write_json

_OURS = re.compile(r"(lock|pixels|models|embeddings|copies|catalogue|pending-|workspace|\.)")
"""How names in a workspace begin, one that was killed before it was named included."""

FORMAT = 1
FOLDER = ".curate"


@dataclass(frozen=True, slots=True)
class Workspace:
    """One workspace on disk.

    Attributes:
        root: Its folder.
    """

    root: Path

    @property
    def catalogue(self) -> Path:
        """The Parquet file with one row per image file."""
        return self.root / "catalogue.parquet"

    @property
    def pixels(self) -> Path:
        """The folder of pixel shards."""
        return self.root / "pixels"

    def model(self, name: str) -> Path:
        """Return the folder of a model."""
        return self.root / "models" / name

    def embeddings(self, name: str) -> Path:
        """Return the folder of a model's embeddings."""
        return self.root / "embeddings" / name

    def models(self) -> list[str]:
        """Return the names of the trained models, sorted."""
        return sorted(path.parent.name for path in self.root.glob("models/[!.]*/model.json"))

    def facts(self) -> dict[str, Any]:
        """Return what ``workspace.json`` holds.

        Raises:
            InputError: It is of another version, or is no workspace.
        """
        path = self.root / "workspace.json"
        try:
            facts = json.loads(path.read_text())
        except FileNotFoundError:
            return {"format": FORMAT, "sources": [], "manifests": []}
        except (ValueError, OSError) as error:
            raise InputError(
                f"{path} cannot be read: {error}",
                hint="move this workspace away and scan again, or restore the file",
            ) from None
        found = facts.get("format") if isinstance(facts, dict) else None
        if found != FORMAT:
            raise InputError(
                f"{self.root} is a workspace of format {found}, this curate reads {FORMAT}",
                hint="use the curate that made it, or another workspace with --workspace DIR",
            )
        return dict(facts)

    def remember(self, *, source: str | None = None, manifest: Path | None = None) -> None:
        """Note the newest source and manifest, newest last."""
        facts = self.facts()
        for key, value in (("sources", source), ("manifests", manifest)):
            if value is not None:
                kept = [item for item in facts[key] if item != str(value)]
                facts[key] = [*kept, str(value)]
        write_json(self.root / "workspace.json", facts)

    def excludes_of(self, source: str, given: tuple[str, ...] | None) -> tuple[str, ...]:
        """Return the patterns of what is passed over in a source; those given are stored.

        Args:
            source: Its address.
            given: None for those stored.
        """
        facts = self.facts()
        stored = facts.setdefault("excludes", {})
        if given is not None and tuple(stored.get(source, ())) != given:
            stored[source] = list(given)
            write_json(self.root / "workspace.json", facts)
        return tuple(stored.get(source, ()))

    def newest_source(self) -> Path:
        """Return the source seen last.

        Raises:
            InputError: There is none.
        """
        sources = self.facts()["sources"]
        if not sources:
            raise InputError(
                f"no images have been scanned into {self.root}",
                hint="start with `curate train IMAGES`, or name the folder of images",
            )
        return Path(sources[-1])

    def newest_manifest(self) -> Path:
        """Return the manifest written last that is still there.

        Raises:
            InputError: There is none.
        """
        for name in reversed(self.facts()["manifests"]):
            if Path(name).is_file():
                return Path(name)
        raise InputError(
            f"{self.root} knows of no manifest",
            hint="write one with `curate cluster --out M.parquet`, or name a folder or manifest",
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the workspace's lock; one writer at a time.

        Raises:
            ResourceError: Another process holds it.
        """
        self.facts()
        with disk_errors(self.root):
            self._check_place()
            self.root.mkdir(parents=True, exist_ok=True)
            holder = self.root / "lock.json"
            lock = FileLock(self.root / "lock")
            if not _acquired(lock):
                raise ResourceError(
                    f"{self.root} is being written by {_holder(holder)}",
                    hint="wait until it ends, or use another workspace with --workspace DIR",
                )
        try:
            write_json(holder, {"pid": os.getpid(), "host": socket.gethostname()})
            self.sweep()
            yield
        finally:
            remove(holder)
            lock.release()

    def _check_place(self) -> None:
        """Check that the folder is new, or a workspace: nothing of anybody else's is written over.

        Raises:
            InputError: It holds something else.
        """
        if not self.root.is_dir() or (self.root / "workspace.json").is_file():
            return
        names = sorted(path.name for path in self.root.iterdir())
        foreign = [name for name in names if not _OURS.match(name)]
        if foreign:
            raise InputError(
                f"{self.root} holds {foreign[0]} and is no workspace",
                hint="name a new folder with --workspace DIR",
            )

    def sweep(self) -> None:
        """Remove what a killed run left half written; only the lock's holder may."""
        for folder in (self.root, self.pixels, *self.root.glob("embeddings/*")):
            for scrap in folder.glob(".*.partial"):
                remove(scrap)


def _acquired(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _holder(path: Path) -> str:
    try:
        facts = json.loads(path.read_text())
        return f"process {facts['pid']} on {facts['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def find_workspace(named: Path | None) -> Workspace:
    """Return the workspace named, else the one of ``CURATE_WORKSPACE``, else ``./.curate``."""
    if named is not None:
        return Workspace(named.absolute())
    return Workspace(Path(os.environ.get("CURATE_WORKSPACE") or FOLDER).absolute())

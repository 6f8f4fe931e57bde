"""The workspace: the ``.curate`` folder, its layout, its lock and what it knows."""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from curate.errors import InputError, ResourceError
from curate.files import disk_errors, remove
from curate.own_folders import WORKSPACE_FILES
from curate.progress import Progress, Silent
from curate.workspace.bucket_address import mirror_folder, read_address
from curate.workspace.integrity import Damaged, read_checked_json, write_checked_json
from curate.workspace.lock_holder import describe_holder, describe_self
from curate.workspace.permissions import ALL, restrict_below, restrict_folder

_OURS = re.compile(
    r"(lock|engine|pixels|models|embeddings|copies|catalogue|evidence|reviews|cuts|pipelines|pending-|refused|workspace|\.)"
)
"""How names in a workspace begin, one that was killed before it was named included."""

FORMAT = 2
FOLDER = ".curate"
REVIEWS = "reviews.jsonl"
_FACTS, _COPY = WORKSPACE_FILES
_MODEL_FILES = ("weights.safetensors", "model.json", "metrics.jsonl", "inputs.json")
_at_release: dict[Path, list[Callable[[], None]]] = {}
"""Workspaces that this process writes, and what is to be done before it stops to."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """One workspace on disk.

    Attributes:
        root: Its folder; of one in a bucket, that of its mirror on this machine.
        address: Of one in a bucket; else None.
    """

    root: Path
    address: str | None = None

    def __str__(self) -> str:
        """Return what people call it: its address or its folder."""
        return self.address or str(self.root)

    @property
    def catalogue(self) -> Path:
        """The Parquet file with one row per image file."""
        return self.root / "catalogue.parquet"

    @property
    def pixels(self) -> Path:
        """The folder of pixel shards."""
        return self.root / "pixels"

    @property
    def refusals(self) -> Path:
        """The file of the images that no worker survives."""
        return self.root / "refused.parquet"

    @property
    def answers(self) -> Path:
        """The file of what images answered before a training."""
        return self.root / "answers.json"

    @property
    def evidence(self) -> Path:
        """The folder of the accepted pairs that results show."""
        return self.root / "evidence"

    @property
    def reviews(self) -> Path:
        """The file of what a person decided."""
        return self.root / REVIEWS

    def model(self, name: str) -> Path:
        """Return the folder of a model."""
        return self.root / "models" / name

    def embeddings(self, name: str) -> Path:
        """Return the folder of a model's embeddings."""
        return self.root / "embeddings" / name

    def models(self) -> list[str]:
        """Return the names of the trained models, sorted; those that lost a file are among them."""
        folders = self.root.glob("models/[!.]*/")
        return sorted(
            folder.name
            for folder in folders
            if any((folder / name).exists() for name in _MODEL_FILES)
        )

    def is_there(self) -> bool:
        """Return whether there is a workspace in the folder."""
        return any((self.root / name).is_file() for name in (_FACTS, _COPY))

    def facts(self) -> dict[str, Any]:
        """Return what ``workspace.json`` holds, or its copy where that is lost or damaged.

        Raises:
            InputError: It is of another version.
            Damaged: Both are damaged.
        """
        damage: Damaged | None = None
        for name in (_FACTS, _COPY):
            try:
                facts = read_checked_json(self.root / name)
            except FileNotFoundError:
                continue
            except Damaged as error:
                self._refuse_format(_read_format(self.root / name))
                damage = damage or error
                continue
            self._refuse_format(facts.get("format"))
            return facts
        if damage is not None:
            raise Damaged(
                damage.path,
                f"{damage.reason}, and {_COPY} beside it is damaged or lost, too",
                hint="remove these two files and scan your folders again; images are not read anew",
            )
        return {"format": FORMAT, "sources": [], "manifests": []}

    def facts_damage(self) -> list[Damaged]:
        """Return what is wrong with ``workspace.json`` and its copy."""
        found = []
        for name in (_FACTS, _COPY):
            try:
                read_checked_json(self.root / name)
            except FileNotFoundError:
                found.append(Damaged(self.root / name, "it is lost"))
            except Damaged as error:
                found.append(error)
        return found

    def _refuse_format(self, found: object) -> None:
        """Refuse a workspace of another version.

        Raises:
            InputError: It is one.
        """
        if found is not None and found != FORMAT:
            raise InputError(
                f"{self} is a workspace of format {found}, this curate reads {FORMAT}",
                hint="use the curate that made it, or another workspace with --workspace DIR",
            )

    def _write_facts(self, facts: dict[str, Any]) -> None:
        for name in (_FACTS, _COPY):
            write_checked_json(self.root / name, facts)

    def remember(self, *, source: str | None = None, manifest: Path | None = None) -> None:
        """Note the newest source and manifest, newest last."""
        facts = self.facts()
        for key, value in (("sources", source), ("manifests", manifest)):
            if value is not None:
                kept = [item for item in facts[key] if item != str(value)]
                facts[key] = [*kept, str(value)]
        self._write_facts(facts)

    def rename_source(self, old: str, new: str) -> None:
        """Know a source by another name, with the patterns of what its scans pass over."""
        facts = self.facts()
        kept = [item for item in facts["sources"] if item != new]
        facts["sources"] = [new if item == old else item for item in kept]
        excludes = facts.get("excludes", {})
        if old in excludes:
            excludes.setdefault(new, excludes.pop(old))
        self._write_facts(facts)

    def forget(self, source: str) -> None:
        """Forget a source."""
        facts = self.facts()
        facts["sources"] = [item for item in facts["sources"] if item != source]
        self._write_facts(facts)

    def forget_manifests(self, folder: Path) -> None:
        """Forget the manifests of a folder: what is not there to stay."""
        facts = self.facts()
        kept = [name for name in facts["manifests"] if Path(name).parent != folder]
        if kept != facts["manifests"]:
            self._write_facts(facts | {"manifests": kept})

    def restrict(self, readers: int) -> None:
        """Let nobody read the workspace who may not read some of its images.

        Args:
            readers: Who may, bits of ``curate.workspace.permissions``; never widened again.
        """
        facts = self.facts()
        readers &= facts.get("readers", ALL)
        if readers != facts.get("readers", ALL):
            self._write_facts(facts | {"readers": readers})
        restrict_folder(self.root, readers)

    def excludes_of(self, source: str) -> tuple[str, ...]:
        """Return the patterns of what the last scan of a source passed over.

        Args:
            source: Its address.
        """
        return tuple(self.facts().get("excludes", {}).get(source, ()))

    def note_excludes(self, source: str, patterns: tuple[str, ...]) -> None:
        """Store the patterns of what a scan passed over, once all else of it is stored.

        Args:
            source: Its address.
            patterns: For later scans, too.
        """
        facts = self.facts()
        stored = facts.setdefault("excludes", {})
        if tuple(stored.get(source, ())) != patterns:
            stored[source] = list(patterns)
            self._write_facts(facts)

    def newest_source(self) -> str:
        """Return the address of the source seen last.

        Raises:
            InputError: There is none.
        """
        sources = self.facts()["sources"]
        if not sources:
            raise InputError(
                f"no images have been scanned into {self}",
                hint="start with `curate train IMAGES`, or name the folder of images",
            )
        return str(sources[-1])

    def newest_manifest(self) -> Path:
        """Return the manifest written last that is still there.

        Raises:
            InputError: There is none.
        """
        for name in reversed(self.facts()["manifests"]):
            if Path(name).is_file():
                return Path(name)
        raise InputError(
            f"{self} knows of no manifest",
            hint="write one with `curate cluster --out M.parquet`, or name a folder or manifest",
        )

    @contextmanager
    def writing(self, progress: Progress | None = None) -> Iterator[None]:
        """Hold the workspace's lock; one writer at a time.

        Args:
            progress: Hears of damage that is mended.

        Raises:
            InputError: The workspace is of another version.
            ResourceError: Another process holds the lock, or the disk is full.
        """
        self.facts()
        with disk_errors(self.root):
            self._check_place()
            is_new = not self.root.exists()
            self.root.mkdir(parents=True, exist_ok=True)
            holder = self.root / "lock.json"
            lock = FileLock(self.root / "lock")
            if not _is_acquired(lock, seconds=0 if self.address is None else 3):
                raise ResourceError(
                    f"{self} is being written by {describe_holder(holder)}",
                    hint="wait until it ends, or use another workspace with --workspace DIR",
                )
        try:
            _at_release[self.root] = []
            write_checked_json(holder, describe_self())
            with self._sharing(progress or Silent()):
                self.sweep()
                self._mend_facts(progress or Silent())
                yield
                for finish in _at_release[self.root]:
                    finish()
        finally:
            del _at_release[self.root]
            remove(holder)
            try:
                with suppress(InputError):
                    restrict_below(self.root, self.facts().get("readers", ALL))
                if is_new:
                    self._remove_if_unused()
            finally:
                lock.release()

    def _sharing(self, progress: Progress) -> AbstractContextManager[None]:
        """Return what brings a workspace of a bucket up to date, and sends what is written."""
        if self.address is None:
            return nullcontext()
        from curate.workspace.bucket_sharing import sharing

        return sharing(self.address, self.root, progress)

    def send_rest(self, progress: Progress) -> None:
        """Send what was written without the lock, such as decisions; of a folder there is nothing.

        Raises:
            ResourceError: Another process writes the workspace, or the bucket cannot be used.
        """
        if self.address is None or self.is_held:
            return
        from curate.workspace.bucket_sharing import has_unsent

        if has_unsent(self.address, self.root):
            with self.writing(progress):
                pass

    def _remove_if_unused(self) -> None:
        """Remove a folder that was made for nothing: it holds the lock and no more."""
        if self.root.is_dir() and [path.name for path in self.root.iterdir()] == ["lock"]:
            remove(self.root)

    @property
    def is_held(self) -> bool:
        """Whether this process holds the lock."""
        return self.root in _at_release

    def before_release(self, finish: Callable[[], None]) -> None:
        """Have something done before the lock is let go, unless what was done under it failed."""
        _at_release[self.root].append(finish)

    def _mend_facts(self, progress: Progress) -> None:
        """Write ``workspace.json`` again from its copy, or the other way round."""
        damage = self.facts_damage()
        if len(damage) == 1:
            progress.note(f"{damage[0]}; written again")
            remove(damage[0].path)
            self._write_facts(self.facts())

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
                f"{self} holds {foreign[0]} and is no workspace",
                hint="name a new folder with --workspace DIR",
            )

    def sweep(self) -> None:
        """Remove what a killed run left half written; only the lock's holder may."""
        for folder in (self.root, self.pixels, *self.root.glob("embeddings/*")):
            for scrap in folder.glob(".*.partial"):
                remove(scrap)


def _is_acquired(lock: FileLock, *, seconds: float) -> bool:
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        return False
    return True


def _read_format(path: Path) -> int | None:
    """Return the format that a file without a checksum names: it is of another version."""
    with suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and "checksum" not in content:
            return content.get("format")
    return None


def find_workspace(named: Path | str | None, progress: Progress | None = None) -> Workspace:
    """Return the workspace named, else the one of ``CURATE_WORKSPACE``, else ``./.curate``.

    Args:
        named: A folder, or the address of one in a bucket, whose mirror is brought up to date.
        progress: Hears of what is fetched.

    Raises:
        UsageError: It is an address of something else, or with a secret in it.
        CurateError: The bucket cannot be used.
    """
    if named is None:
        named = os.environ.get("CURATE_WORKSPACE") or FOLDER
    address = read_address(named)
    if address is None:
        return Workspace(Path(named).absolute())
    workspace = Workspace(mirror_folder(address), address)
    if not workspace.is_held:
        from curate.workspace.bucket_sharing import refresh

        refresh(address, workspace.root, progress or Silent())
    return workspace

"""Whether a step has to run, and why: its inputs, settings and version against the last run."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curate.errors import InputError
from curate.files import write_json
from curate.pipeline.parse import Step
from curate.pipeline.stage_files import name_place
from curate.secrets import clean_text
from curate.sources import Address, Container, open_source, split_address
from curate.version import __version__
from curate.workspace.bucket_address import show_addresses
from curate.workspace.workspace import Workspace

_CHUNK = 1 << 20
_MODEL = "the model"
_REVIEWS = "the decisions of curate review"
_REVIEWS_FILE = "reviews.jsonl"


class Record:
    """What a pipeline did when it ran last, in its workspace."""

    def __init__(self, path: Path) -> None:
        """Read it; a file that cannot be read records nothing."""
        self._path = path
        self._steps: dict[str, dict[str, Any]] = {}
        self._written: dict[str, str] = {}
        self._exported: set[str] = set()
        try:
            content = json.loads(path.read_text())
            self._steps, self._written = dict(content["steps"]), dict(content["written"])
            self._exported = set(content["exported"])
        except (OSError, ValueError, KeyError, TypeError):
            return

    def step(self, name: str) -> Mapping[str, Any] | None:
        """Return what was so when a step ended last; None if it never did."""
        return self._steps.get(name)

    def written(self, path: str) -> str | None:
        """Return the digest of what the pipeline wrote last to a place."""
        return self._written.get(_name_of(path))

    def exported(self) -> list[str]:
        """Return the folders that the pipeline exported, sorted."""
        return sorted(self._exported)

    def holds_export(self, path: str) -> bool:
        """Return whether a folder is one that the pipeline exported, as it left it."""
        return path in self._exported and digest_path(Path(path)) == self.written(path)

    def note(self, step: Step, facts: Mapping[str, Any]) -> None:
        """Put down that a step ended well.

        Raises:
            CurateError: It cannot be written.
        """
        self._steps[step.name] = dict(facts)
        self._written |= {_name_of(path): digest_path(Path(path)) for path in step.writes}
        if step.files.needs_new_folder:
            self._exported.update(step.writes)
        self._write()

    def forget(self, step: Step) -> None:
        """Put down that a step is under way: what it writes is not to be relied on.

        Raises:
            CurateError: It cannot be written.
        """
        self._steps.pop(step.name, None)
        self._write()

    def _write(self) -> None:
        content = {
            "steps": self._steps,
            "written": self._written,
            "exported": self.exported(),
        }
        write_json(self._path, content)


class Freshness:
    """Looks at the steps of a pipeline one after the other."""

    def __init__(self, record: Record) -> None:
        """Look at none yet."""
        self._record = record
        self._made_by: dict[str, str] = {}
        self._images_digests: dict[str, str] = {}

    def facts_of(self, step: Step) -> dict[str, Any]:
        """Return all that decides what a step does; of a file that a step made, that step's facts.

        Raises:
            InputError: The images cannot be listed.
        """
        inputs = {
            clean_text(path): self._made_by.get(path) or self._digest_input(step, path)
            for path in step.reads
        }
        for name, address in step.sources.items():
            inputs[name] = self._digest_images(step, address)
        if step.files.reads_model:
            inputs[_MODEL] = self._made_by.get(_MODEL) or _digest_models(step.workspace)
        if step.files.reads_reviews and not step.settings.get("ignore-reviews"):
            inputs[_REVIEWS] = digest_path(step.workspace.root / _REVIEWS_FILE)
        settings = {name: _plain(value) for name, value in step.settings.items()}
        facts = {"version": __version__, "settings": settings, "inputs": inputs}
        self._count_as_made(step, facts)
        return facts

    def keep_older(self, step: Step) -> None:
        """Take what a step wrote for what it is: the step should run, and does not."""
        old = self._record.step(step.name)
        if old is not None:
            self._count_as_made(step, old)
            return
        for made in (*step.writes, _MODEL):
            self._made_by.pop(made, None)

    def _count_as_made(self, step: Step, facts: Mapping[str, Any]) -> None:
        key = _digest_text(json.dumps([step.stage, facts], sort_keys=True))
        self._made_by |= dict.fromkeys(step.writes, key)
        if step.files.writes_model:
            self._made_by[_MODEL] = key

    def why_run(self, step: Step, facts: Mapping[str, Any]) -> str | None:
        """Return why a step has to run, or None."""
        old = self._record.step(step.name)
        if old is None:
            return "it was not done yet"
        if old["version"] != facts["version"]:
            return f"curate {old['version']} ran it"
        for what, noun in (("settings", "setting"), ("inputs", "input")):
            changed = [name for name in {**old[what], **facts[what]}
                       if old[what].get(name) != facts[what].get(name)]  # fmt: skip
            if changed:
                return f"{noun} changed: {', '.join(changed)}"
        for path in step.writes:
            digest = digest_path(Path(path))
            if digest != self._record.written(path):
                return (
                    f"{clean_text(path)} {'is gone' if not digest else 'is not what was written'}"
                )
        return None

    def _digest_input(self, step: Step, path: str) -> str:
        """Return the digest of a file that no step before makes.

        One that is as the pipeline left it, such as a manifest filled in its place, counts as what
        the step was given.
        """
        digest, old = digest_path(Path(path)), self._record.step(step.name)
        if old is not None and digest and digest == self._record.written(path):
            return str(old["inputs"].get(clean_text(path), digest))
        return digest

    def _digest_images(self, step: Step, address: Address | None) -> str:
        """Return the digest of a source; a workspace is the source that it has seen last."""
        if isinstance(address, str) and Workspace(Path(address)).is_there():
            address = _newest_source(Workspace(Path(address)))
        elif address is None:
            address = _newest_source(step.workspace)
        if address is None:
            return ""
        (one, *others) = split_address(address)
        made_by = self._made_by.get(name_place(str(one)))
        if made_by is not None and not others:
            return made_by
        name = str(address)
        if name not in self._images_digests:
            self._images_digests[name] = _digest_source(address)
        return self._images_digests[name]


def _newest_source(workspace: Workspace) -> str | None:
    """Return the source that a workspace has seen last; None if it has seen none."""
    try:
        return workspace.newest_source()
    except InputError:
        return None


def _digest_source(address: Address) -> str:
    """Return a digest of what the files and containers of a source are known by, unread.

    Raises:
        InputError: It cannot be listed.
    """
    listing = open_source(address).list_files()
    digest = hashlib.sha256()
    for file in listing.files:
        version = file.place.version or ""
        line = f"{file.path}\0{file.bytes}\0{file.mtime_ns}\0{version}\0{file.label or ''}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    for container in listing.containers:
        digest.update(f"{container.name}\0{_version_of(container)}\n".encode())
    return digest.hexdigest()


def _version_of(container: Container) -> str:
    """Return what a container is known by; of a list of URLs, which none is, the time."""
    try:
        return container.find_version() or datetime.now(UTC).isoformat()
    except OSError as error:
        return str(error.strerror)


def digest_path(path: Path) -> str:
    """Return a digest of a file's content, or of the names, sizes and times in a folder.

    It is empty if there is nothing.
    """
    if path.is_dir():
        inside = sorted(path.rglob("*"))
        facts = ((file.relative_to(path), file.lstat()) for file in inside if not file.is_dir())
        return _digest_text(
            "".join(f"{name}\0{fact.st_size}\0{fact.st_mtime_ns}\n" for name, fact in facts)
        )
    if not path.is_file():
        return ""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _digest_models(workspace: Workspace) -> str:
    files = [workspace.model(name) / "model.json" for name in workspace.models()]
    named = [(show_addresses(str(file)), digest_path(file)) for file in files]
    return _digest_text("".join(f"{name}\0{digest}\n" for name, digest in named))


def _name_of(path: str) -> str:
    """Return what a file is put down as: without secrets, and the same on all machines."""
    return clean_text(show_addresses(path))


def _digest_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _plain(value: Any) -> Any:  # noqa: ANN401 - what TOML holds
    """Return a value of TOML as JSON can hold it."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str):
        return clean_text(value)
    return value if isinstance(value, int | float | bool) else str(value)


def check_readable(step: Step, made: set[str]) -> None:
    """Check that what a step reads is there, or is made by a step before it.

    Raises:
        InputError: A file is not.
    """
    for path in step.reads:
        if path not in made and not Path(path).exists():
            raise InputError(
                f"the step {step.name} reads {path}, which is not there and no step before writes",
                hint="name another file, or add the stage that writes it",
            )

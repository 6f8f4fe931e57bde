"""A pipeline file as steps, each checked before anything runs."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.choices import closest
from curate.errors import CurateError, InputError, UsageError, first_line
from curate.pipeline.commands import Commands, Kind, Option
from curate.pipeline.stage_files import StageFiles, find_stage_files, list_files, name_place
from curate.secrets import clean_text
from curate.sources import Address, add_fps, is_source
from curate.workspace.workspace import Workspace, find_workspace

SHARED = {"images": "source of the images", "workspace": "workspace", "seed": "seed"}
"""Keys above the first section, for all stages that have such an option."""

_SHARED_KINDS = {
    "images": (Kind.TEXT, True),
    "workspace": (Kind.TEXT, False),
    "seed": (Kind.INTEGER, False),
}
_EXAMPLE_HINT = "`curate run --init example.toml` writes an example"
_NOT_IN_A_FILE = ("json", "quiet", "help")
_FIRST_MANIFEST = "manifest.parquet"  # what `dedup` writes when it is given a source
IMAGES = "the images"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One section of a pipeline.

    Attributes:
        name: The stage, numbered from its second section on.
        stage: Name of the command.
        settings: Its options as they are in the file, those for all and the manifest filled in.
        words: The same as on a command line.
        reads: Files it reads, and what steps before wrote.
        sources: Where images come from that it reads, by what people call them; None for the
            newest source of the workspace.
        writes: What it writes.
        files: What the stage reads and writes.
    """

    name: str
    stage: str
    settings: Mapping[str, Any]
    words: tuple[str, ...]
    reads: tuple[str, ...]
    sources: Mapping[str, Address | None]
    writes: tuple[str, ...]
    files: StageFiles

    @property
    def workspace(self) -> Workspace:
        """The workspace that it works in."""
        return _workspace_of(self.settings)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """A chain of steps.

    Attributes:
        path: The file.
        steps: In the order in which they run.
        workspace: The workspace, or None.
    """

    path: Path
    steps: tuple[Step, ...]
    workspace: str | None


def read_pipeline(path: Path, changes: Sequence[str], commands: Commands) -> Pipeline:
    """Return a pipeline whose every option has been checked.

    Args:
        path: The TOML file.
        changes: Settings that count instead of those of the file, such as
            ``dedup.precision=0.95``.
        commands: Those of the program.

    Raises:
        InputError: There is no such file.
        UsageError: It is no TOML, or a section, key or value makes no sense; the line is named.
    """
    if not path.is_file():
        raise InputError(f"no pipeline at {path}", hint="write one with `curate run --init`")
    try:
        text = path.read_bytes().decode()
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} is no TOML: {first_line(error)}", hint=f"mend that line; {_EXAMPLE_HINT}"
        ) from None
    changed = _apply(changes, content)
    return _Reader(path, text, content, commands, changed=changed).read()


def _apply(changes: Sequence[str], content: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Put settings in the place of those of the file; return them by section and key.

    Raises:
        UsageError: One is no ``stage.option=value``.
    """
    changed = {}
    for change in changes:
        name, is_there, text = change.partition("=")
        section, _, key = name.strip().rpartition(".")
        if not is_there or not key:
            raise UsageError(f"{change!r} is no setting", hint="write --set dedup.precision=0.95")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        place = content.setdefault(section, {}) if section else content
        for one in place if isinstance(place, list) else [place]:
            if not isinstance(one, dict):
                raise UsageError(
                    f"{change!r}: {section} is no section", hint="write --set dedup.precision=0.95"
                )
            one[key] = value
        changed[section, key] = change
    return changed


class _Reader:
    """Reads one file."""

    def __init__(
        self,
        path: Path,
        text: str,
        content: Mapping[str, Any],
        commands: Commands,
        *,
        changed: Mapping[tuple[str, str], str],
    ) -> None:
        self._path = path
        self._lines = text.splitlines()
        self._content = content
        self._commands = commands
        self._changed = changed
        self._manifest: str | None = None
        self._made: set[str] = set()
        self._manifests: set[str] = set()

    def read(self) -> Pipeline:
        self._check_shared()
        sections = []
        for key, value in self._content.items():
            if isinstance(value, dict):
                sections.append((key, 1, value))
            elif _is_table_list(value):
                sections += [(key, number, one) for number, one in enumerate(value, start=1)]
            elif key not in SHARED:
                place = self._place("", key)
                names = (*SHARED, *self._stages())
                raise UsageError(
                    f"{place}: there is no key {key!r} above the sections{closest(key, names)}",
                    hint=f"it may be {', '.join(SHARED)}; the options of a stage go below [stage]",
                )
        if not sections:
            raise UsageError(f"{self._path} has no stage", hint=f"add one; {_EXAMPLE_HINT}")
        steps = tuple(self._read_step(stage, number, one) for stage, number, one in sections)
        workspace = self._content.get("workspace")
        return Pipeline(
            path=self._path,
            steps=steps,
            workspace=str(workspace) if workspace is not None else None,
        )

    def _check_shared(self) -> None:
        """Check the keys above the sections that hold for all stages.

        Raises:
            UsageError: A value is of another kind.
        """
        for key, (kind, is_repeated) in _SHARED_KINDS.items():
            value = self._content.get(key)
            values = value if is_repeated and isinstance(value, list) and value else [value]
            option = Option(name=key, kind=kind, help="")
            is_text = kind is not Kind.TEXT or all(isinstance(one, str) for one in values)
            if value is not None and not (is_text and all(_fits(one, option) for one in values)):
                several = ", or a list of them" if is_repeated else ""
                raise UsageError(
                    f"{self._place('', key)}: {key} must be {_describe(option)}{several}, "
                    f"got {value!r}",
                    hint="see an example: `curate run --init`",
                )

    def _stages(self) -> list[str]:
        names = self._commands.names()
        return [n for n in names if find_stage_files(n, self._commands.options(n)) is not None]

    def _read_step(self, stage: str, number: int, section: Mapping[str, Any]) -> Step:
        if stage not in self._stages():
            raise UsageError(
                f"{self._place(stage, None)}: there is no stage {stage!r}"
                f"{closest(stage, self._stages())}",
                hint=f"the stages are: {', '.join(self._stages())}",
            )
        options = self._commands.options(stage)
        files = find_stage_files(stage, options) or StageFiles()
        settings = self._check_keys(stage, number, section, options)
        self._fill_in(settings, options, files)
        words = _make_words(settings, options)
        try:
            self._commands.check(stage, words)
        except CurateError as error:
            place, changes = self._place(stage, None, number), self._name_changes(stage)
            places = dict.fromkeys(filter(None, (place, changes)))
            raise UsageError(f"{', '.join(places)}: {error}", hint=error.hint) from None
        reads, sources = self._list_inputs(settings, options, files)
        unnamed = _FIRST_MANIFEST if IMAGES in sources or not reads else reads[0]
        step = Step(
            name=stage if number == 1 else f"{stage}-{number}",
            stage=stage,
            settings=settings,
            words=words,
            reads=reads,
            sources=sources,
            writes=_list_outputs(settings, options, files, unnamed),
            files=files,
        )
        self._made.update(step.writes)
        if files.writes_manifest:
            self._manifest = step.writes[0]
            self._manifests.add(self._manifest)
        return step

    def _check_keys(
        self, stage: str, number: int, section: Mapping[str, Any], options: Mapping[str, Option]
    ) -> dict[str, Any]:
        """Return the settings of a section by the names of the options.

        Raises:
            UsageError: There is no such option, or a value is of another kind.
        """
        known = [name for name in options if name not in _NOT_IN_A_FILE]
        settings = {}
        for key, value in section.items():
            name = key.replace("_", "-")
            if name not in known:
                raise UsageError(
                    f"{self._place(stage, key, number)}: {stage} has no option {key!r}"
                    f"{closest(name, known)}",
                    hint=f"see `curate {stage} --help`",
                )
            if not _fits(value, options[name]):
                raise UsageError(
                    f"{self._place(stage, key, number)}: {key} must be "
                    f"{_describe(options[name])}, got {value!r}",
                    hint=f"see `curate {stage} --help`",
                )
            settings[name] = value
        return settings

    def _fill_in(
        self, settings: dict[str, Any], options: Mapping[str, Option], files: StageFiles
    ) -> None:
        """Add what holds for all stages, and the manifest that the step before wrote."""
        for key in SHARED:
            if key in self._content and key in options:
                settings.setdefault(key, self._content[key])
        first = files.manifest
        if first is not None and self._manifest is not None:
            settings.setdefault(first, self._manifest)
        if first in files.sources and "images" in self._content:
            settings.setdefault(first, self._content["images"])

    def _list_inputs(
        self, settings: Mapping[str, Any], options: Mapping[str, Option], files: StageFiles
    ) -> tuple[tuple[str, ...], dict[str, Address | None]]:
        """Return the files that a step reads, its manifest first, and its sources of images.

        Raises:
            InputError: It takes the newest manifest of the workspace, and there is none.
            UsageError: The frames that are asked for are no number.
        """
        reads: list[str] = []
        sources: dict[str, Address | None] = {}
        for name in files.sources:
            texts = _texts(settings.get(name), options[name])
            if not texts and name == files.manifest:
                reads.append(str(_workspace_of(settings).newest_manifest()))
            elif len(texts) == 1 and self._is_manifest(texts[0]):
                reads.append(name_place(texts[0]))
            elif name == "against":
                sources |= {clean_text(text): text for text in texts}
            else:
                sources[IMAGES] = add_fps(texts, settings.get("fps")) if texts else None
        for name in files.reads:
            for text in _texts(settings.get(name), options[name]):
                reads += list_files(name, text)
        return tuple(reads), sources

    def _is_manifest(self, text: str) -> bool:
        """Return whether a text names a manifest, no source; one need not be written yet."""
        place = name_place(text)
        return place in self._manifests or (place not in self._made and not is_source(text))

    def _place(self, stage: str, key: str | None, number: int = 1) -> str:
        """Return ``FILE, line N`` of a section or a key, or the ``--set`` that it comes from."""
        if key is not None and (stage, key) in self._changed:
            return f"--set {self._changed[stage, key]}"
        here, count = "", 0
        header = re.compile(r"\s*\[\[?\s*\"?([\w-]+)\"?\s*\]\]?")
        for line_number, line in enumerate(self._lines, start=1):
            found = header.match(line)
            if found:
                here = found[1]
                count += here == stage
            is_section = key is None and found is not None
            is_key = key is not None and re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", line)
            if here == stage and count in (0, number) and (is_section or is_key):
                return f"{self._path}, line {line_number}"
        return self._name_changes(stage) or str(self._path)

    def _name_changes(self, stage: str) -> str:
        """Return the ``--set`` that a section has settings from."""
        changes = [text for (section, _), text in self._changed.items() if section == stage]
        return ", ".join(f"--set {text}" for text in changes)


def _is_table_list(value: Any) -> bool:  # noqa: ANN401 - what TOML holds
    """Return whether a value is that of the sections of one stage."""
    is_list = isinstance(value, list) and len(value) > 0
    return is_list and all(isinstance(one, dict) for one in value)


def _fits(value: Any, option: Option) -> bool:  # noqa: ANN401 - what TOML holds
    """Return whether a value can be that of an option."""
    if isinstance(value, list):
        is_plain = option.kind is Kind.TEXT and not option.choices
        return is_plain and all(isinstance(one, str | int | float) and one != "" for one in value)
    if isinstance(value, dict):
        return option.kind is Kind.TEXT and not option.choices
    match option.kind:
        case Kind.FLAG:
            return isinstance(value, bool)
        case Kind.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Kind.TEXT:
            is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
            return is_text and value != "" and (not option.choices or value in option.choices)


def _workspace_of(settings: Mapping[str, Any]) -> Workspace:
    named = settings.get("workspace")
    return find_workspace(str(named) if named is not None else None)


def _list_outputs(
    settings: Mapping[str, Any], options: Mapping[str, Option], files: StageFiles, unnamed: str
) -> tuple[str, ...]:
    """Return what a step writes, its manifest first; that is ``unnamed`` if it is given no name."""
    places: list[str] = []
    for name in files.writes:
        texts = _texts(settings.get(name, options[name].default), options[name])
        is_manifest = files.writes_manifest and name == files.writes[0]
        places += map(name_place, texts or ([unnamed] if is_manifest else []))
    if files.writes_model:
        name = str(settings.get("name", options["name"].default))
        model, here = _workspace_of(settings).model(name) / "model.json", Path.cwd()
        places.append(str(model.relative_to(here) if model.is_relative_to(here) else model))
    return tuple(places)


def _describe(option: Option) -> str:
    if option.choices:
        return f"one of {', '.join(option.choices)}"
    names = {
        Kind.FLAG: "true or false",
        Kind.INTEGER: "a whole number",
        Kind.NUMBER: "a number",
        Kind.TEXT: "a text that is not empty",
    }
    return names[option.kind]


def _make_words(settings: Mapping[str, Any], options: Mapping[str, Option]) -> tuple[str, ...]:
    """Return settings as the words of a command line."""
    words: list[str] = []
    arguments: list[str] = []
    for name, option in options.items():
        value = settings.get(name)
        if option.is_argument:
            arguments += _texts(value, option)
        elif isinstance(value, bool):
            if value or option.default is True:
                words.append(f"--{name}" if value else f"--no-{name}")
        else:
            for text in _texts(value, option):
                words += [_dashed(name), text]
    return (*words, "--", *arguments) if arguments else tuple(words)


def _texts(value: Any, option: Option) -> list[str]:  # noqa: ANN401 - what TOML holds
    """Return what the command is given for a value; lists are repeated or joined by commas."""
    if value is None:
        return []
    if isinstance(value, list) and (option.is_argument or option.is_repeated):
        return [str(one) for one in value]
    return [_joined(value)]


def _dashed(name: str) -> str:
    return f"-{name}" if len(name) == 1 else f"--{name}"


def _joined(value: Any) -> str:  # noqa: ANN401 - what TOML holds
    if isinstance(value, list):
        return ",".join(str(one) for one in value)
    if isinstance(value, dict):
        return ",".join(f"{name}={one}" for name, one in value.items())
    return str(value)

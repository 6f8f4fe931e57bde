"""Run: a pipeline of stages, each only when something changed."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from curate.argument_types import check_arguments
from curate.choices import closest
from curate.errors import CurateError, UsageError
from curate.field_types import take_types
from curate.files import disk_errors, remove
from curate.pipeline.commands import Commands, Ended
from curate.pipeline.freshness import Freshness, Record, check_readable
from curate.pipeline.parse import Pipeline, Step, read_pipeline
from curate.progress import Progress, Silent
from curate.secrets import clean_text
from curate.workspace.sending_rest import sending_rest
from curate.workspace.workspace import Workspace, find_workspace

_COMMANDS = "curate.cli.stage_commands"
"""The commands that a pipeline runs, found by name: they stand above the stages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """What the stage needs to know.

    Attributes:
        start: The step from which on all steps run, whether something changed or not, and before
            which none does; None runs what changed.
        changes: Settings that count instead of those of the file: ``stage.option=value``.
        is_plan: Whether it is only said what would run.
    """

    start: str | None = None
    changes: tuple[str, ...] = ()
    is_plan: bool = False

    def __post_init__(self) -> None:
        """Check the types.

        Raises:
            UsageError: A field was given another type.
        """
        take_types(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    """What came of a step.

    Attributes:
        name: The step.
        is_run: Whether it ran, or would.
        reason: Why, or why not.
        result: What its stage found; empty if it did not run.
    """

    name: str
    is_run: bool
    reason: str
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """What the stage did, or would do.

    Attributes:
        pipeline: The file.
        is_plan: Whether nothing ran.
        exit_code: That of the last step; a step that does not end with 0 is the last.
        steps: All steps up to that, in their order.
    """

    pipeline: str
    is_plan: bool
    exit_code: int
    steps: list[StepResult]


@contextmanager
def _clean_errors() -> Iterator[None]:
    """Take the secrets of URLs out of errors: settings stand in many of them.

    Raises:
        CurateError: What was raised, without them.
    """
    try:
        yield
    except CurateError as error:
        error.args = (clean_text(str(error)),)
        error.hint = clean_text(error.hint)
        raise


@_clean_errors()
@check_arguments
def run(
    pipeline: Path | str,
    config: RunConfig | None = None,
    *,
    workspace: Path | str | None = None,
    commands: Commands | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Run the stages of a pipeline whose inputs, settings or version changed.

    The whole file is checked before anything runs.

    Args:
        pipeline: The TOML file.
        config: The stage's settings.
        workspace: Its folder; None takes that of the file, of ``CURATE_WORKSPACE``, or ``.curate``.
        commands: What the steps run; None takes those of the command line.
        progress: Hears which step runs, and why.

    Raises:
        InputError: The file, or one that a step reads, is not there.
        UsageError: A section, key or value of the file makes no sense.
        CurateError: A step failed.
    """
    config, progress = config or RunConfig(), progress or Silent()
    commands = commands or import_module(_COMMANDS).ProgramCommands()
    read = read_pipeline(Path(pipeline), _list_changes(config, workspace), commands)
    start = _find_start(read, config.start)
    space = find_workspace(read.workspace, progress)
    record = _open_record(read, space, is_plan=config.is_plan)
    freshness = Freshness(record)
    made: set[str] = set()
    for step in read.steps:
        check_readable(step, made)
        made.update(step.writes)
    ended: list[StepResult] = []
    exit_code = 0
    with nullcontext() if config.is_plan else sending_rest(space, progress):
        for number, step in enumerate(read.steps):
            facts = freshness.facts_of(step)
            reason = freshness.why_run(step, facts)
            if start is not None:
                reason = _start_from(step, reason, freshness, is_before=number < start)
            is_run = reason is not None
            said = reason or ("it comes before --from" if start is not None else "nothing changed")
            end = Ended(exit_code=0, result={})
            if not config.is_plan:
                verb = "runs" if is_run else "is skipped"
                progress.note(f"[{number + 1}/{len(read.steps)}] {step.name} {verb}: {said}")
                if is_run:
                    end = _run_step(step, facts, record, commands)
            ended.append(StepResult(name=step.name, is_run=is_run, reason=said, result=end.result))
            exit_code = end.exit_code
            if exit_code:
                break
    return RunResult(
        pipeline=str(pipeline), is_plan=config.is_plan, exit_code=exit_code, steps=ended
    )


def _open_record(pipeline: Pipeline, space: Workspace, *, is_plan: bool) -> Record:
    """Return what the pipeline did; unless nothing runs, what a killed run laid aside is back.

    Raises:
        CurateError: It cannot be put back.
    """
    record = Record(space.root / "pipelines" / f"{pipeline.path.stem}.json")
    if not is_plan:
        _settle_exports(record)
    return record


def _list_changes(config: RunConfig, workspace: Path | str | None) -> tuple[str, ...]:
    """Return the settings that count instead of those of the file."""
    if workspace is None:
        return config.changes
    text = json.dumps(str(workspace), ensure_ascii=False)
    return (*config.changes, f"workspace={text}")


def _start_from(
    step: Step, reason: str | None, freshness: Freshness, *, is_before: bool
) -> str | None:
    """Return why a step runs where a run starts from a named one: all do from there, none before.

    What a step before should write anew, and does not, is what later steps are told they read.
    """
    if not is_before:
        return reason or "asked for by --from"
    if reason is not None:
        freshness.keep_older(step)
    return None


def _run_step(step: Step, facts: Mapping[str, Any], record: Record, commands: Commands) -> Ended:
    """Run a step, and put down that it ended well, if it did.

    A folder that it exported before is laid aside; it is back if the step writes no other.
    """
    record.forget(step)
    try:
        for path in filter(record.holds_export, step.writes):
            with disk_errors(Path(path)):
                Path(path).resolve().rename(_place_aside(path))
        end = commands.call(step.stage, step.words)
        if end.exit_code == 0:
            record.note(step, facts)
    finally:
        _settle_exports(record)
    return end


def _settle_exports(record: Record) -> None:
    """Put back the folders laid aside of which no other was exported, and remove the others.

    A folder stays aside while what lies in its place was not put down as exported.

    Raises:
        CurateError: One cannot be moved or removed.
    """
    for path in record.exported():
        folder, aside = Path(path), _place_aside(path)
        if not aside.is_dir():
            continue
        with disk_errors(folder):
            if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
                aside.replace(folder.resolve())
            elif record.holds_export(path):
                remove(aside)


def _place_aside(path: str) -> Path:
    """Return where an exported folder waits while another is exported; a later run finds it."""
    folder = Path(path).resolve()
    return folder.with_name(f".curate-aside-{sha256(os.fsencode(folder.name)).hexdigest()[:16]}")


def _find_start(pipeline: Pipeline, name: str | None) -> int | None:
    """Return the number of the step of a name; None for none.

    Raises:
        UsageError: There is no such step.
    """
    names = [step.name for step in pipeline.steps]
    if name is None:
        return None
    if name not in names:
        raise UsageError(
            f"{pipeline.path} has no step {name!r}{closest(name, names)}",
            hint=f"its steps are: {', '.join(names)}",
        )
    return names.index(name)

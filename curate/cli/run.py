"""The command ``curate run``: a pipeline of stages."""

import tomllib
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.cli import options
from curate.cli.screen import print_json, run_stage, say
from curate.commands import format_command, name_file
from curate.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.run import RunResult


def run(
    pipeline: Annotated[
        Path, typer.Argument(metavar="PIPELINE", help="The pipeline, a TOML file.")
    ] = Path("pipeline.toml"),
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="Run this stage and all after it, and none before.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would run, and why.")
    ] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="STAGE.OPTION=VALUE",
            help="Use this setting instead of that of the file; the option may be repeated.",
        ),
    ] = None,
    init: Annotated[
        bool, typer.Option("--init", help="Write an example with comments, and run nothing.")
    ] = False,
    schema: Annotated[
        bool,
        typer.Option("--schema", help="Write the JSON schema of pipelines to stdout, for editors."),
    ] = False,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Run the stages of a pipeline whose inputs, settings or version changed.

    The whole file is checked before anything runs. A stage is skipped when nothing changed that it
    depends on. The seed of a pipeline stands in its file.

    Example: curate run pipeline.toml --set dedup.precision=0.95
    """
    if schema:
        from curate.cli.stage_commands import ProgramCommands
        from curate.pipeline.schema import make_schema

        print_json(make_schema(ProgramCommands()))
        return
    if init:
        _write_example(pipeline)
        return
    from curate.stages.run import RunConfig
    from curate.stages.run import run as run_pipeline

    config = RunConfig(start=start, changes=tuple(changes or ()), is_plan=dry_run)
    result = run_stage(
        lambda progress: run_pipeline(pipeline, config, workspace=workspace, progress=progress),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
        holds_stages=True,
    )
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _write_example(path: Path) -> None:
    """Write the example to a file that is not there yet.

    Raises:
        InputError: It is there.
    """
    from curate.files import replacing
    from curate.pipeline.example import EXAMPLE

    if path.exists():
        free = next(
            other
            for other in (path.with_stem(f"{path.stem}{n}") for n in count(2))
            if not other.exists()
        )
        other = format_command("run", name_file(free), "--init")
        raise InputError(f"{path} is there already", hint=f"name another file: `{other}`")
    with replacing(path) as scratch:
        scratch.write_text(EXAMPLE)
    say(f"wrote {path}")
    is_ready = Path(tomllib.loads(EXAMPLE)["images"]).is_dir()
    first = "" if is_ready else f"name your folder of images in {path}, then "
    say(f"next: {first}{format_command('run', name_file(path), '--dry-run')}")


def _describe(result: "RunResult") -> "Iterator[str]":
    if result.is_plan:
        for step in result.steps:
            yield f"  {step.name:12} {'runs' if step.is_run else 'skipped':8} {step.reason}"
    n_run = sum(step.is_run for step in result.steps)
    said = "would run" if result.is_plan else "ran"
    yield f"{n_run} of {count_of(len(result.steps), 'stage')} {said}"

"""Options that every command has and none has to handle: limits, a log, progress for machines."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from curate.cli.session import Output, session, use_output
from curate.errors import UsageError
from curate.machine import Limits, parse_bytes, set_limits

Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        envvar="CURATE_JOBS",
        show_envvar=False,
        help="Work with at most this many threads.",
        show_default="one a core of the container",
    ),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        envvar="CURATE_MAX_MEMORY",
        show_envvar=False,
        help="Plan for this much memory, such as 2G.",
        show_default="that of the container",
    ),
]
JsonLines = Annotated[
    bool,
    typer.Option(
        "--json-lines",
        envvar="CURATE_JSON_LINES",
        show_envvar=False,
        help="Write progress and result to stdout as JSON, an object a line.",
    ),
]
Log = Annotated[
    Path | None,
    typer.Option(
        envvar="CURATE_LOG",
        show_envvar=False,
        help="Add to this file, with times, what is told.",
        show_default=False,
    ),
]
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "jobs": (Jobs, None),
    "max_memory": (MaxMemory, None),
    "json_lines": (JsonLines, False),
    "log": (Log, None),
}


def add_run_options(command: Callable[..., object]) -> Callable[..., object]:
    """Return a command that has these options, too, and does as they say before it works."""
    signature = inspect.signature(command)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
        for name, (hint, default) in _OPTIONS.items()
    ]

    @functools.wraps(command)
    def run(**arguments: Any) -> object:  # noqa: ANN401 - those of any command
        given = {name: arguments.pop(name, default) for name, (_, default) in _OPTIONS.items()}
        if given["json_lines"] and arguments.get("as_json"):
            raise UsageError(
                "--json and --json-lines exclude each other",
                hint="the last line of --json-lines holds what --json writes",
            )
        memory = given["max_memory"]
        limits = Limits(
            jobs=given["jobs"], memory_bytes=parse_bytes(memory) if memory is not None else None
        )
        if not session().takes_results:  # the stages of a pipeline keep to what that was told
            set_limits(limits)
            use_output(Output(is_json_lines=given["json_lines"], log=given["log"]))
        return command(**arguments)

    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *added]
    )
    hints = {name: hint for name, (hint, _) in _OPTIONS.items()}
    run.__annotations__ = {**get_type_hints(command, include_extras=True), **hints}
    return run

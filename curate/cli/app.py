"""The program: its commands, and the one place where errors become messages and exit codes."""

import gc
import os
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Annotated, NoReturn

import typer

from curate.cli.cluster import cluster
from curate.cli.compare import compare
from curate.cli.dedup import dedup
from curate.cli.diff import diff
from curate.cli.embed import embed
from curate.cli.export import export
from curate.cli.info import info
from curate.cli.merge import merge
from curate.cli.probe import probe
from curate.cli.prune import prune
from curate.cli.report import report
from curate.cli.restore import restore
from curate.cli.review import review
from curate.cli.run import run
from curate.cli.run_options import add_run_options
from curate.cli.sample import sample
from curate.cli.screen import print_json, say
from curate.cli.search import search
from curate.cli.session import Output, output, use_output
from curate.cli.sheet import sheet
from curate.cli.signals import interrupted_when_terminated
from curate.cli.split import split
from curate.cli.train import train
from curate.cli.usage_errors import explain_mistake
from curate.errors import CurateError, UsageError
from curate.files import disk_error, is_disk_full
from curate.manifest.contract import fills_line
from curate.version import __version__

EXIT_INTERRUPTED = 130
_TRUE = ("1", "true", "yes", "on")
_EMPTY_OPTION = re.compile("(--[a-z-]+)=")
COMMANDS = (
    train,
    embed,
    cluster,
    dedup,
    compare,
    sample,
    split,
    export,
    prune,
    restore,
    diff,
    merge,
    sheet,
    search,
    probe,
    report,
    review,
    info,
    run,
)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"curate {__version__}")
        raise typer.Exit


def _describe_program(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Learn from your own unlabeled images, then group, deduplicate and balance them."""


def build_app(commands: Sequence[Callable[..., object]]) -> typer.Typer:
    """Return the program that has these commands, each named like its function."""
    program = typer.Typer(
        name="curate",
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    program.callback(
        epilog="Start with: curate train ./images   then: curate cluster --out m.parquet   "
        "curate dedup"
    )(_describe_program)
    for command in commands:
        program.command(epilog=fills_line(command.__name__))(add_run_options(command))
    return program


app = build_app(COMMANDS)


def main(arguments: Sequence[str] | None = None, *, program: typer.Typer = app) -> NoReturn:
    """Run the program and exit; an error that the user can fix is a message and an exit code.

    Args:
        arguments: What follows the program's name; None takes it from the command line.
        program: The commands.
    """
    warnings.filterwarnings("ignore", category=UserWarning)
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    use_output(Output(is_json_lines="--json-lines" in words))
    try:
        with interrupted_when_terminated():
            code = _run(words, program)
    finally:
        use_output(Output())
    if arguments is None:
        gc.freeze()  # the process ends: to look for garbage in all that it imported takes 0.2 s
    sys.exit(code)


def _run(words: Sequence[str], program: typer.Typer) -> int:
    """Run the program; return its exit code."""
    as_json = "--json" in words or os.environ.get("CURATE_JSON", "") in _TRUE
    try:
        _refuse_no_names(words, program)
        code = _parser_of(program)(words, standalone_mode=False)
    except CurateError as error:
        code = _print_error(str(error), error.hint, error.exit_code, as_json=as_json)
    except typer.TyperException as error:
        told = explain_mistake(error, words, program)
        code = _print_error(str(told), told.hint, error.exit_code, as_json=as_json)
    except typer.Abort:
        code = EXIT_INTERRUPTED
    except OSError as error:
        known = _explain(error)
        if known is None:
            raise
        code = _print_error(str(known), known.hint, known.exit_code, as_json=as_json)
    if code == EXIT_INTERRUPTED:
        hint = "what was done is saved; the same command goes on"
        code = _print_error("interrupted", hint, EXIT_INTERRUPTED, as_json=as_json)
    return code if isinstance(code, int) else 0


def _refuse_no_names(words: Sequence[str], program: typer.Typer) -> None:
    """Check that no argument is empty or has a zero byte in it, which no name of a file can have.

    Raises:
        UsageError: One is or has.
    """
    for before, word in zip(["", *words], words, strict=False):
        empty = _EMPTY_OPTION.fullmatch(word)
        option = empty[1] if empty else before
        is_value = (not word or empty) and option in _list_valued_options(words[0], program)
        if not word or is_value:
            raise UsageError(
                f"{f'the value of {option}' if is_value else 'an argument'} is empty",
                hint="leave it out, or check the shell variable that it comes from",
            )
        if "\0" in word:
            raise UsageError(f"{word!r} has a zero byte in it", hint="leave the zero byte out")


@cache
def _parser_of(program: typer.Typer) -> Callable[..., object]:
    """Return what parses the words of a program; to build it anew takes longer than to parse."""
    return typer.main.get_command(program)


def _list_valued_options(command: str, program: typer.Typer) -> list[str]:
    """Return the names of the options of a command that take a value; of no command, none."""
    known = getattr(_parser_of(program), "commands", {}).get(command)
    parameters = known.params if known is not None else []
    takers = [one for one in parameters if not getattr(one, "is_flag", True)]
    return [name for one in takers for name in one.opts]


def _explain(error: OSError) -> CurateError | None:
    """Return what to tell of an error of the operating system, or None if it is our bug."""
    place = error.filename or "a file"
    known = disk_error(error, place)
    if known is None or is_disk_full(error):
        return known
    return type(known)(  # it may have been read as well as written
        f"{place} cannot be used: {error.strerror}",
        hint="check that it is there and that you may use it",
    )


def _print_error(message: str, hint: str, exit_code: int, *, as_json: bool) -> int:
    """Print an error as text, and as JSON too if that is wanted; return the exit code.

    With ``CURATE_DEBUG`` its traceback comes first.
    """
    mistake = {"error": message, "hint": hint, "exit_code": exit_code}
    if output().is_json_lines:
        print_json({"event": "error", "time": time.time(), **mistake})
    elif as_json:
        print_json(mistake)
    if os.environ.get("CURATE_DEBUG") and sys.exc_info()[0] is not None:
        traceback.print_exc()
    for line in (f"error: {message}", f"hint: {hint}"):
        say(line)
        with suppress(CurateError):  # what cannot be logged is on the screen
            output().add_to_log(line)
    return exit_code

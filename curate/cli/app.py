"""The program: commands, and the one place where errors become messages and exit codes."""

import os
import sys
import warnings
from typing import Annotated

import typer

from curate.cli.cluster import cluster
from curate.cli.dedup import dedup
from curate.cli.diff import diff
from curate.cli.embed import embed
from curate.cli.export import export
from curate.cli.info import info
from curate.cli.merge import merge
from curate.cli.probe import probe
from curate.cli.sample import sample
from curate.cli.screen import print_json, say
from curate.cli.search import search
from curate.cli.sheet import sheet
from curate.cli.split import split
from curate.cli.train import train
from curate.errors import CurateError
from curate.files import disk_error
from curate.manifest.contract import fills_line
from curate.version import __version__

INTERRUPTED = 130
COMMANDS = (
    train,
    embed,
    cluster,
    dedup,
    sample,
    split,
    export,
    diff,
    merge,
    sheet,
    search,
    probe,
    info,
)

app = typer.Typer(
    name="curate",
    help="Learn from your own unlabeled images, then group, deduplicate and balance them.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in COMMANDS:
    app.command(epilog=fills_line(command.__name__))(command)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"curate {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Start with: curate train ./images   then: curate cluster --out m.parquet   curate dedup"
)
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Learn from your own unlabeled images, then group, deduplicate and balance them."""


def main() -> None:
    """Run the program; show a failure that its reader can mend as a message and an exit code."""
    warnings.filterwarnings("ignore", category=UserWarning)
    arguments = sys.argv[1:] or ["--help"]
    try:
        code = app(arguments, standalone_mode=False)
    except CurateError as error:
        if os.environ.get("CURATE_DEBUG"):
            raise
        code = _complain(str(error), error.hint, error.exit_code)
    except typer.TyperException as error:
        command = f"curate {arguments[0]}" if arguments[0] in _names() else "curate"
        code = _complain(error.format_message(), f"see `{command} --help`", error.exit_code)
    except typer.Abort:
        code = INTERRUPTED
    except OSError as error:
        known = disk_error(error, error.filename or "the output")
        if known is None:
            raise
        code = _complain(str(known), known.hint, known.exit_code)
    if code == INTERRUPTED:
        code = _complain(
            "interrupted", "what was done is saved; the same command goes on", INTERRUPTED
        )
    sys.exit(code if isinstance(code, int) else 0)


def _names() -> list[str]:
    return [command.__name__ for command in COMMANDS]


def _complain(message: str, hint: str, exit_code: int) -> int:
    """Say what went wrong, as text or as JSON where that was asked for."""
    if "--json" in sys.argv:
        print_json({"error": message, "hint": hint, "exit_code": exit_code})
    say(f"error: {message}")
    say(f"hint: {hint}")
    return exit_code

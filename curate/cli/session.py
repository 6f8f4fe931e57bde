"""How commands behave for a while: where what they tell goes, and what a pipeline wants of them."""

from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curate.cli.log_file import add_line, open_log
from curate.workspace.bucket_address import show_addresses


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """Where what is told goes, besides the terminal.

    Attributes:
        is_json_lines: Whether progress and result go to stdout as JSON, an object a line.
        log: A file that lines are added to, or None.
    """

    is_json_lines: bool = False
    log: Path | None = None

    def add_to_log(self, line: str) -> None:
        """Add a line with the time, in UTC, to the log, if there is one.

        Raises:
            CurateError: It cannot be written.
        """
        if self.log is not None:
            add_line(self.log, show_addresses(line))


class Session:
    """How commands behave while it lasts: a pipeline runs them in one.

    Attributes:
        is_check: Whether a command ends once it has understood its words.
        is_silent: Whether commands show nothing.
        takes_results: Whether results are wanted.
        results: Those of the commands that ended.
    """

    def __init__(
        self, *, is_check: bool = False, is_silent: bool = False, takes_results: bool = True
    ) -> None:
        """Say how commands behave."""
        self.is_check = is_check
        self.is_silent = is_silent
        self.takes_results = takes_results
        self.results: list[dict[str, Any]] = []
        self._tokens: list[Token[Session]] = []

    def __enter__(self) -> "Session":
        self._tokens.append(_SESSION.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _SESSION.reset(self._tokens.pop())


_ALONE = Session(takes_results=False)
_PLAIN = Output()
_SESSION: ContextVar[Session] = ContextVar("session", default=_ALONE)
_OUTPUT: ContextVar[Output] = ContextVar("output", default=_PLAIN)


def session() -> Session:
    """Return the session that commands are in."""
    return _SESSION.get()


def output() -> Output:
    """Return where what is told goes."""
    return _OUTPUT.get()


def use_output(wanted: Output) -> None:
    """Have what is told go there from now on.

    Raises:
        CurateError: The log cannot be written, or is no file that lines may be added to.
    """
    _OUTPUT.set(replace(wanted, log=None))  # an error of the log is not added to it
    if wanted.log is not None:
        open_log(wanted.log)
        _OUTPUT.set(wanted)

"""What a user can cause and mend: a message, the way out, and an exit code.

Exit codes: 0 done; 1 a bug; 2 wrong usage; 3 the input cannot be used; 4 a resource is missing or
spent; 5 training diverged or collapsed; 10 ``dedup --check`` found copies, or ``compare`` none; 130
interrupted.
"""


class CurateError(Exception):
    """A failure that its reader can mend.

    Attributes:
        hint: One sentence that names the command or option that mends it.
        exit_code: What the command line exits with.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str) -> None:
        """Keep the message (what was found) and the hint (what to do about it)."""
        super().__init__(message)
        self.hint = hint


class UsageError(CurateError, ValueError):
    """An option or argument that makes no sense."""

    exit_code = 2


class InputError(CurateError):
    """A folder, image or manifest that cannot be used."""

    exit_code = 3


class ResourceError(CurateError):
    """Something the machine lacks: disk, a lock, a GPU, a package."""

    exit_code = 4


class TrainingError(CurateError):
    """Training that diverged or collapsed."""

    exit_code = 5


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its type's name."""
    return (str(error).splitlines() or [type(error).__name__])[0]

"""What a source of images is: it lists files and containers, and gives the bytes of an image."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from curate.sources.named_paths import Roots

DEFAULT_EXCLUDES = (
    "@eaDir", "#recycle", "@Recycle", "@tmp", ".thumbnails", ".Trash*", "$RECYCLE.BIN",
    "System Volume Information", "__MACOSX", "lost+found", "Thumbs.db",
)  # fmt: skip
"""Names that are always passed over: what a NAS, a desktop or an archiver adds to a folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the bytes of an image lie, as far as its path does not say it.

    Attributes:
        container: Path of the archive or table that holds it, below the source; None for a file of
            its own.
        member: Its name in there, escaped as paths are.
        row: Number of its row in there, or of its line in a list, from 0.
        offset: Where its bytes begin in the archive; of a compressed one, in what it unpacks to.
        length: How many bytes there are.
        version: What tells that file or container is the one that was read: its ETag, or its time
            and size; None for a file of a folder, which has columns of its own for that.
    """

    container: str | None = None
    member: str | None = None
    row: int | None = None
    offset: int | None = None
    length: int | None = None
    version: str | None = None


NO_PLACE = Place()
"""Of a file in a folder: its path says all."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file, member or row that may be an image.

    Attributes:
        path: Relative to the source, ``/``-separated, escaped as the manifest has it.
        bytes: Size.
        mtime_ns: Time of the last change of the content, in ns; of a member that of its container.
        ctime_ns: Time of the last change of the file, its name included, in ns.
        device: Number of the disk; 0 where there is none.
        inode: Number of the file on its disk.
        link_of: Path of the file of which this is another name: a link to it, or the same folder
            reached twice; None for the file itself.
        label: What the source itself says of it: a member beside it, a column of the table.
        place: Where its bytes lie.
    """

    path: str
    bytes: int
    mtime_ns: int
    ctime_ns: int = 0
    device: int = 0
    inode: int = 0
    link_of: str | None = None
    label: str | None = None
    place: Place = NO_PLACE


@dataclass(frozen=True, slots=True)
class Lost:
    """That the bytes of an image cannot be had.

    Attributes:
        reason: Why, in words.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """That an image is the one that was read before; its bytes were not fetched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What a source or a container holds.

    Attributes:
        files: All files that may be images, sorted by path.
        passed_over: How many files were not looked at, by ending or by what they are.
        problems: What could not be looked at, by name, a sentence each.
        containers: What holds images and is not listed yet, sorted by name.
    """

    files: Sequence[SourceFile]
    passed_over: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[str] = ()
    containers: Sequence["Container"] = ()


class Recall(Protocol):
    """What is known of the images of a source from an earlier scan."""

    def find(self, paths: Sequence[str]) -> Sequence[SourceFile | None]:
        """Return what was read under each path and need not be read again, or None."""


class Container(Protocol):
    """An archive, a table or a list whose images are listed and read in one pass."""

    @property
    def name(self) -> str:
        """Its path below the source."""

    @property
    def is_one_file(self) -> bool:
        """Whether it is one file, which `Source.open_container` opens by its name elsewhere."""

    def find_version(self) -> str | None:
        """Return what tells that it is the one that was read; None where only its images tell.

        Raises:
            OSError: It is not there or cannot be reached.
        """

    def read_through(
        self, *, exclude: Sequence[str], max_bytes: int, recall: Recall
    ) -> Iterator[tuple[SourceFile, bytes | Lost | Unchanged]]:
        """Yield each image with its bytes, in the order in which they lie there.

        A container that cannot be read, or not to its end, is an item of its own name.

        Args:
            exclude: Patterns of what is passed over.
            max_bytes: What is larger is yielded without its bytes.
            recall: What is known already.
        """

    def list_files(self) -> Listing:
        """Return what ``read_through`` has gone through, with links and labels."""


class Source(Protocol):
    """Where images come from.

    A new kind of source is one file that has these, and a line in ``open_source``.
    """

    @property
    def address(self) -> str:
        """What names the source in manifests: a folder's absolute path, a URL without secrets."""

    @property
    def root(self) -> Path | None:
        """The folder in which each image is a file of its own, or None."""

    @property
    def roots(self) -> Roots:
        """Below which folders or URL its images lie, as far as one can tell."""

    @property
    def folders(self) -> Sequence[Path]:
        """The folders of which all that comes into them would be listed."""

    @property
    def is_private(self) -> bool:
        """Whether the images came by credentials, so that only their owner may read copies."""

    @property
    def n_parallel(self) -> int:
        """How many files are worth reading at a time; 1 on a disk."""

    def list_files(self, exclude: Sequence[str] = DEFAULT_EXCLUDES) -> Listing:
        """Return all files that may be images, and what holds further ones.

        Args:
            exclude: Patterns such as ``@eaDir``, ``*.tmp`` or ``old/*`` of what is passed over.

        Raises:
            InputError: The source cannot be listed, or has no image file.
        """

    def open_container(self, name: str) -> Container:
        """Return a container that is one file.

        Args:
            name: As it was listed.
        """

    def read(self, path: str, place: Place = NO_PLACE) -> bytes:
        """Return the bytes of one image, which are those of its version or an error.

        Args:
            path: As it was listed.
            place: As it was listed.

        Raises:
            OSError: It cannot be read, or is of another version; ``strerror`` has no secrets.
        """

    def local_file(self, path: str) -> Path:
        """Return where an image lies on this machine.

        Raises:
            UsageError: It is no file of its own here.
        """

    def disk_paths(self, names: Iterable[str]) -> Iterator[Path]:
        """Yield the files on this machine by which who may read images is known.

        Args:
            names: Paths of files and containers, as they were listed.
        """

"""A folder of images, listed in an order that does not depend on the machine."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from curate.amounts import count_of
from curate.errors import InputError
from curate.images.formats import HEAD_BYTES, OTHER_EXTENSIONS, sniff
from curate.own_folders import OWN_FOLDERS, is_own_folder, refuse_own_folder
from curate.sources.base import (
    DEFAULT_EXCLUDES,
    NO_PLACE,
    Container,
    Listing,
    Place,
)
from curate.sources.containers import ContainerReader, make_container
from curate.sources.entry_names import (
    IMAGE_ENDINGS,
    is_container,
    is_of_pattern,
    is_video,
)
from curate.sources.file_list import FileList
from curate.sources.found_files import FoundFiles
from curate.sources.frame_rate import FrameRate, with_fps
from curate.sources.named_paths import Roots
from curate.sources.names import escape, unescape
from curate.sources.store import DiskStore

_FOLDERS = {
    "hidden folders": "hidden folder",
    "excluded folders": "excluded folder",
    OWN_FOLDERS: "folder of curate",
}
_ONE = {
    **_FOLDERS,
    "links to nothing": "link to nothing",
    "special files": "special file",
    "tables without images": "table without images",
}
"""What one of those that are passed over is called, by what several are."""
_SHOWN = 300  # characters of a path in a message
_Identity = tuple[int, int]


class FolderSource:
    """The image files below a folder; of one that has none, the archives and tables that hold some.

    Names do not decide: a file whose ending is no image's and no well-known other one's is asked by
    its first bytes. Hidden files and folders are passed over. Links are followed, but each folder
    is listed once by its own name and once by a link at most, so that folders linked to each other
    take no longer than their files. Of the names of one physical file, the real path is the file,
    the others are links to it.
    """

    def __init__(self, folder: Path, fps: FrameRate | None = None) -> None:
        """Name the folder; it need not be there yet.

        Args:
            folder: The folder.
            fps: Frames that are taken of its clips; None passes them over.
        """
        self._folder, self._fps = folder, fps
        self._store = DiskStore(folder)
        self._containers = ContainerReader(self._store)

    @property
    def root(self) -> Path:
        """The folder; of one of archives too, whose images are no files there."""
        return self._folder

    @property
    def roots(self) -> Roots:
        """The folder."""
        return {"": self._folder}

    @property
    def folders(self) -> list[Path]:
        """The folder: all that comes into it would be listed."""
        return [self._folder]

    @property
    def is_private(self) -> bool:
        """Whether the images came by credentials: the rights of the files say who may read."""
        return False

    @property
    def n_parallel(self) -> int:
        """How many files are worth reading at a time."""
        return 1

    @property
    def address(self) -> str:
        """The folder's absolute path; bytes that are not UTF-8 are escaped as in manifests."""
        folder = escape_address(os.fsencode(absolute_place(self._folder)))
        return with_fps(folder, self._fps)

    def list_files(self, exclude: Sequence[str] = DEFAULT_EXCLUDES) -> Listing:
        """List the image files.

        Args:
            exclude: Patterns such as ``@eaDir``, ``*.tmp`` or ``old/*`` of what is passed over.

        Raises:
            InputError: The folder is missing, is no folder, cannot be listed or has no image file.
        """
        folder = self._folder
        check_folder(folder)
        walk = _Walk(os.fsencode(folder), exclude, takes_clips=self._fps is not None)
        try:
            inside = os.listdir(folder)  # noqa: PTH208 - names alone
            refuse_own_folder(str(folder), is_own=is_own_folder(folder.absolute().name, inside))
            walk.run()
        except OSError as error:
            raise InputError(
                f"{folder} cannot be listed: {error.strerror}", hint="check its permissions"
            ) from None
        found = list(walk.clips)
        if not len(walk.files):  # beside images they are no source, but what somebody packed
            found += walk.containers
            walk.passed_over.subtract(_ending_of(name.encode()) for name in walk.containers)
        if not len(walk.files) and not found:
            raise InputError(
                f"{folder} holds no image files{_list_counts(walk.passed_over)}",
                hint="name a folder with .jpg, .png, .webp, … files, at any depth; --fps 1 takes "
                "frames of clips",
            )
        return Listing(
            files=FileList(walk.files.finish()),
            passed_over=dict(sorted((+walk.passed_over).items())),
            problems=walk.problems,
            containers=[make_container(self._store, one, fps=self._fps) for one in sorted(found)],
        )

    def open_container(self, name: str) -> Container:
        """Return an archive, table or clip by its name."""
        return make_container(self._store, name, fps=self._fps)

    def read(self, path: str, place: Place = NO_PLACE) -> bytes:
        """Return the bytes of one image.

        Raises:
            OSError: It cannot be read, or its archive has changed.
        """
        if place.container is not None:
            return self._containers.read(place.container, place)
        return self.local_file(path).read_bytes()

    def local_file(self, path: str) -> Path:
        """Return where a file lies on this machine."""
        return self._store.disk_path(path)

    def disk_paths(self, names: Iterable[str]) -> Iterator[Path]:
        """Yield where files and archives lie."""
        return map(self._store.disk_path, names)


def check_folder(folder: Path) -> None:
    """Check that a folder is there.

    Raises:
        InputError: It is not, or is none.
    """
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {problem}", hint="name a folder of images")


def absolute_place(path: Path) -> Path:
    """Return where a path lies, without ``..``; links keep the names that they were called by.

    What stands before a ``..`` is followed to its real place, since that is where it leads up from.
    """
    parts = path.absolute().parts
    if ".." not in parts:
        return path.absolute()
    end = len(parts) - parts[::-1].index("..")
    return Path(os.path.realpath(Path(*parts[:end])), *parts[end:])


def escape_address(folder: bytes) -> str:
    """Return the path of a folder as text; only bytes that are not UTF-8 are escaped."""
    try:
        return folder.decode()
    except UnicodeDecodeError:
        return escape(folder)


def open_address(address: Path | str) -> Path:
    """Return the folder that an address names: what ``escape_address`` wrote, or any path."""
    folder = Path(address)
    if "%" in str(address) and not folder.exists():
        return Path(os.fsdecode(unescape(str(address))))
    return folder


class _Walk:
    """One listing of a folder: its own folders first, then what links lead to."""

    def __init__(self, root: bytes, exclude: Sequence[str], *, takes_clips: bool) -> None:
        self._takes_clips = takes_clips
        self.clips: list[str] = []
        self._root = root
        self._exclude = exclude
        self._linked: set[_Identity] = set()
        self._links: list[tuple[bytes, bytes]] = []
        self.files = FoundFiles()
        self.containers: list[str] = []
        self.passed_over: Counter[str] = Counter()
        self.problems: list[str] = []

    def run(self) -> None:
        """List everything.

        Raises:
            OSError: The folder itself cannot be listed.
        """
        with os.scandir(self._root):
            pass
        self._list_below(self._root, b"", is_link=False)
        while self._links:
            links, self._links = sorted(self._links), []
            for path, inside in links:
                self._follow(path, inside)

    def _follow(self, path: bytes, inside: bytes) -> None:
        """List what a link to a folder leads to, unless it leads back or was listed by a link."""
        here = os.stat(path)  # noqa: PTH116 - bytes
        identity = (here.st_dev, here.st_ino)
        name = _shortened(inside)
        if _leads_back(path):
            self.problems.append(f"{name} is a link that leads back to a folder it lies in")
        elif identity in self._linked:
            self.problems.append(f"{name} is one more link to a folder that is listed already")
        else:
            self._linked.add(identity)
            self._list_below(path, inside + b"/", is_link=True)

    def _list_below(self, folder: bytes, inside: bytes, *, is_link: bool) -> None:
        """List a folder and all below it; links to folders wait."""
        waiting = [(folder, inside)]
        while waiting:
            folder, inside = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self.problems.append(f"{_shortened(inside)} cannot be listed: {error.strerror}")
                continue
            if self._is_own(folder, found):
                self.passed_over[OWN_FOLDERS] += 1
                continue
            for entry in found:
                path = inside + entry.name
                try:
                    self._take_entry(entry, path, waiting, is_link=is_link)
                except OSError as error:
                    self.problems.append(
                        f"{_shortened(path)} cannot be looked at: {error.strerror}"
                    )

    def _take_entry(
        self,
        entry: "os.DirEntry[bytes]",
        path: bytes,
        waiting: list[tuple[bytes, bytes]],
        *,
        is_link: bool,
    ) -> None:
        if entry.name.startswith(b".") or self._is_excluded(path):
            kind = "hidden" if entry.name.startswith(b".") else "excluded"
            self.passed_over[f"{kind} folders" if entry.is_dir() else kind] += 1
        elif entry.is_dir():
            if entry.is_symlink():
                self._links.append((entry.path, path))
            elif not (is_link and self._was_linked(entry)):
                waiting.append((entry.path, path + b"/"))
        elif not entry.is_file():
            is_dead = entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110 - bytes
            self.passed_over["links to nothing" if is_dead else "special files"] += 1
        elif _may_be_image(entry):
            self.files.add(path, entry.stat(), is_link=is_link or entry.is_symlink())
        else:
            self._take_other(entry.name.decode("utf-8", "replace"), path)

    @staticmethod
    def _is_own(folder: bytes, found: "Sequence[os.DirEntry[bytes]]") -> bool:
        """Return whether a folder is one in which curate keeps what it knows."""
        inside = {os.fsdecode(entry.name) for entry in found}
        return is_own_folder(os.fsdecode(os.path.basename(folder)), inside)  # noqa: PTH119 - bytes

    def _take_other(self, name: str, path: bytes) -> None:
        """Note a file that is no image: a clip whose frames are wanted, or what may hold images."""
        if self._takes_clips and is_video(name):
            self.clips.append(escape(path))
            return
        if is_container(name):
            self.containers.append(escape(path))
        self.passed_over[_ending_of(path) or "without an ending"] += 1

    def _was_linked(self, entry: "os.DirEntry[bytes]") -> bool:
        """Return whether a folder below a link was listed by a link, and note that it is now."""
        here = entry.stat()
        identity = (here.st_dev, here.st_ino)
        was_linked = identity in self._linked
        self._linked.add(identity)
        return was_linked

    def _is_excluded(self, path: bytes) -> bool:
        return is_of_pattern(os.fsdecode(path), self._exclude)


def _shortened(path: bytes) -> str:
    """Return a path for a message, the middle of a very long one left out."""
    text = escape(path)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}…{text[-_SHOWN // 2 :]}"


def _leads_back(link: bytes) -> bool:
    """Return whether a link leads to a folder that the link itself lies in."""
    target = os.path.realpath(link)
    holder = os.path.realpath(os.path.dirname(link))  # noqa: PTH120 - bytes
    return (holder + b"/").startswith(target.rstrip(b"/") + b"/")


def _ending_of(name: bytes) -> str:
    return os.path.splitext(name)[1].lower().decode("ascii", "replace")  # noqa: PTH122 - bytes


def _may_be_image(entry: "os.DirEntry[bytes]") -> bool:
    ending = _ending_of(entry.name)
    if ending in IMAGE_ENDINGS:
        return True
    if ending in OTHER_EXTENSIONS:
        return False
    with open(entry.path, "rb") as file:  # noqa: PTH123 - bytes
        return sniff(file.read(HEAD_BYTES)) is not None


def _list_counts(passed_over: Counter[str]) -> str:
    return f" ({describe_passed_over(passed_over)})" if passed_over else ""


def describe_passed_over(passed_over: Mapping[str, int]) -> str:
    """Return such as "15 files passed over: 12 .txt, 3 .mp4"."""
    n_folders = sum(count for kind, count in passed_over.items() if kind in _FOLDERS)
    n_files = sum(passed_over.values()) - n_folders
    counts = ((n_files, "file"), (n_folders, "folder"))
    total = " and ".join(count_of(count, one) for count, one in counts if count)
    ranked = sorted(passed_over.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(count_of(count, _ONE.get(name, name), name) for name, count in ranked[:8])
    more = f", and {count_of(len(ranked) - 8, 'other kind')}" if len(ranked) > 8 else ""
    return f"{total} passed over: {shown}{more}"

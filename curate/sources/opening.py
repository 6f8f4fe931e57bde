"""From an address, as people write it or a manifest has it, to the source."""

import glob
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import InputError, UsageError, first_line
from curate.files import Utf8Name
from curate.secrets import without_secrets
from curate.sources import web
from curate.sources.base import Source
from curate.sources.bucket import SCHEMES as BUCKET_SCHEMES
from curate.sources.bucket import BucketStore
from curate.sources.bucket_source import BucketSource
from curate.sources.entry_names import is_container, is_video
from curate.sources.files import FilesSource
from curate.sources.folder import FolderSource, absolute_place, check_folder, open_address
from curate.sources.frame_rate import FPS_MARK, FrameRate, parse_frame_rate, with_fps
from curate.sources.fsspec_store import FsspecStore
from curate.sources.list_entries import is_list_name, read_column_names
from curate.sources.list_file import ListSource
from curate.sources.many import ManySources
from curate.sources.names import escape
from curate.sources.patterns import expand_braces, is_pattern
from curate.sources.remote import N_PARALLEL, RemoteStore
from curate.sources.store import DiskStore
from curate.sources.table_rows import NoImages, find_columns
from curate.sources.web import WebStore

Address = Path | str | Sequence[Path | str]
"""A folder, a list file, an archive, a pattern of them, a bucket or URL; or several of these."""

_URL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+)://")
_FOOTER = b"curate"  # of a manifest, which is no source
_PARQUET = b"PAR1"
_PACKED = (".zip", ".7z", ".rar")


def open_source(address: Address) -> Source:
    """Return the source of an address, or of several as one.

    Several names of one place are one source, by the first of them.

    Args:
        address: A folder; a list (``.txt``, ``.csv``, ``.parquet`` with a column of paths or URLs,
            named behind ``#`` if need be); archives (``shards/{00..99}.tar``); Parquet or Arrow
            with images; ``s3://``, ``gs://``, ``az://``, ``https://``; or what ``address`` of a
            source says.

    Raises:
        InputError: It is none of these.
        ResourceError: A package that it needs is not installed.
        UsageError: It is empty, or a pattern stands for too many names.
    """
    several = [str(one) for one in split_address(address)]
    if len(several) > 1 and not isinstance(address, str):  # as a person names them
        named: dict[str, str] = {}
        for one in several:
            named.setdefault(real_address(one), one)
        several = list(named.values())
    if len(several) > 1:
        return ManySources([_open_one(one) for one in several])
    return _open_one(several[0])


def is_url(address: object) -> bool:
    """Return whether an address is a URL, not a path of this machine."""
    return isinstance(address, str) and _URL.match(address) is not None


def is_source(target: Address) -> bool:
    """Return whether something is a source of images, as far as one sees, or else a manifest.

    A table that has the columns of a manifest is one, or is meant to be.

    Args:
        target: What a person named.

    Raises:
        UsageError: It is an empty list.
    """
    several = split_address(target)
    if len(several) != 1 or is_url(str(several[0])):
        return True
    path = Path(several[0])
    if not path.exists() and is_pattern(str(path)):
        return True
    name = path.name.lower()
    if path.is_dir() or not name.endswith((".parquet", ".csv")):
        return True
    if not path.is_file():
        return not name.endswith(".parquet")
    try:
        columns = read_column_names(path)
    except InputError:
        return False
    return not ("path" in columns and ("hash" in columns or "status" in columns))


def check_source(address: Address) -> None:
    """Check that a source can be opened, and that its folders are there, before other work.

    Raises:
        InputError: It is none, or a folder is not there.
    """
    for folder in open_source(address).folders:
        check_folder(folder)


def name_source(address: str) -> str:
    """Return an address for a message; of several they stand side by side.

    >>> name_source('["/a.tar", "s3://bucket/b"]')
    '/a.tar, s3://bucket/b'
    """
    return ", ".join(str(one) for one in split_address(address))


def real_address(address: str) -> str:
    """Return an address in which files and folders have their real paths, without links and ``..``.

    Two names of one source have one; what is not there any more keeps its name.

    Args:
        address: Of a source, or of several, as a manifest has it.
    """
    several = [str(one) for one in split_address(address)]
    if len(several) > 1:
        return json.dumps([real_address(one) for one in several])
    named, fps = _split_fps(several[0])
    path = open_address(named)
    if is_url(named) or not path.exists():
        return address
    return with_fps(os.path.realpath(path), fps)


def split_address(address: Address) -> Sequence[Path | str]:
    """Return the addresses, one or more.

    Raises:
        UsageError: There is none.
    """
    if isinstance(address, str) and address.startswith('["') and not Path(address).exists():
        try:
            return [str(one) for one in json.loads(address)]
        except ValueError:
            return [address]
    if isinstance(address, str | os.PathLike):
        return [address]
    if not len(address):  # an array has no truth of its own
        raise UsageError("no source is named", hint="name a folder; '.' is the one you are in")
    return list(address)


def _open_one(address: str) -> Source:
    """Return the source of one address, which may say which frames of clips are taken.

    Raises:
        InputError: It is none, or takes no frames.
        UsageError: It is empty, or a pattern that stands for too many names.
    """
    if not address:
        raise UsageError("a source is empty", hint="name a folder; '.' is the one you are in")
    address, fps = _split_fps(address)
    if is_url(address):
        return _open_url(address, fps)
    path = open_address(address)
    if path.is_file():
        return _open_file(path, None, fps)
    if not path.exists():
        before, mark, column = address.rpartition("#")
        if mark and Path(before).is_file():
            return _open_file(Path(before), column, fps)
        if is_pattern(address):
            return _open_pattern(address, fps)
    return FolderSource(path, fps)


def add_fps(address: Address | None, fps: FrameRate | str | None) -> Address | None:
    """Return addresses that say which frames are taken of clips.

    Args:
        address: A source, or several.
        fps: Frames a second, or ``scenes``; None leaves the addresses as they are.

    Raises:
        UsageError: No source is named, or it is no number of frames.
    """
    if fps is None:
        return address
    if address is None:
        raise UsageError("--fps is of a source that is named", hint="name the source of clips")
    rate = parse_frame_rate(str(fps))
    return [with_fps(str(one), rate) for one in split_address(address)]


def _split_fps(address: str) -> tuple[str, FrameRate | None]:
    """Return an address and the frames of clips that it asks for."""
    before, mark, asked = address.rpartition(FPS_MARK)
    if not mark:
        return address, None
    try:
        return before, parse_frame_rate(asked)
    except UsageError:
        return address, None  # of a file that is called so


def _open_file(path: Path, column: str | None, fps: FrameRate | None) -> Source:
    """Return the source that one file of this machine is.

    Raises:
        InputError: It is none.
    """
    whole = absolute_place(path)
    address = f"{whole}#{column}" if column else str(whole)
    name = path.name.lower()
    if is_list_name(name) and _is_parquet(path):
        raise InputError(
            f"{path} is a Parquet file, and no list as its name says",
            hint=f"call it {path.stem}.parquet",
        )
    if is_list_name(name) or (name.endswith(".parquet") and _is_list(path, column)):
        return ListSource(with_fps(address, fps), path, column, fps)
    if is_container(name) or (fps is not None and is_video(name)):
        names = [escape(os.fsencode(whole.name))]
        return FilesSource(with_fps(address, fps), DiskStore(whole.parent), names, fps=fps)
    if name.endswith(_PACKED):
        raise InputError(
            f"{path} is a {path.suffix.lower()[1:]} archive, which is not read",
            hint="unpack it and name the folder, or pack it as .tar",
        )
    raise InputError(
        f"{path} is a file, and no archive, table or list of images",
        hint="add --fps 1, which takes a frame a second, or --fps scenes"
        if is_video(name)
        else "name a folder of images, a .tar, a .parquet, or a .txt with a path a line",
    )


def _is_parquet(path: Path) -> bool:
    """Return whether a file is Parquet by how it begins; one that cannot be read is not."""
    try:
        with path.open("rb") as file:
            return file.read(len(_PARQUET)) == _PARQUET
    except OSError:
        return False


def _is_list(path: Path, column: str | None) -> bool:
    """Return whether a Parquet file lists images and holds none.

    Raises:
        InputError: It is no Parquet file, or a manifest.
    """
    name = Utf8Name(path)  # lives until the file is read
    try:
        schema = pq.read_schema(str(name))
    except (pa.ArrowException, OSError):
        return False  # said when it is read
    if _FOOTER in (schema.metadata or {}):
        raise InputError(
            f"{path} is a manifest, no source of images",
            hint="name the source itself, or give the manifest to a command that takes one",
        )
    if column is not None:
        return True
    try:
        find_columns(schema)
    except NoImages:
        return True
    return False


def _open_pattern(address: str, fps: FrameRate | None) -> Source:
    """Return the source of the files that a pattern stands for.

    Paths begin below the folder that it names outright: other files tomorrow have no other paths.

    Raises:
        InputError: There are none, or folders and files.
    """
    whole = os.path.abspath(address)  # noqa: PTH100 - Path would take a pattern apart
    found: list[str] = []
    for one in expand_braces(whole):
        found += sorted(glob.glob(one, recursive=True)) if glob.has_magic(one) else [one]  # noqa: PTH207
    there = [Path(one) for one in dict.fromkeys(found) if os.path.exists(one)]  # noqa: PTH110
    if not there:
        raise InputError(f"no file is named {address}", hint="check the pattern")
    if any(one.is_dir() for one in there):
        return _open_folders(address, found, fps)
    folder = os.path.dirname(re.split(r"[*?\[{]", whole, maxsplit=1)[0])  # noqa: PTH120
    names = [escape(os.fsencode(os.path.relpath(one, folder))) for one in dict.fromkeys(found)]
    return FilesSource(with_fps(whole, fps), DiskStore(Path(folder)), names, fps=fps)


def _open_folders(address: str, names: Sequence[str], fps: FrameRate | None) -> Source:
    """Return the source of the folders that a pattern stands for.

    Raises:
        InputError: Some of them are files.
    """
    folders = [Path(one) for one in dict.fromkeys(names)]
    file = next((one for one in folders if one.is_file()), None)
    if file is not None:
        raise InputError(
            f"{address} stands for folders and for files, such as {file.name}",
            hint="name the folder that they lie in, or a pattern of one kind",
        )
    sources = [FolderSource(one, fps) for one in folders]
    return ManySources(sources) if len(sources) > 1 else sources[0]


def _open_url(url: str, fps: FrameRate | None) -> Source:
    """Return the source of a URL, or of several that a pattern of braces stands for.

    Raises:
        InputError: It is none that can be listed.
    """
    try:
        path = urlsplit(url).path
    except ValueError as error:
        raise InputError(
            f"{without_secrets(url)} is no URL: {first_line(error)}", hint="check its host"
        ) from None
    if is_list_name(path):
        raise InputError(
            f"{without_secrets(url)} is a list elsewhere", hint="copy the list to this machine"
        )
    is_web = urlsplit(url).scheme.lower() in web.SCHEMES
    if is_web or is_container(path) or (fps is not None and is_video(path)):
        urls = expand_braces(url)
        return _open_objects(url, urls, fps)
    return BucketSource(url, _open_bucket(url), fps)


def _open_objects(url: str, urls: Sequence[str], fps: FrameRate | None) -> Source:
    """Return the source of single objects, of web servers or of a bucket."""
    store: RemoteStore
    if urlsplit(url).scheme.lower() in web.SCHEMES:
        server = WebStore()
        names = [without_secrets(one) for one in urls]
        for name, one in zip(names, urls, strict=True):
            server.know(name, one)
        address = with_fps(without_secrets(url), fps)
        return FilesSource(address, server, names, n_parallel=N_PARALLEL, fps=fps)
    folder = os.path.commonpath([os.path.dirname(urlsplit(one).path) or "/" for one in urls])  # noqa: PTH120
    parts = urlsplit(url)
    store = _open_bucket(f"{parts.scheme}://{parts.netloc}{folder}")
    names = [escape(os.path.relpath(urlsplit(one).path, folder).encode()) for one in urls]
    address = with_fps(without_secrets(url), fps)
    source = FilesSource(address, store, names, n_parallel=N_PARALLEL, fps=fps)
    source.is_private = True
    return source


def _open_bucket(url: str) -> BucketStore | FsspecStore:
    scheme = urlsplit(url).scheme.lower()
    return BucketStore(url) if scheme in BUCKET_SCHEMES else FsspecStore(url)


class OpenSources:
    """Sources that are opened once and read often."""

    def __init__(self) -> None:
        """Open none yet."""
        self._sources: dict[str, Source] = {}

    def find(self, address: str) -> Source:
        """Return the source of an address that a manifest or catalogue has.

        Raises:
            InputError: It is no address.
            ResourceError: A package that it needs is not installed.
        """
        if address not in self._sources:
            self._sources[address] = open_source(address)
        return self._sources[address]

"""A bucket, or what lies below a prefix of it: images, archives and tables."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from curate.errors import InputError, UsageError
from curate.own_folders import OWN_FOLDERS, OWN_NAMES, find_own_folder, refuse_own_folder
from curate.secrets import without_secrets
from curate.sources.base import DEFAULT_EXCLUDES, NO_PLACE, Container, Listing, Place, SourceFile
from curate.sources.bucket import BucketStore
from curate.sources.containers import ContainerReader, make_container
from curate.sources.entry_names import (
    ending_of_name,
    holds_images,
    is_excluded,
    is_hidden,
    is_image_name,
)
from curate.sources.file_list import FileList, FileListBuilder
from curate.sources.files import NOT_FILES_HINT
from curate.sources.frame_rate import FrameRate, with_fps
from curate.sources.fsspec_store import FsspecStore
from curate.sources.named_paths import Roots
from curate.sources.remote import N_PARALLEL, CutOffError
from curate.sources.store import FileFacts


class BucketSource:
    """All objects below an address; what their names do not tell of is read, and is a row."""

    def __init__(
        self, url: str, store: BucketStore | FsspecStore, fps: FrameRate | None = None
    ) -> None:
        """Name the address.

        Args:
            url: Such as ``s3://bucket/prefix``.
            store: The objects below it.
            fps: Frames that are taken of clips; None takes none.
        """
        self.address = with_fps(without_secrets(url), fps)
        self.root: Path | None = None
        self.roots: Roots = {"": without_secrets(url)}
        self.folders: Sequence[Path] = ()
        self.is_private = True
        self.n_parallel = N_PARALLEL
        self._store, self._fps = store, fps
        self._containers = ContainerReader(store)

    def list_files(self, exclude: Sequence[str] = DEFAULT_EXCLUDES) -> Listing:
        """Return the objects that may be images, and the containers.

        Raises:
            InputError: The bucket cannot be listed, or holds neither.
        """
        refuse_own_folder(
            self.address, is_own=find_own_folder(urlsplit(self.address).path) is not None
        )
        walk = _Objects(self._store, exclude, self._fps)
        try:
            walk.run()
        except (OSError, CutOffError) as error:
            raise InputError(
                f"{self.address} cannot be listed: {getattr(error, 'strerror', error)}",
                hint="check the address, and the credentials in the environment",
            ) from None
        if not walk.n_files and not walk.containers:
            refuse_own_folder(self.address, is_own=not walk.own_folders.isdisjoint(OWN_NAMES))
            raise InputError(
                f"{self.address} holds no images", hint="name a bucket and prefix that holds some"
            )
        passed_over = walk.passed_over | Counter({OWN_FOLDERS: len(walk.own_folders)})
        return Listing(
            files=FileList(walk.builder.finish().sort_by("path")),
            passed_over=dict(sorted((+passed_over).items())),
            containers=sorted(walk.containers, key=lambda one: one.name),
        )

    def open_container(self, name: str) -> Container:
        """Return an archive, table or clip by its name."""
        return make_container(self._store, name, fps=self._fps)

    def read(self, path: str, place: Place = NO_PLACE) -> bytes:
        """Return the bytes of one image.

        Raises:
            OSError: It cannot be read, or is of another version.
        """
        if place.container is not None:
            return self._containers.read(place.container, place)
        return self._store.read(path, place.version)

    def local_file(self, path: str) -> Path:
        """Refuse: no image is a file on this machine.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"{self.address}/{path} is no file on this machine", hint=NOT_FILES_HINT)

    def disk_paths(self, names: Iterable[str]) -> Iterator[Path]:
        """Yield nothing: nothing lies on this machine."""
        del names
        return iter(())


class _Objects:
    """One listing of what lies below an address."""

    def __init__(
        self, store: BucketStore | FsspecStore, exclude: Sequence[str], fps: FrameRate | None
    ) -> None:
        self._store, self._exclude, self._fps = store, exclude, fps
        self.builder, self.n_files = FileListBuilder(), 0
        self.containers: list[Container] = []
        self.own_folders: set[str] = set()
        self.passed_over: Counter[str] = Counter()

    def run(self) -> None:
        """List everything.

        Raises:
            OSError: It cannot be listed.
        """
        for name, facts in self._store.list_objects():
            if own := find_own_folder(name):
                self.own_folders.add(own)
            elif name and not name.endswith("/"):
                self._take(name, facts)

    def _take(self, name: str, facts: FileFacts) -> None:
        if is_hidden(name) or is_excluded(name, self._exclude):
            self.passed_over["hidden" if is_hidden(name) else "excluded"] += 1
        elif holds_images(name, has_fps=self._fps is not None):
            self.containers.append(make_container(self._store, name, fps=self._fps))
        elif is_image_name(name) is False:
            self.passed_over[ending_of_name(name)] += 1
        else:
            place = Place(length=facts.bytes, version=facts.version)
            self.builder.add(SourceFile(name, facts.bytes, facts.mtime_ns, place=place))
            self.n_files += 1

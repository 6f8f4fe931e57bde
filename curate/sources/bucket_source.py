"""A bucket, or what lies below a prefix of it: images, archives and tables."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from curate.errors import InputError, UsageError
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
        builder, passed_over = FileListBuilder(), Counter[str]()
        containers: list[Container] = []
        n_files = 0
        try:
            for name, facts in self._store.list_objects():
                if not name or name.endswith("/"):
                    continue
                if is_hidden(name) or is_excluded(name, exclude):
                    passed_over["hidden" if is_hidden(name) else "excluded"] += 1
                elif holds_images(name, has_fps=self._fps is not None):
                    containers.append(make_container(self._store, name, fps=self._fps))
                elif is_image_name(name) is False:
                    passed_over[ending_of_name(name)] += 1
                else:
                    place = Place(length=facts.bytes, version=facts.version)
                    builder.add(SourceFile(name, facts.bytes, facts.mtime_ns, place=place))
                    n_files += 1
        except (OSError, CutOffError) as error:
            raise InputError(
                f"{self.address} cannot be listed: {getattr(error, 'strerror', error)}",
                hint="check the address, and the credentials in the environment",
            ) from None
        if not n_files and not containers:
            raise InputError(
                f"{self.address} holds no images", hint="name a bucket and prefix that holds some"
            )
        return Listing(
            files=FileList(builder.finish().sort_by("path")),
            passed_over=dict(sorted(passed_over.items())),
            containers=sorted(containers, key=lambda one: one.name),
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

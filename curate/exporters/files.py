"""Exports that leave images as files: symbolic links, hard links, copies, a list of paths."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pyarrow.compute as pc

from curate.choices import ExportAs
from curate.errors import InputError, UsageError
from curate.exporters.base import Exporter, Item
from curate.manifest.rows import Rows

LIST = "images.txt"


def make_symlink(file: Path, target: Path) -> None:
    """Make a symbolic link; the folders above it are made too.

    Args:
        file: The file that it leads to.
        target: The link.

    Raises:
        InputError: To the disk, it is another image's.
    """
    with _new_file(target):
        target.symlink_to(file)


@contextmanager
def _new_file(target: Path) -> Iterator[None]:
    """Make the folders above a file that the block makes.

    Raises:
        InputError: It is there, since the disk takes the names of two images for one.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except FileExistsError:
        raise InputError(
            f"the disk takes the names of two images for one: {target.name}",
            hint="export to one that tells capital from small letters, or use --as tar",
        ) from None


class SymlinkExporter(Exporter, form=ExportAs.SYMLINK):
    """Symbolic links to the source files."""

    def add(self, item: Item) -> None:
        """Link one image."""
        make_symlink(item.local_file, self.folder / item.place)


class HardlinkExporter(Exporter, form=ExportAs.HARDLINK):
    """Hard links to the source files."""

    def add(self, item: Item) -> None:
        """Link one image.

        Raises:
            InputError: To the disk, its place is another image's.
            UsageError: It lies on another disk, so that no hard link can be made.
            FileExistsError: Never: it becomes the first of these.
        """
        target = self.folder / item.place
        with _new_file(target):
            try:
                target.hardlink_to(item.local_file.resolve())
            except FileExistsError:
                raise
            except OSError as error:
                raise UsageError(
                    f"{item.file} cannot be hard-linked to {target.parent}: {error.strerror}",
                    hint="hard links need one disk; use --as copy or --as symlink",
                ) from None


class CopyExporter(Exporter, form=ExportAs.COPY):
    """Copies of the source files, with their times."""

    writes_content = True

    def add(self, item: Item) -> None:
        """Copy one image.

        Raises:
            InputError: To the disk, its place is another image's.
        """
        target = self.folder / item.place
        with _new_file(target), target.open("xb") as file:
            file.write(item.payload)
        if item.file is not None:
            shutil.copystat(item.file, target)


class ListExporter(Exporter, form=ExportAs.LIST):
    """A text file with the path of each source file on a line."""

    def __init__(self, folder: Path, resources: ExitStack, *, has_null_ends: bool = False) -> None:
        """Open the list.

        Args:
            folder: Where it goes.
            resources: Closes it.
            has_null_ends: Whether a zero byte ends each path, as ``xargs -0`` reads it, so that it
                may hold a line break.
        """
        super().__init__(folder, resources)
        self._end = b"\0" if has_null_ends else b"\n"
        self._list = resources.enter_context((folder / LIST).open("wb"))

    @classmethod
    def check_rows(cls, rows: Rows, **settings: Any) -> None:  # noqa: ANN401 - see `open`
        """Check that no path has a line break where lines end them.

        Raises:
            UsageError: One has.
        """
        if settings.get("has_null_ends"):
            return
        for batch in rows.batches(["path"]):
            broken = batch.filter(pc.match_substring(batch["path"], "\n"))
            if len(broken):
                _refuse_line_break(broken["path"][0].as_py())

    def add(self, item: Item) -> None:
        """List one image; its name may be no UTF-8.

        Raises:
            UsageError: There is a line break in it, and lines end the paths.
        """
        name = os.fsencode(item.local_file)
        if self._end in name:
            _refuse_line_break(str(item.file))
        self._list.write(name + self._end)


def _refuse_line_break(name: str) -> NoReturn:
    """Tell that a name does not stand on one line.

    Raises:
        UsageError: Always.
    """
    raise UsageError(
        f"{name} has a line break in its name, so a list of lines cannot hold it",
        hint="add --null, which ends each path with a zero byte, as `xargs -0` reads it",
    )
